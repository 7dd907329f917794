"""LangGraph alone, in a process of its own: set up as its documentation does.

One `AsyncPostgresSaver.from_conn_string(…)`, so one connection, that all runs
of the process share; a graph compiled with it; the default durability. The
documentation says nothing of an event loop, so asyncio's own is what it is
measured on; `uvloop` is what Telewright itself uses.

    python -m benchmarks.bare asyncio|uvloop <runs> <at a time>
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from uuid import uuid4

import uvloop
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.types import Command

from benchmarks.workflow import builder

WARM_UP = 20


async def main(count: int, concurrency: int) -> None:
    """Say when it is warm; with each line that comes, do the runs and say when they are done."""
    async with AsyncPostgresSaver.from_conn_string(os.environ["DATABASE_URL"]) as saver:
        graph = builder().compile(checkpointer=saver)

        async def one() -> None:
            config = {"configurable": {"thread_id": str(uuid4())}}
            await graph.ainvoke({}, config)  # type: ignore[call-overload]
            after = await graph.ainvoke(Command(resume={"choice": "yes"}), config)  # type: ignore[call-overload]
            if after["value"] != 2:
                raise AssertionError(after)

        await at_a_time(one, WARM_UP, concurrency)
        while True:
            print("ready", flush=True)
            if not await asyncio.to_thread(sys.stdin.readline):
                return
            await at_a_time(one, count, concurrency)


async def at_a_time(one: Callable[[], Awaitable[None]], count: int, concurrency: int) -> None:
    """Do something so many times, so many at once."""
    slots = asyncio.Semaphore(concurrency)

    async def in_slot() -> None:
        async with slots:
            await one()

    await asyncio.gather(*(in_slot() for _ in range(count)))


if __name__ == "__main__":
    run = uvloop.run if sys.argv[1] == "uvloop" else asyncio.run
    run(main(int(sys.argv[2]), int(sys.argv[3])))
