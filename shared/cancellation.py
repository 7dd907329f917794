"""What may be interrupted, and what has to be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Do work that threads do for us, and which therefore cannot be stopped in the middle.

    Cancelled meanwhile, it is still waited for, so that what comes next, such as stopping
    what it starts, finds it done.

    Raises:
        CancelledError: It was cancelled, and the work has ended by now.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
