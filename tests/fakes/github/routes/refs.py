"""Branches and refs."""

from __future__ import annotations

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, not_found, unprocessable
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import commits as views
from tests.fakes.github.views.protection import short_protection


@route("GET", "/repos/{owner}/{repo}/branches", "contents=read")
def branches(call: Call) -> Answer:
    """List branches."""
    found = sorted(call.repo.git.branches().items())
    if (wanted := call.query.get("protected")) is not None:
        found = [(n, sha) for n, sha in found if (n in call.repo.protections) == (wanted == "true")]
    return call.page(found, lambda branch: views.short_branch(call.at, call.repo, *branch))


@route("GET", "/repos/{owner}/{repo}/branches/{branch}", "contents=read")
def branch(call: Call) -> Answer:
    """Read a branch."""
    name = call.params["branch"]
    sha = call.repo.git.branches().get(name)
    if sha is None:
        raise ApiError(404, "Branch not found")
    api = f"{views.api_of(call.at, call.repo)}/branches/{name}"
    shown = views.short_branch(call.at, call.repo, name, sha) | {
        "commit": views.commit(call.world, call.at, call.repo, sha),
        "_links": {"self": api, "html": f"{views.site_of(call.at, call.repo)}/tree/{name}"},
        "protection": short_protection(call.at, call.repo, name),
        "protection_url": f"{api}/protection",
    }
    return Answer(shown)


@route("GET", "/repos/{owner}/{repo}/git/ref/{ref}", "contents=read")
def ref(call: Call) -> Answer:
    """Read a ref."""
    name = f"refs/{call.params['ref']}"
    if (sha := call.repo.git.refs().get(name)) is None:
        raise not_found()
    return Answer(views.ref(call.at, call.repo, name, sha))


@route("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref}", "contents=read")
def matching_refs(call: Call) -> Answer:
    """List the refs that begin alike."""
    prefix = f"refs/{call.params['ref']}"
    found = sorted((n, sha) for n, sha in call.repo.git.refs().items() if n.startswith(prefix))
    return call.page(found, lambda ref: views.ref(call.at, call.repo, *ref))


@route("POST", "/repos/{owner}/{repo}/git/refs", "contents=write")
def create_ref(call: Call) -> Answer:
    """Make a ref."""
    repo, name, sha = call.repo, str(call.body["ref"]), str(call.body["sha"])
    if name.count("/") < 2 or not name.startswith("refs/"):
        raise unprocessable("Reference name must start with 'refs/' and contain at least three slashes")
    if name in repo.git.refs():
        raise unprocessable("Reference already exists")
    _check_object(call, sha)
    with happenings.pushing(call.world, repo, call.user):
        repo.git.set_ref(name, sha)
    shown = views.ref(call.at, repo, name, sha)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("PATCH", "/repos/{owner}/{repo}/git/refs/{ref}", "contents=write")
def update_ref(call: Call) -> Answer:
    """Move a ref."""
    repo, name, sha = call.repo, f"refs/{call.params['ref']}", str(call.body["sha"])
    old = repo.git.refs().get(name)
    if old is None:
        raise unprocessable("Reference does not exist")
    _check_object(call, sha)
    if not call.body.get("force") and not repo.git.is_ancestor(old, sha):
        raise unprocessable("Update is not a fast forward")
    _check_protection(call, name)
    with happenings.pushing(call.world, repo, call.user):
        repo.git.set_ref(name, sha)
    return Answer(views.ref(call.at, repo, name, sha))


@route("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}", "contents=write")
def delete_ref(call: Call) -> Answer:
    """Delete a ref."""
    repo, name = call.repo, f"refs/{call.params['ref']}"
    if name not in repo.git.refs():
        raise unprocessable("Reference does not exist")
    if name.removeprefix("refs/heads/") in repo.protections:
        raise unprocessable("Cannot delete a protected branch")
    with happenings.pushing(call.world, repo, call.user):
        repo.git.set_ref(name, None)
    return Answer(status=204)


def _check_object(call: Call, sha: str) -> None:
    if call.repo.git.kind(sha) is None:
        raise unprocessable("Object does not exist")


def _check_protection(call: Call, name: str) -> None:
    rules: Json | None = call.repo.protections.get(name.removeprefix("refs/heads/"))
    if rules is None or (call.user is call.repo.owner and not rules["enforce_admins"]):
        return
    if rules["required_pull_request_reviews"] is not None:
        raise unprocessable("Changes must be made through a pull request.")
