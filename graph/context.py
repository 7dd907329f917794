"""What a node of a graph gets besides its state: the run it works for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graph.journal import Journal
from shared.database import Database
from shared.ledger import effects, events
from shared.ledger.claims import Claim
from shared.ledger.questions import digest_of
from shared.ledger.runs import Run


@dataclass(frozen=True, slots=True)
class RunContext:
    """A run as its own nodes see it; every write carries the run's claim.

    A graph gets it when its `context_schema` is this class; a node reads it
    from `runtime: Runtime[RunContext]`.
    """

    claim: Claim
    database: Database
    journal: Journal

    @property
    def run(self) -> Run:
        """The run, as it was when it was claimed."""
        return self.claim.run

    def emit(self, type_: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event to the run.

        It is written within a moment, together with others, in the order in which they were told.

        Args:
            type_: One of the names in `shared.ledger.events`.
            data: Whatever a reader needs; never a secret.
        """
        self.journal.tell(type_, data)

    async def ensure(
        self,
        key: str,
        kind: str,
        request: Mapping[str, Any],
        make: Callable[[], Awaitable[dict[str, Any]]],
        *,
        note: Callable[[dict[str, Any]], str] | None = None,
    ) -> dict[str, Any]:
        """Make an effect once, or return what it came to before.

        After a crash between the effect and its record it is made again, so
        `make` must find what it made before: "ensure", not "do".

        Args:
            key: Which effect of the run: the step, and what in it.
            kind: What it changes: `repository`, `commit`, `release`, `deployment`.
            request: What is asked for; the same key with another request is refused.
            make: Makes the effect and returns what it came to, without secrets.
            note: Says to people what it came to, in the transaction of its record: once, whatever crashes.
                Nothing, where it says nothing.

        Returns:
            What it came to.

        Raises:
            ClaimLost: Somebody else has taken up the run.
            EffectChanged: It was begun before with another request.
        """
        run, token = self.run.id, self.claim.token
        async with self.database.transaction() as tx:
            effect = await effects.begin(tx, run, token, key=key, kind=kind, request=digest_of(request))
        if effect.result is not None:
            return effect.result
        result = await make()
        text = note(result) if note is not None else ""
        told = [events.Told(events.NOTE_WRITTEN, {"text": text})] if text else []
        if told:
            # What was told before should be read before.
            await self.journal.write()
        async with self.database.transaction() as tx:
            # First: who has shared the run's row with the journal would wait for it in a circle.
            await events.append_all(tx, run, told, token=token)
            await effects.finish(tx, run, token, key=key, result=result)
        return result
