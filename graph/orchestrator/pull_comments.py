"""What is said below a pull request: what became of it, where, and by whose decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph.context import RunContext
from graph.orchestrator.output import clean
from graph.orchestrator.pull_description import block, decider_of, name_of
from graph.orchestrator.refusals import ensure_unless_refused
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.world import project_of, repository_of
from infrastructure.forge import Repository
from shared.ids import UserId
from shared.ledger import approvals, effects
from shared.ledger.questions import Answer
from shared.ledger.releases import Release


@dataclass(frozen=True, slots=True)
class PullComments:
    """What a run says below one pull request: each thing once, and no failure where it is refused."""

    context: RunContext
    tools: Tools
    repository: Repository
    number: int

    async def merged(self, sha: str, *, approved: str) -> None:
        """Say that it was merged, and who has approved that.

        Args:
            sha: The commit that it became.
            approved: The digest that was approved.
        """
        signed = await self._signed(approved)
        await self._say("merged", f"Merged as {sha}, in run {self.context.run.number}.", signed)

    async def declined(self, what: str, answer: Answer) -> None:
        """Say that a person decided against it, with their comment if there is one.

        Args:
            what: Against what: `to merge this`.
            answer: The decision.
        """
        name = clean(await name_of(self.context, UserId(answer.by)))
        comment = [clean(line) for line in (answer.text or "").splitlines()]
        first = f"In run {self.context.run.number} it was decided not {what}."
        await self._say("declined", first, [f"Decided by {name}{':' if comment else ''}", *comment])

    async def deployed(self, release: Release, server: str, url: str) -> None:
        """Say that what it has brought is live, where, and at which address."""
        run = self.context.run.number
        await self._say(
            "deployed", f"Release {release.number} was put live on {server}, in run {run}: {url}", []
        )

    async def _signed(self, digest: str) -> list[str]:
        async with self.context.database.connection() as connection:
            every = await approvals.of_run(connection, self.context.run.id)
        decided = [one for one in every if one.digest == digest and one.decided_at is not None]
        return [
            f"{clean(await decider_of(self.context, one))} approved it"
            f" ({digest[:12]}) on {one.decided_at:%Y-%m-%d %H:%M} UTC"
            for one in decided[-1:]
        ]

    async def _say(self, about: str, first: str, lines: Sequence[str]) -> None:
        body = "\n\n".join([first, block(list(lines))] if lines else [first])

        async def make() -> dict[str, Any]:
            await hosting_of(self.tools).comment_once(
                self.repository, self.number, key=f"{about}:{self.context.run.id}", body=body
            )
            return {"pull_request": self.number}

        await ensure_unless_refused(
            self.context, f"comment:{about}", "comment", {"pull_request": self.number}, make
        )


async def say_not_deployed(state: State, context: RunContext, tools: Tools, answer: Answer) -> None:
    """Say below the run's pull request, if it has one, that a person decided against the deployment."""
    if "pull" in state:
        repository = repository_of(await project_of(context, state))
        comments = PullComments(context, tools, repository, state["pull"]["number"])
        await comments.declined("to deploy what this has brought", answer)


async def brought_by(context: RunContext, release: Release) -> int | None:
    """Return the number of the pull request that a release came from, whichever run has made it."""
    async with context.database.connection() as connection:
        made = await effects.of_run(connection, release.run_id)
    pulls = [one.result["number"] for one in made if one.kind == "pull_request" and one.result is not None]
    return int(pulls[-1]) if pulls else None
