"""What happens to repositories, by the API, by git or by hand: with everything that follows from it on GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.github import hook
from tests.fakes.github.errors import Json
from tests.fakes.github.gitdir import ZERO
from tests.fakes.github.records import (
    Account,
    App,
    CheckRun,
    CheckSuite,
    Comment,
    Issue,
    Pull,
    Repository,
    Status,
    WorkflowRun,
)
from tests.fakes.github.views import accounts, checks, issues, pulls, repositories, workflows
from tests.fakes.github.views.addresses import Addresses
from tests.fakes.github.views.commits import simple_commit
from tests.fakes.github.world import Event, World


def addresses(world: World) -> Addresses:
    """The addresses in webhooks' payloads."""
    return Addresses(f"{world.url}/api/v3", world.url)


def tell(world: World, repo: Repository, name: str, by: Account, /, **payload: object) -> None:
    """Let the webhooks of a repository know of something."""
    world.touch()
    if not is_heard(world, repo):
        return
    at = addresses(world)
    about: Json = {"repository": repositories.repository(at, repo), "sender": accounts.simple_user(at, by)}
    if repo.owner.kind == "Organization":
        about["organization"] = accounts.simple_user(at, repo.owner)
    for installation in world.installations.values():
        if installation.account is repo.owner:
            about["installation"] = {"id": installation.id, "node_id": f"MDIz{installation.id}"}
    world.events.put_nowait(Event(repo, name, {**payload, **about}))


def is_heard(world: World, repo: Repository) -> bool:
    """Whether anybody is told what happens; what git would have to be asked for that is left out otherwise."""
    return bool(repo.hooks) or any(
        i.account is repo.owner and i.app.webhook for i in world.installations.values()
    )


# Repositories


def tell_repository(world: World, repo: Repository, action: str, by: Account, **payload: object) -> None:
    """Something became of a repository as a whole."""
    tell(world, repo, "repository", by, action=action, **payload)


def rename(world: World, repo: Repository, name: str, by: Account) -> None:
    """Give a repository another name."""
    old = repo.name
    world.rename(repo, name)
    tell_repository(world, repo, "renamed", by, changes={"repository": {"name": {"from": old}}})


def set_archived(world: World, repo: Repository, archived: bool, by: Account) -> None:
    """Archive a repository, or take it out of the archive."""
    repo.archived = archived
    repo.updated_at = world.now()
    tell_repository(world, repo, "archived" if archived else "unarchived", by)


def delete(world: World, repo: Repository, by: Account) -> None:
    """Delete a repository."""
    tell_repository(world, repo, "deleted", by)
    world.remove(repo)


def protect(repo: Repository, branch: str, rules: Json | None) -> None:
    """Protect a branch, or no longer."""
    if rules is None:
        del repo.protections[branch]
    else:
        repo.protections[branch] = rules
    hook.write_rules(repo.git.path, repo.protections)


# Pushes


@contextmanager
def pushing(world: World, repo: Repository, by: Account) -> Iterator[None]:
    """What is written to a repository's refs in here is a push: it moves pull requests and is told."""
    before = dict(repo.git.refs())
    yield
    pushed(world, repo, before, by)


def pushed(world: World, repo: Repository, before: dict[str, str], by: Account) -> None:
    """Refs were written: let everything follow that does."""
    after = repo.git.refs()
    moved = {n: after.get(n) for n in before | after if before.get(n) != after.get(n)}
    moved = {name: sha for name, sha in moved.items() if not name.startswith("refs/pull/")}
    if not moved:
        return
    world.touch()
    repo.pushed_at = repo.updated_at = world.now()
    branches = repo.git.branches()
    if repo.default_branch not in branches and branches:
        repo.default_branch = min(branches, key=lambda name: (name not in {"main", "master"}, name))
        repo.git.point_head(repo.default_branch)
    for name, sha in moved.items():
        if not name.startswith(("refs/heads/", "refs/tags/")):
            continue
        _tell_push(world, repo, name, before.get(name), sha, by)
        if name.startswith("refs/heads/"):
            _branch_moved(world, repo, name.removeprefix("refs/heads/"), sha, by)


def _tell_push(
    world: World, repo: Repository, ref: str, old: str | None, new: str | None, by: Account
) -> None:
    if not is_heard(world, repo):
        return
    listed: list[Json] = []
    if new is not None and repo.git.kind(new) == "commit":
        span = f"{old}..{new}" if old is not None else new
        newest = repo.git.log("--max-count=20", span)
        listed = [_pushed_commit(world, repo, sha) for sha in reversed(newest)]
    site = f"{world.url}/{repo.full_name}"
    tell(
        world,
        repo,
        "push",
        by,
        ref=ref,
        before=old or ZERO,
        after=new or ZERO,
        created=old is None,
        deleted=new is None,
        forced=bool(old and new and not repo.git.is_ancestor(old, new)),
        base_ref=None,
        compare=f"{site}/compare/{(old or ZERO)[:12]}...{(new or ZERO)[:12]}",
        commits=listed,
        head_commit=listed[-1] if listed else None,
        pusher={"name": by.login, "email": by.email},
    )


