"""What is done on the server by hand, and what a test looks at.

The functions take and return plain JSON, so that a test in another process does the same over HTTP.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from tests.fakes.github import happenings, merging
from tests.fakes.github.apps import install, make_app
from tests.fakes.github.errors import Json
from tests.fakes.github.gitdir import Signature
from tests.fakes.github.records import Account, Comment, Issue, Pull, Repository, Review, Status
from tests.fakes.github.world import Event, World

Action = Callable[..., Any]
ACTIONS: dict[str, Action] = {}


def action(function: Action) -> Action:
    """Let tests call a function by its name."""
    ACTIONS[function.__name__] = function
    return function


# Accounts and tokens


@action
def account(world: World, login: str, kind: str, members: list[str]) -> None:
    """Let there be an account."""
    world.ensure_account(login, kind).members |= {member.lower() for member in members}


@action
def token(
    world: World,
    login: str,
    permissions: dict[str, str] | None,
    repositories: list[int] | None,
    lifetime_s: float | None,
) -> str:
    """Make a token for somebody."""
    return world.add_token(
        world.ensure_account(login),
        permissions=permissions,
        repositories=None if repositories is None else set(repositories),
        lifetime_s=lifetime_s,
    ).value


@action
def revoke(world: World, token: str) -> None:
    """Let a token be none."""
    del world.tokens[token]


@action
def grant(world: World, token: str, permissions: dict[str, str] | None) -> None:
    """Let a token have other permissions."""
    world.tokens[token].permissions = permissions


@action
def app(world: World, login: str, slug: str, permissions: dict[str, str], webhook: Json | None) -> Json:
    """Make an app and install it for somebody."""
    made = make_app(world, world.ensure_account(login), slug, permissions, webhook)
    installation = install(world, made, world.ensure_account(login))
    return {"id": made.id, "private_key": made.private_key, "installation": installation.id}


@action
def installation(world: World, number: int, suspended: bool, repositories: list[int] | None) -> None:
    """Change an installation of an app."""
    found = world.installations[number]
    found.suspended_at = world.now() if suspended else None
    found.repositories = None if repositories is None else set(repositories)


@action
def reinstall(world: World, number: int, login: str) -> int:
    """Take an app away, and install it anew, which is another installation."""
    made = world.installations.pop(number).app
    return install(world, made, world.ensure_account(login)).id


@action
def uninstall(world: World, number: int) -> None:
    """Take an app away; its tokens are none from now on."""
    del world.installations[number]


# Repositories


@action
def create(world: World, owner: str, name: str, private: bool, description: str | None) -> int:
    """Make an empty repository."""
    account = world.ensure_account(owner)
    repo = world.add_repository(account, name, private=private, description=description)
    happenings.tell_repository(world, repo, "created", account)
    return repo.id


@action
def find(world: World, full_name: str) -> int:
    """The id of the repository of a name."""
    owner, _, name = full_name.partition("/")
    found = world.find(owner, name)
    if found is None:
        raise LookupError(f"there is no repository {full_name}")
    return found.id


@action
def list_repositories(world: World) -> list[int]:
    """The ids of all repositories, oldest first."""
    return list(world.repositories)


@action
def about(world: World, repo: int) -> Json:
    """What is to know of a repository."""
    of = world.repositories[repo]
    return {
        "owner": of.owner.login,
        "name": of.name,
        "full_name": of.full_name,
        "private": of.private,
        "archived": of.archived,
        "description": of.description,
        "homepage": of.homepage,
        "default_branch": of.default_branch,
        "refs": of.git.refs(),
        "secrets": {stored.name: stored.value for stored in of.secrets.values()},
        "variables": {stored.name: stored.value for stored in of.variables.values()},
        "protections": of.protections,
        "hooks": [asdict(hook) for hook in of.hooks.values()],
        "releases": [
            {"tag": r.tag, "target": r.target, "name": r.name, "body": r.body, "draft": r.draft}
            for r in of.releases
        ],
    }


@action
def delete(world: World, repo: int, by: str | None) -> None:
    """Delete a repository."""
    of = world.repositories[repo]
    happenings.delete(world, of, _who(world, of, by))


@action
def rename(world: World, repo: int, name: str, by: str | None) -> None:
    """Give a repository another name."""
    of = world.repositories[repo]
    happenings.rename(world, of, name, _who(world, of, by))


@action
def set_archived(world: World, repo: int, archived: bool, by: str | None) -> None:
    """Archive a repository, or take it out of the archive."""
    of = world.repositories[repo]
    happenings.set_archived(world, of, archived, _who(world, of, by))


@action
def change(world: World, repo: int, **settings: Any) -> None:  # noqa: ANN401 - any setting
    """Change a repository's fields or settings without telling anybody."""
    of = world.repositories[repo]
    for name, value in settings.items():
        if name in {"private", "description", "homepage", "default_branch"}:
            setattr(of, name, value)
        else:
            of.settings[name] = value
    of.git.point_head(of.default_branch)
    of.updated_at = world.now()


