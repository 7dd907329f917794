"""How a command that a person runs ends when it is told to: everything undone first, then a code that says so."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

TOLD = 128
"""Added to a signal's number, as shells do it."""


async def leaving_cleanly(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or until SIGTERM or SIGHUP cancels it; its clean-up is waited for.

    SIGINT is `asyncio.run`'s, which does the same.

    Returns:
        What the work returns, or 128 and the signal's number.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    told: list[int] = []

    def tell(number: int) -> None:
        told.append(number)
        task.cancel()

    numbers = (signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, tell, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not told:
            raise
        return TOLD + told[0]
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
