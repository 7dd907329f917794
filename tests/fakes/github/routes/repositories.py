"""Repositories: made, read, changed, renamed, archived, deleted, listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, archived, not_found, refused
from tests.fakes.github.gitdir import Signature
from tests.fakes.github.records import Account, Repository
from tests.fakes.github.rights import may_see
from tests.fakes.github.routes.table import ANYBODY, route
from tests.fakes.github.views import repositories as views

_PERMISSIONS = {"admin": True, "maintain": True, "push": True, "triage": True, "pull": True}
_READ_ONLY = {"admin": False, "maintain": False, "push": False, "triage": False, "pull": True}


@route("POST", "/user/repos", "administration=write")
def create(call: Call) -> Answer:
    """Make a repository of the caller's own."""
    if call.user.kind == "Bot":
        raise ApiError(403, "Resource not accessible by integration")
    return _created(call, call.user)


@route("POST", "/orgs/{org}/repos", "administration=write")
def create_in_organisation(call: Call) -> Answer:
    """Make a repository of an organisation."""
    organisation = _organisation(call)
    if call.user.kind != "Bot" and call.user.login.lower() not in organisation.members:
        raise ApiError(403, "You need admin access to the organization before adding a repository to it.")
    return _created(call, organisation)


@route("GET", "/repos/{owner}/{repo}", "metadata=read")
def get(call: Call) -> Answer:
    """Read a repository."""
    shown = views.full_repository(call.at, call.repo, _rights(call))
    return Answer(shown, last_modified=call.repo.updated_at)


@route("PATCH", "/repos/{owner}/{repo}", "administration=write")
def update(call: Call) -> Answer:
    """Change a repository's settings or name."""
    repo, body = call.repo, dict(call.body)
    if repo.archived and body.get("archived") is not False:
        raise archived()
    if (branch := body.get("default_branch")) and branch not in repo.git.branches():
        raise refused(
            "Repository",
            f"The branch {branch} was not found. Please push that ref first or create it via the Git Data API.",
        )
    name = body.pop("name", None)
    if name is not None and name.lower() != repo.name.lower():
        _check_name(call, repo.owner, name)
    for field in ("description", "homepage", "private", "default_branch"):
        if field in body:
            setattr(repo, field, body[field])
    if "visibility" in body:
        repo.private = body["visibility"] != "public"
    repo.git.point_head(repo.default_branch)
    repo.settings |= {field: body[field] for field in views.SETTINGS if field in body}
    repo.updated_at = call.world.now()
    if "archived" in body and body["archived"] != repo.archived:
        happenings.set_archived(call.world, repo, body["archived"], call.user)
    if name is not None and name != repo.name:
        happenings.rename(call.world, repo, name, call.user)
    return Answer(views.full_repository(call.at, repo, _rights(call)))


@route("DELETE", "/repos/{owner}/{repo}", "administration=write")
def delete(call: Call) -> Answer:
    """Delete a repository."""
    happenings.delete(call.world, call.repo, call.user)
    return Answer(status=204)


@route("GET", "/user/repos", "metadata=read")
def list_own(call: Call) -> Answer:
    """List the repositories that the caller has to do with."""
    kind = call.query.get("type", "all")
    return _listed(
        call, (r for r in call.world.repositories.values() if _belongs(call, r, kind)), "full_name"
    )


@route("GET", "/orgs/{org}/repos", "metadata=read")
def list_of_organisation(call: Call) -> Answer:
    """List the repositories of an organisation."""
    owner = _organisation(call)
    return _listed(call, (r for r in call.world.repositories.values() if r.owner is owner), "created")


@route("GET", "/users/{username}/repos", ANYBODY)
def list_of_user(call: Call) -> Answer:
    """List the public repositories of somebody."""
    owner = call.world.account(call.params["username"])
    if owner is None:
        raise not_found()
    found = [r for r in call.world.repositories.values() if r.owner is owner and not r.private]
    return _listed(call, found, "full_name")


