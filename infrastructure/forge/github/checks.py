"""What checks a commit: check runs, which apps such as Actions make, and statuses, which are older."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from github.CheckRun import CheckRun
from github.Commit import Commit
from github.CommitStatus import CommitStatus
from github.Repository import Repository as Remote

from infrastructure.forge.hosting import Check, CheckState

LONGEST_SUMMARY = 2000

_GREEN = {"success", "neutral", "skipped"}


def read(repository: Remote, sha: str) -> list[Check]:
    """See `Hosting.checks`; of more with one name, the newest."""
    commit = Commit(repository.requester, {}, {"url": f"{repository.url}/commits/{sha}"}, completed=True)
    statuses = commit.get_combined_status().statuses
    return newest((*of_runs(commit.get_check_runs()), *of_statuses(statuses)))


def newest(checks: Iterable[tuple[datetime, Check]]) -> list[Check]:
    """Return checks by name; of more with one name, the newest."""
    found: dict[str, tuple[datetime, Check]] = {}
    for moment, check in checks:
        if check.name not in found or found[check.name][0] <= moment:
            found[check.name] = (moment, check)
    return [check for _, (_, check) in sorted(found.items())]


def of_runs(runs: Iterable[CheckRun]) -> Iterable[tuple[datetime, Check]]:
    """Return what check runs came to, with when they began."""
    # One that waits for its turn has not begun: it is newer than what has.
    for run in sorted(runs, key=lambda run: run.id):
        yield (
            run.started_at or datetime.max.replace(tzinfo=UTC),
            Check(
                name=run.name,
                state=_state(run),
                url=run.details_url or run.html_url,
                summary=_summary(run.output.title, run.output.summary),
            ),
        )


def of_statuses(statuses: Iterable[CommitStatus]) -> Iterable[tuple[datetime, Check]]:
    """Return what commit statuses came to, with when they were given."""
    for status in statuses:
        yield (
            status.updated_at,
            Check(
                name=status.context,
                state={"success": CheckState.GREEN, "pending": CheckState.PENDING}.get(
                    status.state, CheckState.RED
                ),
                url=status.target_url or "",
                summary=_summary(status.description),
            ),
        )


def _state(run: CheckRun) -> CheckState:
    if run.status != "completed":
        return CheckState.PENDING
    return CheckState.GREEN if run.conclusion in _GREEN else CheckState.RED


def _summary(*parts: str | None) -> str:
    return "\n".join(part.strip() for part in parts if part)[:LONGEST_SUMMARY]
