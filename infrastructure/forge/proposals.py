"""What a run puts into a repository before anything of it is merged, and what becomes of that when the run is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infrastructure.forge.hosting import Hosting, PullRequest, PullState
from infrastructure.forge.protocol import Forge, LogEntry, Repository
from shared.redaction import Redactor

_LONGEST_REASON = 500


def proposal_branch(number: int) -> str:
    """Return the branch on which a run proposes its work."""
    return f"telewright/run-{number}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a run has put there: a branch, pull requests from it, and what was saved of its work."""

    run: str
    """The run's id."""
    number: int
    """The run's, for people."""
    made_at: datetime
    """The date of all its commits, to the second."""
    commits: frozenset[str]
    """Those that it has recorded: none where it ended between a commit and its record."""
    ending: str
    """How the run has ended, after “run 7”: `was cancelled`."""
    reason: str = ""
    """Why, in a line; whoever wrote it."""
    fell_short: bool = False
    """Whether it came to no good end, so that it said nothing itself below what was merged of it."""

    @property
    def branch(self) -> str:
        """The branch on which it stands."""
        return proposal_branch(self.number)


async def clear(forge: Forge, hosting: Hosting, repository: Repository, proposal: Proposal) -> bool:
    """Take away what a run has put there and nobody merged or pushed to; it may be done again at any time.

    Open pull requests are closed, and say why. A branch to which a person has pushed is left with
    its pull requests, which say so. What was merged stays where it was merged to; that the run ended
    badly afterwards is said below it.

    Returns:
        Whether the branch is gone; False when it was left to whoever has pushed to it.
    """
    # In this order: GitHub closes pull requests whose branch goes, and does not say why.
    pulls = await hosting.pull_requests_from(repository, proposal.branch)
    newest = await forge.log(repository, proposal.branch, limit=1)
    if newest and not _may_go(proposal, pulls, newest[0]):
        await _say_left(hosting, repository, proposal, pulls)
        gone = False
    else:
        await _close(hosting, repository, proposal, pulls)
        gone = not newest or await hosting.drop_branch(repository, proposal.branch, expected=newest[0].sha)
    await forge.drop_work(repository, run=proposal.run)
    if proposal.fell_short:
        await _say_ended(hosting, repository, proposal, pulls)
    return gone


def _may_go(proposal: Proposal, pulls: Sequence[PullRequest], newest: LogEntry) -> bool:
    merged = any(pull.state is PullState.MERGED and pull.head_sha == newest.sha for pull in pulls)
    return merged or _is_of(proposal, newest)


def _is_of(proposal: Proposal, commit: LogEntry) -> bool:
    if proposal.commits:
        return commit.sha in proposal.commits
    # Amending keeps the author's date alone; who rebases can keep both, which is why these come second.
    made_at = int(proposal.made_at.timestamp())
    return int(commit.authored_at.timestamp()) == int(commit.committed_at.timestamp()) == made_at


async def _close(
    hosting: Hosting, repository: Repository, proposal: Proposal, pulls: Sequence[PullRequest]
) -> None:
    text = (
        f"Telewright closes this pull request, since run {proposal.number} {proposal.ending}, "
        f"and deletes its branch, to which nobody else has pushed.{_quoted(proposal.reason)}"
    )
    for pull in _open(pulls):
        await hosting.comment_once(repository, pull.number, key=f"closed:{proposal.run}", body=text)
        await hosting.close_pull_request(repository, pull.number)


async def _say_left(
    hosting: Hosting, repository: Repository, proposal: Proposal, pulls: Sequence[PullRequest]
) -> None:
    text = (
        f"Run {proposal.number} {proposal.ending}. Telewright leaves this pull request and its branch to you, "
        f"since somebody has pushed to it.{_quoted(proposal.reason)}"
    )
    for pull in _open(pulls):
        await hosting.comment_once(repository, pull.number, key=f"left:{proposal.run}", body=text)


async def _say_ended(
    hosting: Hosting, repository: Repository, proposal: Proposal, pulls: Sequence[PullRequest]
) -> None:
    text = f"Run {proposal.number} {proposal.ending} after this was merged.{_quoted(proposal.reason)}"
    for pull in pulls:
        if pull.state is PullState.MERGED:
            await hosting.comment_once(repository, pull.number, key=f"ended:{proposal.run}", body=text)


def _open(pulls: Sequence[PullRequest]) -> list[PullRequest]:
    return [pull for pull in pulls if pull.state is PullState.OPEN]


def _quoted(reason: str) -> str:
    """Return a paragraph of code: whatever stands in it mentions nobody and links nowhere."""
    line = Redactor().text(" ".join(reason.split()))
    line = "".join(each for each in line if each.isprintable())[:_LONGEST_REASON]
    return f"\n\n    {line}" if line else ""