@action
def add_collaborator(world: World, repo: int, login: str) -> None:
    """Let somebody else write to a repository."""
    world.ensure_account(login)
    world.repositories[repo].collaborators.add(login.lower())


# Git


@action
def push(
    world: World,
    repo: int,
    branch: str | None,
    files: dict[str, str | None],
    message: str,
    by: str | None,
    start: str | None,
) -> str:
    """Commit files (base64) to a branch, past every rule; returns the commit.

    A new branch begins at `start` or the default branch; one that is there and has a `start` is pushed by force.
    """
    of = world.repositories[repo]
    who, branches = _who(world, of, by), of.git.branches()
    branch = branch or of.default_branch
    parent = branches.get(branch, branches.get(of.default_branch))
    if start is not None and (parent := of.git.resolve(start)) is None:
        raise LookupError(f"there is no commit {start}")
    content = {path: None if body is None else base64.b64decode(body) for path, body in files.items()}
    signed = Signature(who.login, who.email, int(world.now()))
    with happenings.pushing(world, of, who):
        return of.git.commit_files(f"refs/heads/{branch}", parent, content, message, signed)


@action
def set_ref(world: World, repo: int, name: str, sha: str | None, by: str | None) -> None:
    """Let a ref stand somewhere, or nowhere."""
    of = world.repositories[repo]
    with happenings.pushing(world, of, _who(world, of, by)):
        of.git.set_ref(name, None if sha is None else _commit(of, sha))


@action
def files(world: World, repo: int, ref: str) -> dict[str, str]:
    """The files of a commit, in base64."""
    of = world.repositories[repo]
    found = of.git.files(_commit(of, ref))
    return {path: base64.b64encode(body).decode() for path, body in found.items()}


@action
def log(world: World, repo: int, ref: str) -> list[Json]:
    """A commit and what came before it, newest first."""
    of = world.repositories[repo]
    commits = [of.git.commit(sha) for sha in of.git.log(_commit(of, ref))]
    return [
        {"sha": c.sha, "message": c.message, "author": c.author.name, "parents": c.parents} for c in commits
    ]


# Pull requests and issues


@action
def open_pull(
    world: World, repo: int, head: str, base: str | None, title: str, body: str | None, by: str | None
) -> int:
    """Open a pull request."""
    of = world.repositories[repo]
    return happenings.open_pull(
        world,
        of,
        head=head,
        base=base or of.default_branch,
        title=title,
        body=body,
        draft=False,
        by=_who(world, of, by),
    ).number


@action
def pulls(world: World, repo: int) -> list[Json]:
    """All pull requests, oldest first."""
    of = world.repositories[repo]
    return [_pull(world, of, issue, pull) for issue, pull in of.pulls]