def _pushed_commit(world: World, repo: Repository, sha: str) -> Json:
    found = repo.git.commit(sha)
    old = found.parents[0] if found.parents else None
    files: Json = {"added": [], "removed": [], "modified": []}
    arguments = [old, sha] if old is not None else ["--root", sha]
    for line in repo.git.text(
        "diff-tree", "-r", "--no-renames", "--no-commit-id", "--name-status", *arguments
    ).splitlines():
        letter, _, path = line.partition("\t")
        files[{"A": "added", "D": "removed"}.get(letter, "modified")].append(path)
    url = f"{world.url}/{repo.full_name}/commit/{sha}"
    return simple_commit(repo, sha) | {"distinct": True, "url": url, **files}


def _branch_moved(world: World, repo: Repository, branch: str, sha: str | None, by: Account) -> None:
    if sha is not None:
        run_automatic_checks(world, repo, branch, sha)
    for issue, pull in repo.pulls:
        if issue.state != "open" or branch not in {pull.head, pull.base}:
            continue
        pull.unknown_for = world.unknown_for
        if sha is None:
            close(world, repo, issue, by)
        elif branch == pull.head:
            old, pull.head_sha = pull.head_sha, sha
            repo.git.set_ref(f"refs/pull/{issue.number}/head", sha)
            issue.updated_at = world.now()
            tell_pull(world, repo, issue, "synchronize", by, before=old, after=sha)
        elif repo.git.is_ancestor(pull.head_sha, sha):
            merged(world, repo, issue, sha, by)  # by hand: GitHub notices
        else:
            pull.base_sha = sha


# Pull requests and issues


def tell_pull(
    world: World, repo: Repository, issue: Issue, action: str, by: Account, **payload: object
) -> None:
    """Something became of a pull request."""
    world.touch()
    if not is_heard(world, repo):
        return
    shown = pulls.pull(world, addresses(world), repo, issue)
    tell(world, repo, "pull_request", by, action=action, number=issue.number, pull_request=shown, **payload)


def tell_issue(
    world: World, repo: Repository, issue: Issue, action: str, by: Account, **payload: object
) -> None:
    """Something became of an issue or pull request."""
    if issue.pull is not None:
        tell_pull(world, repo, issue, action, by, **payload)
    else:
        shown = issues.issue(addresses(world), repo, issue)
        tell(world, repo, "issues", by, action=action, issue=shown, **payload)


def close(world: World, repo: Repository, issue: Issue, by: Account, reason: str | None = None) -> None:
    """Close an issue or pull request."""
    issue.state = "closed"
    issue.closed_at = issue.updated_at = world.now()
    issue.state_reason = None if issue.pull else reason or "completed"
    tell_issue(world, repo, issue, "closed", by)


def reopen(world: World, repo: Repository, issue: Issue, by: Account) -> None:
    """Open an issue or pull request again."""
    issue.state, issue.closed_at, issue.updated_at = "open", None, world.now()
    issue.state_reason = None if issue.pull else "reopened"
    tell_issue(world, repo, issue, "reopened", by)


def open_issue(
    world: World, repo: Repository, title: str, body: str | None, labels: list[str], by: Account
) -> Issue:
    """Open an issue."""
    number, now = len(repo.issues) + 1, world.now()
    issue = repo.issues[number] = Issue(world.next_id(), number, title, body, by, now, now, labels=labels)
    tell_issue(world, repo, issue, "opened", by)
    return issue


def comment(world: World, repo: Repository, issue: Issue, body: str, by: Account) -> Comment:
    """Say something below an issue or pull request."""
    now = world.now()
    said = Comment(world.next_id(), issue.number, body, by, now, now)
    issue.comments.append(said)
    issue.updated_at = now
    tell_comment(world, repo, said, "created", by)
    return said


def tell_comment(
    world: World, repo: Repository, said: Comment, action: str, by: Account, **payload: object
) -> None:
    """Something became of a comment."""
    at = addresses(world)
    about = issues.issue(at, repo, repo.issues[said.number])
    shown = issues.comment(at, repo, said)
    tell(world, repo, "issue_comment", by, action=action, issue=about, comment=shown, **payload)


def open_pull(
    world: World,
    repo: Repository,
    *,
    head: str,
    base: str,
    title: str,
    body: str | None,
    draft: bool,
    by: Account,
) -> Issue:
    """Open a pull request between two branches that are there."""
    branches, number = repo.git.branches(), len(repo.issues) + 1
    pull = Pull(
        world.next_id(), head, base, branches[head], branches[base], draft, unknown_for=world.unknown_for
    )
    now = world.now()
    issue = Issue(world.next_id(), number, title, body, by, now, now, pull=pull)
    repo.issues[number] = issue
    repo.git.set_ref(f"refs/pull/{number}/head", pull.head_sha)
    repo.updated_at = now
    tell_pull(world, repo, issue, "opened", by)
    return issue


