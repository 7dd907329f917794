"""supervisord, answering as soon as it can.

Its loop waits up to a second for something to arrive, and a process that ends is nothing
that arrives: since PEP 475 the signal does not cut the wait short. Whoever stops a
service, or the server, would wait for that second each time.

The server runs this file with a bare interpreter, which does not know Telewright.
"""

from __future__ import annotations

from supervisor import supervisord
from supervisor.http import deferring_http_channel
from supervisor.options import ServerOptions
from supervisor.poller import Poller
from supervisor.states import SupervisorStates

SOON_S = 0.05
"""As often as supervisor itself would look whether it can answer, if its loop came round."""


class AttentivePoller(Poller):  # type: ignore[misc]  # supervisor has no types
    """Waits shortly while somebody waits for an answer, or everything is being stopped."""

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        """Wait for what arrives. Returns what can be read and what can be written."""
        readable, writable = super().poll(SOON_S if self._is_awaited() else timeout)
        return readable, writable

    def _is_awaited(self) -> bool:
        channels = self.options.get_socket_map().values()
        return self.options.mood < SupervisorStates.RUNNING or any(
            isinstance(channel, deferring_http_channel) and channel.delay for channel in channels
        )


class AttentiveOptions(ServerOptions):  # type: ignore[misc]
    """What supervisord is built from, with that poller."""

    def __init__(self) -> None:
        super().__init__()
        self.poller = AttentivePoller(self)


def main() -> None:
    """Be supervisord, as its own `main` is."""
    first, again = True, True
    while again:
        options = AttentiveOptions()
        options.realize(doc=__doc__)
        options.first, options.test = first, False
        supervisord.go(options)
        options.close_httpservers()
        options.close_logger()
        first, again = False, options.mood >= SupervisorStates.RESTARTING


if __name__ == "__main__":
    main()
