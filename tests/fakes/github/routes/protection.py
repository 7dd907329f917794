"""The protection of branches."""

from __future__ import annotations

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, unprocessable
from tests.fakes.github.records import Repository
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import protection as views

_PATH = "/repos/{owner}/{repo}/branches/{branch}/protection"


@route("GET", _PATH, "administration=read")
def get(call: Call) -> Answer:
    """Read it."""
    branch = _branch(call)
    _check_plan(call)
    if branch not in call.repo.protections:
        raise ApiError(404, "Branch not protected")
    return Answer(views.protection(call.at, call.repo, branch))


@route("PUT", _PATH, "administration=write")
def put(call: Call) -> Answer:
    """Set it, all of it."""
    branch, body = _branch(call), call.body
    _check_plan(call)
    rules: Json = {
        "required_status_checks": _checks(call.repo, body["required_status_checks"]),
        "required_pull_request_reviews": _reviews(body["required_pull_request_reviews"]),
        "enforce_admins": bool(body["enforce_admins"]),
        **{flag: bool(body.get(flag)) for flag in views.FLAGS},
    }
    happenings.protect(call.repo, branch, rules)
    return Answer(views.protection(call.at, call.repo, branch))


@route("DELETE", _PATH, "administration=write")
def delete(call: Call) -> Answer:
    """Take it away."""
    branch = _branch(call)
    if branch not in call.repo.protections:
        raise ApiError(404, "Branch not protected")
    happenings.protect(call.repo, branch, None)
    return Answer(status=204)


def _branch(call: Call) -> str:
    if call.params["branch"] not in call.repo.git.branches():
        raise ApiError(404, "Branch not found")
    return call.params["branch"]


def _check_plan(call: Call) -> None:
    """A free plan protects no private repositories; a test sets `free_plan` to have one."""
    if call.repo.private and call.repo.settings.get("free_plan"):
        raise ApiError(403, "Upgrade to GitHub Pro or make this repository public to enable this feature.")


def _checks(repo: Repository, asked: Json | None) -> Json | None:
    if asked is None:
        return None
    if asked.get("checks") and asked.get("contexts"):
        raise unprocessable('Invalid request.\n\nMore than one subschema in "oneOf" matched.')
    listed = asked.get("checks") or [{"context": name} for name in asked.get("contexts", [])]
    checks = [
        {"context": check["context"], "app_id": _app_of(repo, check["context"], check.get("app_id"))}
        for check in listed
    ]
    return {
        "strict": bool(asked["strict"]),
        "contexts": [check["context"] for check in checks],
        "checks": checks,
    }


def _app_of(repo: Repository, name: str, asked: int | None) -> int | None:
    """The app that a check is taken from: the one that made it last unless another is named, or any (-1)."""
    if asked is not None:
        return None if asked == -1 else asked
    return next((run.suite.app_id for run in reversed(repo.check_runs) if run.name == name), None)


def _reviews(asked: Json | None) -> Json | None:
    if asked is None:
        return None
    flags = ("dismiss_stale_reviews", "require_code_owner_reviews", "require_last_push_approval")
    count = asked.get("required_approving_review_count", 1)
    return {**{flag: bool(asked.get(flag)) for flag in flags}, "required_approving_review_count": count}
