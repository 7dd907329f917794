"""Files, read and written one by one."""

from __future__ import annotations

import base64
import binascii

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, not_found, unprocessable
from tests.fakes.github.gitdir import Entry, Signature
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import commits as views

_PATH = "/repos/{owner}/{repo}/contents/{path}"


@route("GET", _PATH, "contents=read")
def get(call: Call) -> Answer:
    """Read a file, or list a folder."""
    git, path = call.repo.git, call.params["path"].strip("/")
    ref = call.query.get("ref", call.repo.default_branch)
    sha = git.resolve(ref)
    if sha is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    entry = _entry(call, sha, path)
    if entry is None:
        raise not_found()
    if entry.kind == "tree":
        listed = git.tree(sha, f"{path}/")
        return Answer([views.content(call.at, call.repo, ref, found, None) for found in listed])
    return Answer(views.content(call.at, call.repo, ref, entry, git.blob(entry.sha)))


@route("PUT", _PATH, "contents=write")
def put(call: Call) -> Answer:
    """Write a file, with a commit of its own."""
    branch, path, known = _place(call)
    if known is not None and call.body.get("sha") is None:
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    if known is not None and call.body["sha"] != known.sha:
        raise ApiError(409, f"{path} does not match {call.body['sha']}")
    try:
        content = base64.b64decode(str(call.body["content"]))
    except binascii.Error as wrong:
        raise unprocessable("content is not valid Base64") from wrong
    sha = _commit(call, branch, {path: content})
    entry = _entry(call, sha, path)
    assert entry is not None
    shown = views.content(call.at, call.repo, branch, entry, None)
    return Answer({"content": shown, "commit": _shown(call, sha)}, 201 if known is None else 200)


@route("DELETE", _PATH, "contents=write")
def delete(call: Call) -> Answer:
    """Delete a file, with a commit of its own."""
    branch, path, known = _place(call)
    if known is None:
        raise not_found()
    if call.body["sha"] != known.sha:
        raise ApiError(409, f"{path} does not match {call.body['sha']}")
    return Answer({"content": None, "commit": _shown(call, _commit(call, branch, {path: None}))})


def _place(call: Call) -> tuple[str, str, Entry | None]:
    branch = str(call.body.get("branch", call.repo.default_branch))
    path, head = call.params["path"].strip("/"), call.repo.git.branches().get(branch)
    if head is None and call.repo.git.branches():
        raise ApiError(404, f"Branch {branch} not found")
    rules = call.repo.protections.get(branch)
    if rules is not None and (rules["enforce_admins"] or call.user is not call.repo.owner):
        raise ApiError(
            409, "Repository rule violations found\n\nChanges must be made through a pull request."
        )
    return branch, path, None if head is None else _entry(call, head, path)


def _entry(call: Call, sha: str, path: str) -> Entry | None:
    return next(iter(call.repo.git.tree(sha, path)), None)


def _commit(call: Call, branch: str, files: dict[str, bytes | None]) -> str:
    repo, by = call.repo, Signature(call.user.login, call.user.email, int(call.world.now()))
    with happenings.pushing(call.world, repo, call.user):
        return repo.git.commit_files(
            f"refs/heads/{branch}", repo.git.branches().get(branch), files, str(call.body["message"]), by
        )


def _shown(call: Call, sha: str) -> Json:
    return views.git_commit(call.at, call.repo, call.repo.git.commit(sha))