@action
def close(world: World, repo: int, number: int, by: str | None) -> None:
    """Close an issue or pull request."""
    of = world.repositories[repo]
    happenings.close(world, of, of.issues[number], _who(world, of, by))


@action
def merge_pull(world: World, repo: int, number: int, by: str | None, method: str) -> str:
    """Merge a pull request past every rule; returns the commit."""
    of = world.repositories[repo]
    issue, who = of.issues[number], _who(world, of, by)
    sha = merging.merge(world, of, issue, method=method, title=None, message=None, by=who)
    happenings.finish_merge(world, of, issue, sha, who)
    return sha


@action
def edit_pull(world: World, repo: int, number: int, title: str | None, base: str | None) -> None:
    """Change a pull request's title or base."""
    of = world.repositories[repo]
    issue = of.issues[number]
    assert issue.pull is not None
    issue.title = title or issue.title
    if base is not None:
        issue.pull.base, issue.pull.base_sha = base, of.git.branches()[base]
    issue.updated_at = world.now()


@action
def review(world: World, repo: int, number: int, state: str, by: str) -> None:
    """Approve a pull request, or ask for changes."""
    issue = world.repositories[repo].issues[number]
    if issue.pull is None:
        raise LookupError(f"{number} is no pull request")
    issue.pull.reviews.append(Review(world.ensure_account(by), state, issue.pull.head_sha))
    world.touch()


@action
def open_issue(world: World, repo: int, title: str, body: str, by: str | None, labels: list[str]) -> int:
    """Open an issue."""
    of = world.repositories[repo]
    return happenings.open_issue(world, of, title, body, labels, _who(world, of, by)).number


@action
def issues(world: World, repo: int) -> list[Json]:
    """All issues that are no pull requests, oldest first."""
    return [
        {"number": i.number, "title": i.title, "body": i.body, "state": i.state, "labels": i.labels}
        for i in world.repositories[repo].issues.values()
        if i.pull is None
    ]


@action
def comment(world: World, repo: int, number: int, body: str, by: str | None) -> int:
    """Say something below an issue or pull request."""
    of = world.repositories[repo]
    return happenings.comment(world, of, of.issues[number], body, _who(world, of, by)).id


@action
def comments(world: World, repo: int, number: int) -> list[Json]:
    """What was said below an issue or pull request, oldest first."""
    found: list[Comment] = world.repositories[repo].issues[number].comments
    return [{"id": c.id, "body": c.body, "by": c.user.login if c.user else None} for c in found]


@action
def disown_comment(world: World, repo: int, number: int, comment_id: int) -> None:
    """Let the account be deleted that has said something."""
    (found,) = (c for c in world.repositories[repo].issues[number].comments if c.id == comment_id)
    found.user = None


# Checks


@action
def check(
    world: World, repo: int, sha: str, name: str, state: str, summary: str, workflow: str, app: int | None
) -> int:
    """Let a check of a commit come to something."""
    of, by = world.repositories[repo], None if app is None else world.apps[app]
    return happenings.set_check(
        world, of, sha=_commit(of, sha), name=name, state=state, summary=summary, workflow=workflow, app=by
    ).id


@action
def checks(world: World, repo: int, sha: str | None) -> list[Json]:
    """The check runs of a commit, or all of them."""
    return [
        {"name": r.name, "sha": r.sha, "status": r.status, "conclusion": r.conclusion, "summary": r.summary}
        for r in world.repositories[repo].check_runs
        if sha in {None, r.sha}
    ]


@action
def status(world: World, repo: int, sha: str, context: str, state: str, description: str) -> None:
    """Give a commit a status."""
    of = world.repositories[repo]
    happenings.add_status(
        world,
        of,
        Status(world.next_id(), _commit(of, sha), state, context, description, None, of.owner, world.now()),
    )


