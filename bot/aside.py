"""Stepping aside: what an update needs takes a while, and its chat goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any


class Aside(Exception):
    """An update waits for something; it is handled once more when that has ended, whichever way it did.

    Until then it is not handled, so that it is taken up from the start after a crash.
    """

    def __init__(self, until: Collection[asyncio.Future[Any]]) -> None:
        """Say what it waits for.

        Args:
            until: What has to end, one at least. What it comes to is for the handler to look at.
        """
        super().__init__(until)
        self.until = until
