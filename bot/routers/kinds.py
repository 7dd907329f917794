"""The filter of what a message is."""

from __future__ import annotations

from aiogram.enums import ContentType
from aiogram.filters import Filter
from aiogram.types import Message


class Kind(Filter):
    """Lets pass messages of some kinds.

    Aiogram calls whatever is no coroutine in a thread of its own, `F.text` as well: seven of these
    for a line of text cost more than all that is done with it otherwise.
    """

    def __init__(self, *kinds: ContentType) -> None:
        """Make it.

        Args:
            kinds: What passes.
        """
        self._kinds = frozenset(kinds)

    async def __call__(self, message: Message) -> bool:
        """Return whether a message passes."""
        return message.content_type in self._kinds