def merged(world: World, repo: Repository, issue: Issue, sha: str, by: Account) -> None:
    """A pull request's commits are in its base now."""
    assert issue.pull is not None
    issue.pull.merged_at, issue.pull.merged_by, issue.pull.merge_sha = world.now(), by, sha
    close(world, repo, issue, by)


def finish_merge(world: World, repo: Repository, issue: Issue, sha: str, by: Account) -> None:
    """Let the base of a pull request stand at what the merge has written."""
    assert issue.pull is not None
    pull, before = issue.pull, dict(repo.git.refs())
    repo.git.set_ref(f"refs/heads/{pull.base}", sha)
    merged(world, repo, issue, sha, by)
    pushed(world, repo, before, by)
    if repo.settings.get("delete_branch_on_merge"):
        with pushing(world, repo, by):
            repo.git.set_ref(f"refs/heads/{pull.head}", None)


# Checks


def set_check(
    world: World,
    repo: Repository,
    *,
    sha: str,
    name: str,
    state: str,
    summary: str = "",
    title: str | None = None,
    branch: str | None = None,
    workflow: str = "ci",
    app: App | None = None,
) -> CheckRun:
    """Let a check of a commit have come to something: a conclusion, or `queued` or `in_progress`.

    A check of this name that is not over yet is continued; otherwise a new one is made. Each workflow
    has a suite of its own, and so has each app but Actions, which is the one of none.
    """
    of = workflow if app is None else None
    suite = next((s for s in repo.suites if s.sha == sha and s.app is app and s.workflow == of), None)
    now = world.now()
    if suite is None:
        suite = CheckSuite(world.next_id(), app, sha, branch or _branch_of(repo, sha), now, now, workflow=of)
        repo.suites.append(suite)
    run = next((r for r in suite.runs if r.name == name and r.status != "completed"), None)
    if run is None:
        run = CheckRun(world.next_id(), suite, name, sha, "queued", None, None, None, None, now, None)
        suite.runs.append(run)
        tell_check(world, repo, run, "created", repo.owner)
    run.title, run.summary = title or name, summary
    if state in {"queued", "in_progress"}:
        run.status = state
    else:
        complete(world, repo, run, state, repo.owner)
    return run


def complete(world: World, repo: Repository, run: CheckRun, conclusion: str, by: Account) -> None:
    """Let a check be over; when it was the last of its suite, that is over as well."""
    run.status, run.conclusion = "completed", conclusion
    run.completed_at = run.suite.updated_at = world.now()
    tell_check(world, repo, run, "completed", by)
    if run.suite.status == "completed":
        shown = checks.suite(addresses(world), repo, run.suite)
        tell(world, repo, "check_suite", by, action="completed", check_suite=shown)


def tell_check(world: World, repo: Repository, run: CheckRun, action: str, by: Account) -> None:
    """Something became of a check."""
    shown = checks.run(addresses(world), repo, run)
    tell(world, repo, "check_run", by, action=action, check_run=shown)


def add_status(world: World, repo: Repository, status: Status) -> None:
    """Give a commit a status."""
    repo.statuses.append(status)
    shown = checks.status(addresses(world), repo, status)
    about = {name: shown[name] for name in ("id", "state", "context", "description", "target_url")}
    tell(world, repo, "status", status.creator, sha=status.sha, name=repo.full_name, **about)


def run_workflow(
    world: World, repo: Repository, sha: str, name: str, conclusion: str | None, event: str
) -> WorkflowRun:
    """Let a workflow have run to a conclusion, or be running; one that runs already is continued."""
    now = world.now()
    run = next((r for r in repo.runs if r.sha == sha and r.name == name and r.status != "completed"), None)
    if run is None:
        number = sum(known.name == name for known in repo.runs) + 1
        path, branch = f".github/workflows/{name}.yml", _branch_of(repo, sha) or repo.default_branch
        run = WorkflowRun(
            world.next_id(), number, name, path, event, branch, sha, "in_progress", None, repo.owner, now, now
        )
        repo.runs.append(run)
        _tell_workflow(world, repo, run, "requested")
    if conclusion is not None:
        run.status, run.conclusion, run.updated_at = "completed", conclusion, now
        _tell_workflow(world, repo, run, "completed")
    return run


def _tell_workflow(world: World, repo: Repository, run: WorkflowRun, action: str) -> None:
    shown = workflows.run(addresses(world), repo, run)
    tell(world, repo, "workflow_run", run.actor, action=action, workflow_run=shown)


def run_automatic_checks(world: World, repo: Repository, branch: str, sha: str) -> None:
    """Check a new head as the test said once and for all."""
    for name, (state, summary) in {**world.automatic_checks, **repo.automatic_checks}.items():
        set_check(world, repo, sha=sha, name=name, state=state, summary=summary, branch=branch)


def _branch_of(repo: Repository, sha: str) -> str | None:
    return next((name for name, at in repo.git.branches().items() if at == sha), None)
