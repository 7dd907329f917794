"""Faults on demand: what the network and Telegram's servers do on a bad day."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from tests.fakes.telegram.errors import ApiError, Json, plain, too_many_requests


@dataclass
class Fault:
    """What goes wrong with the next calls that fit.

    Args:
        method: The method it is for, in any case; none for all of them.
        times: How many calls; none for every call until it is taken back.
        chat: Only calls to this chat.
        skip: Let so many calls pass first.
        status: Answer with this status; 400 and 403 want a `description`.
        description: The error's text, for a status whose text is not fixed.
        cut: Break the connection without an answer.
        after_effect: Do what was asked first; then break the connection, or answer `status`.
        retry_after: Answer 429 with this many seconds.
        slow_s: Wait so long before anything else.
        missing: Answer as a server that does not know the method.
    """

    id: int
    method: str | None = None
    times: int | None = 1
    chat: int | None = None
    skip: int = 0
    status: int | None = None
    description: str | None = None
    cut: bool = False
    after_effect: bool = False
    retry_after: int | None = None
    slow_s: float = 0.0
    missing: bool = False
    hits: int = 0

    def fits(self, method: str, chat: int | None) -> bool:
        """Whether a call is one it is for."""
        if self.times is not None and self.hits >= self.times:
            return False
        return (self.method is None or self.method.lower() == method) and self.chat in {None, chat}

    def error(self) -> ApiError | None:
        """The answer instead of the real one, if there is one."""
        if self.missing:
            return plain(404)
        if self.retry_after is not None:
            return too_many_requests(self.retry_after)
        return plain(self.status, self.description) if self.status is not None else None

    @property
    def cuts(self) -> bool:
        """Whether the connection breaks."""
        return self.cut or (self.after_effect and self.error() is None)


@dataclass
class Faults:
    """The faults that are set, oldest first."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, **what: object) -> int:
        """Set a fault; returns its number."""
        self.faults.append(Fault(id=len(self.faults) + 1, **what))  # type: ignore[arg-type]
        return len(self.faults)

    def take(self, method: str, chat: int | None) -> Fault | None:
        """The fault that hits this call."""
        for fault in self.faults:
            if fault.fits(method, chat):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None

    def status(self, number: int) -> Json:
        """How often a fault has hit, and what it is."""
        return asdict(self.faults[number - 1])

    def cancel(self, number: int) -> None:
        """Take a fault back."""
        self.faults[number - 1].times = 0
