import asyncio
from typing import Any

from service.drain import Drain


def test_the_end_waits_for_the_message_under_way() -> None:
    async def scenario() -> list[str]:
        drain, go_on, events = Drain(), asyncio.Event(), []

        async def handler(event: Any, data: Any) -> None:
            await go_on.wait()
            events.append("handled")

        handling = asyncio.create_task(drain(handler, None, {}))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        assert not await drain.wait(0.01)
        go_on.set()
        assert await drain.wait(5)
        events.append("ended")
        await handling
        return events

    assert asyncio.run(scenario()) == ["handled", "ended"]