@route("GET", "/installation/repositories", "metadata=read")
def list_of_installation(call: Call) -> Answer:
    """List the repositories that an app's token may see."""
    if call.token is None or call.token.installation is None:
        raise ApiError(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        )
    installation = call.world.installations[call.token.installation]
    seen = [r for r in call.world.repositories.values() if r.owner is installation.account]
    answer = _listed(call, seen, "id", within="repositories")
    answer.body["repository_selection"] = "all" if installation.repositories is None else "selected"
    return answer


def _created(call: Call, owner: Account) -> Answer:
    body, world = call.body, call.world
    _check_name(call, owner, body["name"])
    private = bool(body.get("private", body.get("visibility", "public") != "public"))
    repo = world.add_repository(
        owner,
        re.sub(r"[^\w.-]", "-", body["name"]),
        private=private,
        description=body.get("description"),
        homepage=body.get("homepage"),
        settings={field: body[field] for field in views.SETTINGS if field in body},
    )
    happenings.tell_repository(world, repo, "created", call.user)
    if body.get("auto_init"):
        by = Signature("GitHub", "noreply@github.com", int(world.now()))
        with happenings.pushing(world, repo, call.user):
            repo.git.commit_files(
                "refs/heads/main", None, {"README.md": f"# {repo.name}\n".encode()}, "Initial commit", by
            )
    headers = {"Location": f"{call.at.api}/repos/{repo.full_name}"}
    return Answer(views.full_repository(call.at, repo, _PERMISSIONS), 201, headers)


def _check_name(call: Call, owner: Account, name: str) -> None:
    if call.world.find(owner.login, re.sub(r"[^\w.-]", "-", name)) is not None:
        raise ApiError(
            422,
            "Repository creation failed.",
            errors=[
                {
                    "resource": "Repository",
                    "code": "custom",
                    "field": "name",
                    "message": "name already exists on this account",
                }
            ],
        )


def _organisation(call: Call) -> Account:
    found = call.world.account(call.params["org"])
    if found is None or found.kind != "Organization":
        raise not_found()
    return found


def _rights(call: Call) -> Json | None:
    if call.token is None:
        return None
    return _PERMISSIONS if call.token.installation is None and _is_own(call, call.repo) else _READ_ONLY


def _is_own(call: Call, repo: Repository) -> bool:
    login = call.user.login.lower()
    return repo.owner is call.user or login in repo.owner.members or login in repo.collaborators


_ORDERS: dict[str, Callable[[Repository], Any]] = {
    "full_name": lambda repo: repo.full_name.lower(),
    "created": lambda repo: repo.created_at,
    "updated": lambda repo: repo.updated_at,
    "pushed": lambda repo: repo.pushed_at,
    "id": lambda repo: repo.id,
}


def _listed(call: Call, repositories: Iterable[Repository], usual: str, within: str | None = None) -> Answer:
    kind = call.query.get("type", "all")
    visibility = call.query.get("visibility", kind if kind in {"public", "private"} else "all")
    found = [
        repo
        for repo in repositories
        if may_see(call.token, repo, call.world)
        and (visibility == "all" or repo.private == (visibility == "private"))
    ]
    order = call.query.get("sort", usual)
    direction = call.query.get("direction", "asc" if order in {"full_name", "id"} else "desc")
    found.sort(key=_ORDERS.get(order, _ORDERS["full_name"]), reverse=direction == "desc")
    return call.page(found, lambda repo: views.repository(call.at, repo, _PERMISSIONS), within)


def _belongs(call: Call, repo: Repository, kind: str) -> bool:
    """Whether it is one of `GET /user/repos`."""
    login = call.user.login.lower()
    ways = {
        "owner": repo.owner is call.user,
        "organization_member": login in repo.owner.members,
        "collaborator": login in repo.collaborators,
    }
    if kind == "owner":
        return ways["owner"]
    wanted = call.query.get("affiliation", ",".join(ways)).split(",")
    return any(ways.get(way, False) for way in wanted)
