"""Faults on demand: what the network and GitHub's servers do on a bad day."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase

from tests.fakes.github.errors import Json


@dataclass
class Fault:
    """What goes wrong with the next requests that fit.

    Args:
        route: `METHOD /path`, or `/path` for every method; `*` stands for anything, slashes too. None for all.
        times: How many requests; none for every request until it is taken back.
        skip: Let so many requests pass first.
        status: Answer with this status; from 500 on with GitHub's HTML page, unless there is a `message`.
        message: The error's text.
        cut: Break the connection without an answer.
        truncate: Break it in the middle of the answer's body.
        after_effect: Do what was asked first; then break the connection, or answer `status`.
        retry_after: Answer as the secondary rate limit does, with this many seconds.
        slow_s: Wait so long before anything else.
        slow_body_s: Send the answer's body in pieces, over so many seconds.
        held: Wait until it is taken back before anything else; alone, the request succeeds afterwards.
    """

    id: int
    route: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    message: str | None = None
    cut: bool = False
    truncate: bool = False
    after_effect: bool = False
    retry_after: int | None = None
    slow_s: float = 0.0
    slow_body_s: float = 0.0
    held: bool = False
    hits: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Whether a request is one it is for."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.route is None:
            return True
        return fnmatchcase(path if self.route.startswith("/") else f"{method} {path}", self.route)

    @property
    def answers(self) -> bool:
        """Whether there is another answer than the real one."""
        return self.status is not None or self.retry_after is not None

    @property
    def cuts(self) -> bool:
        """Whether the connection breaks instead of an answer."""
        return self.cut or (self.after_effect and not self.answers)


@dataclass
class Faults:
    """The faults that are set, oldest first."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, **what: object) -> int:
        """Set a fault; returns its number."""
        self.faults.append(Fault(id=len(self.faults) + 1, **what))  # type: ignore[arg-type]
        return len(self.faults)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request."""
        for fault in self.faults:
            if fault.fits(method, path):
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
