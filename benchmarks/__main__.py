"""All figures of the README, one after the other: `make bench`."""

from __future__ import annotations

import asyncio

import uvloop

from benchmarks import answer, cancel, executor, outages, recovery, search, start, sync, telegram


async def main() -> None:
    """Run each with a heading."""
    for title, benchmark in {
        "Executor": executor.main,
        "Message to first answer": answer.main,
        "Cancelling with a child process under way": cancel.main,
        "kill -9 with runs under way": recovery.main,
        "Indexing and search": search.main,
        "Keeping GitHub's repositories known": sync.main,
        "After an outage": outages.main,
        "Start of `telewright up`": start.main,
        "The Telegram bot under load": telegram.main,
    }.items():
        print(f"\n{title}")
        await benchmark()
        await asyncio.sleep(1)


if __name__ == "__main__":
    uvloop.run(main())
