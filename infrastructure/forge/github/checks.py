"""What checks a commit: check runs, which apps such as Actions make, and statuses, which are older."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from github.CheckRun import CheckRun
from github.Commit import Commit
from github.CommitStatus import CommitStatus
from github.GithubApp import GithubApp
from github.PaginatedList import PaginatedList
from github.Repository import Repository as Remote

from infrastructure.forge.hosting import Check, CheckSource, CheckState, verdict

LONGEST_SUMMARY = 2000

ACTIONS = "github-actions"
"""The app that runs workflows: GitHub's own. No other can have the name, here or on a server of one's own."""

_GREEN = {"success", "neutral", "skipped"}


def read(repository: Remote, sha: str) -> list[Check]:
    """See `Hosting.checks`."""
    commit = Commit(repository.requester, {}, {"url": f"{repository.url}/commits/{sha}"}, completed=True)
    # PyGithub's own `get_combined_status` reads the first page of them alone.
    statuses = PaginatedList(
        CommitStatus, repository.requester, f"{commit.url}/status", {"per_page": 100}, list_item="statuses"
    )
    return worst((*of_runs(commit.get_check_runs()), *of_statuses(statuses)))


def by_name_and_source(check: Check) -> Hashable:
    """Keep checks of one name apart when one is a workflow's, and the other is not."""
    return check.name, check.source


def by_name(check: Check) -> Hashable:
    """Take checks of one name together, whoever has made them."""
    return check.name


def worst(checks: Iterable[Check], apart: Callable[[Check], Hashable] = by_name_and_source) -> list[Check]:
    """Return checks by name; of more that are not kept apart, the worst.

    GitHub leaves out what was run again. What it still shows under one name are two workflows, or
    two apps: neither speaks for the other, and the greener one must not hide the red one.
    """
    found: dict[Hashable, Check] = {}
    for check in checks:
        known = found.setdefault(apart(check), check)
        if verdict((known, check)) is not known.state:
            found[apart(check)] = check
    return sorted(found.values(), key=lambda check: (check.name, check.source))


def of_runs(runs: Iterable[CheckRun]) -> Iterable[Check]:
    """Return what check runs came to."""
    for run in runs:
        yield Check(
            name=run.name,
            source=_source(run),
            state=_state(run),
            url=run.details_url or run.html_url,
            summary=_summary(run.output.title, run.output.summary),
        )


def of_statuses(statuses: Iterable[CommitStatus]) -> Iterable[Check]:
    """Return what commit statuses came to, of each context its latest."""
    for status in statuses:
        yield Check(
            name=status.context,
            source=CheckSource.STATUS,
            state={"success": CheckState.GREEN, "pending": CheckState.PENDING}.get(
                status.state, CheckState.RED
            ),
            url=status.target_url or "",
            summary=_summary(status.description),
        )


def _source(run: CheckRun) -> CheckSource:
    # To GitHub's description, a check may be no app's, though PyGithub says otherwise.
    app: GithubApp | None = run.app
    return CheckSource.WORKFLOW if app is not None and app.slug == ACTIONS else CheckSource.RUN


def _state(run: CheckRun) -> CheckState:
    if run.status != "completed":
        return CheckState.PENDING
    return CheckState.GREEN if run.conclusion in _GREEN else CheckState.RED


def _summary(*parts: str | None) -> str:
    return "\n".join(part.strip() for part in parts if part)[:LONGEST_SUMMARY]
