"""Wake-ups reach whom they concern, here and in other processes, and cost nobody anything when Valkey is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from infrastructure.embedded.valkey import EmbeddedValkey
from shared.live import Live, Watch, WatchOfAll
from tests.engine import until
from tests.parts import SharedParts

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def valkey(redis_url: str, shared_parts: SharedParts, worker_id: str) -> EmbeddedValkey:
    """The one behind it, which is started again for the next test."""
    return shared_parts.valkey(worker_id)


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    async with Live(redis_url) as live:
        yield live


@pytest.fixture
async def elsewhere(redis_url: str, live: Live) -> AsyncIterator[Live]:
    """Another process, which hears this one already."""
    async with Live(redis_url) as elsewhere:
        await _heard(live, elsewhere)
        yield elsewhere


async def test_a_reader_of_all_sessions_here_is_left_alone_where_nothing_is_left_to_tell(
    live: Live, elsewhere: Live
) -> None:
    session_id = uuid4()
    with (
        live.watching(session_id) as here,
        live.watching_all() as all_here,
        elsewhere.watching_all() as there,
    ):
        live.wake(session_id, all_of_them=False)

        assert await here.wait()
        assert not await all_here.wait()
        await _wait_for(there, {session_id})


async def test_wake_ups_of_many_sessions_reach_another_process(live: Live, elsewhere: Live) -> None:
    sessions = {uuid4() for _ in range(500)}
    with elsewhere.watching_all() as watch:
        for session_id in sessions:
            live.wake(session_id)
        await _wait_for(watch, sessions)


async def test_what_comes_in_by_a_front_wakes_who_handles_it_in_another_process_and_nobody_else(
    live: Live, elsewhere: Live
) -> None:
    with (
        elsewhere.watching_inbox("telegram") as handles,
        elsewhere.watching_inbox("api") as other,
        elsewhere.watching_all() as reads,
    ):
        live.wake_inbox("telegram")

        await _wait_until_woken(handles)
        assert not other.woken.is_set()
        assert not await reads.wait()


async def test_nobody_waits_for_a_valkey_that_is_away_and_the_next_wake_up_works(
    valkey: EmbeddedValkey, live: Live, elsewhere: Live
) -> None:
    session_id = uuid4()
    with live.watching(session_id) as here, elsewhere.watching(session_id) as there:
        valkey.stop()
        live.wake(session_id)
        assert here.woken.is_set()
        await until(lambda: _is_published(live))

        valkey.start()
        await _heard(live, elsewhere)
        there.woken.clear()
        live.wake(session_id)
        await _wait_until_woken(there)


async def _heard(live: Live, elsewhere: Live) -> None:
    """Wait until what one says is heard by the other."""
    session_id = uuid4()

    async def is_heard() -> bool:
        live.wake(session_id)
        return await watch.wait()

    with elsewhere.watching(session_id) as watch:
        await until(is_heard, within_s=20)


async def _is_published(live: Live) -> bool:
    """Whether nothing is left to tell others, or it was tried in vain."""
    return not live._unpublished


async def _wait_until_woken(watch: Watch) -> None:
    async with asyncio.timeout(20):
        while not await watch.wait():
            """Valkey takes its time."""


async def _wait_for(watch: WatchOfAll, sessions: set[UUID]) -> None:
    missing = set(sessions)
    async with asyncio.timeout(20):
        while missing:
            missing -= await watch.wait()