@action
def always_check(world: World, repo: int | None, name: str, state: str | None, summary: str) -> None:
    """Let every new head of a branch, of a repository or of all, have a check that came to something."""
    checks = world.automatic_checks if repo is None else world.repositories[repo].automatic_checks
    if state is None:
        checks.pop(name, None)
    else:
        checks[name] = (state, summary)


@action
def run_workflow(world: World, repo: int, sha: str, name: str, conclusion: str | None, event: str) -> int:
    """Let a workflow have run, or be running."""
    of = world.repositories[repo]
    return happenings.run_workflow(world, of, _commit(of, sha), name, conclusion, event).id


@action
def protect(world: World, repo: int, branch: str, rules: Json | None) -> None:
    """Protect a branch as the API would, or no longer."""
    happenings.protect(world.repositories[repo], branch, rules)


# Webhooks


@action
def deliveries(world: World, event: str | None) -> list[Json]:
    """What was posted to webhooks, oldest first."""
    return [delivery for delivery in world.deliveries if event in {None, delivery["event"]}]


@action
def redeliver(world: World, guid: str, times: int) -> None:
    """Deliver something again."""
    found = next((d for d in world.deliveries if d["guid"] == guid), None)
    if found is None:
        raise LookupError(f"there is no delivery {guid}")
    of = world.repositories[found["repository_id"]]
    for _ in range(times):
        world.events.put_nowait(Event(of, found["event"], found["payload"], found["hook_id"], guid))


# The server


@action
def fail(world: World, **what: Any) -> int:  # noqa: ANN401 - the fields of a fault
    """Set a fault."""
    return world.faults.add(**what)


@action
def fault_status(world: World, number: int) -> Json:
    """How often a fault has hit."""
    return world.faults.status(number)


@action
def cancel_fault(world: World, number: int) -> None:
    """Take a fault back."""
    world.faults.cancel(number)


@action
def limit(
    world: World, per_hour: int | None, remaining: int | None, reset_in_s: float, token: str | None
) -> None:
    """Change the primary rate limit, or what a token has left of it."""
    if per_hour is not None:
        world.limits.per_hour = per_hour
    if remaining is not None and token is not None:
        found = world.tokens[token]
        caller = f"{found.kind} {found.installation or found.account.id}"
        world.limits.leave(caller, world.now(), remaining, reset_in_s)


@action
def requests(world: World, route: str | None) -> list[Json]:
    """The requests, oldest first; see `Fault.route` for what `route` may be."""
    found = list(world.requests)
    if route is None:
        return found
    return [
        r
        for r in found
        if fnmatchcase(r["path"] if route.startswith("/") else f"{r['method']} {r['path']}", route)
    ]


@action
def forget_requests(world: World) -> None:
    """Begin to count anew."""
    world.requests.clear()


@action
def advance(world: World, seconds: float) -> None:
    """Let the server's clock go on."""
    world.later_s += seconds


@action
def pause(world: World) -> None:
    """Answer nobody."""
    world.pause()


@action
def resume(world: World) -> None:
    """Answer again."""
    world.resume()


@action
def mismatches(world: World) -> list[str]:
    """What the server said that GitHub would not say."""
    return world.mismatches


def _who(world: World, repo: Repository, login: str | None) -> Account:
    return repo.owner if login is None else world.ensure_account(login)


def _commit(repo: Repository, ref: str) -> str:
    sha = repo.git.resolve(ref)
    if sha is None:
        raise LookupError(f"there is no {ref} in {repo.full_name}")
    return sha


def _pull(world: World, repo: Repository, issue: Issue, pull: Pull) -> Json:
    state = "merged" if pull.merged_at is not None else issue.state
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": state,
        "head": pull.head,
        "base": pull.base,
        "head_sha": pull.head_sha,
        "base_sha": pull.base_sha,
        "merge_sha": pull.merge_sha,
        "by": issue.user.login,
        "draft": pull.draft,
        "updated_at": issue.updated_at,
        "checks": merging.checked(repo, pull.head_sha),
    }
