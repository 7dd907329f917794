"""A chat kept for an answer that is being written."""

from __future__ import annotations

from collections.abc import Callable

from bot.outbox import Row


class Reservation:
    """A chat in which nothing else is begun, until this is given back."""

    def __init__(self, token: int, give_back: Callable[[Row | None, bool], None]) -> None:
        """Make it.

        Args:
            token: The lease by which the answer is written as under way.
            give_back: Called once, with the row that was written so and whether it is committed.
        """
        self.token = token
        self._give_back = give_back

    def send(self, row: Row) -> None:
        """Send a row that stands in the outbox as under way; its transaction is committed."""
        self._give_back(row, True)

    def release(self, row: Row | None = None) -> None:
        """Send nothing, and look what is next in the chat.

        Args:
            row: The row that was written as under way, of which nobody knows whether it is committed. No
                call was made for it.
        """
        self._give_back(row, False)
