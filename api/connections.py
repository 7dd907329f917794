"""A connection's protocol, which does not wait for a request's header for ever."""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S: Final = 10.0
"""Seconds from a connection's beginning, or from a later header's own, to the header's last line."""


def impatient(header_s: float) -> type[H11Protocol]:
    """Return a protocol for uvicorn, which makes one of it for each connection.

    Args:
        header_s: Seconds for a header.
    """
    return type("Impatient", (_Impatient,), {"header_s": header_s})


class _Impatient(H11Protocol):
    """Uvicorn's, with a limit on headers.

    Uvicorn's own timer runs only between an answer and the next byte: who says nothing at all, or
    half a header, would stay, and be counted among those who are served, until they go.
    """

    header_s: float
    _until_header: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        """Take what has come, and wait on if a header is not whole yet."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._until_header is None:
            # One more request of the same connection; uvicorn has put its own timer away.
            self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        self._until_header = self.loop.call_later(self.header_s, self._end)

    def _stop_waiting(self) -> None:
        if self._until_header is not None:
            self._until_header.cancel()
            self._until_header = None

    def _end(self) -> None:
        # Not close(): it waits until the other side has read what was written.
        self.transport.abort()
