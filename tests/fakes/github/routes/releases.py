"""Releases, and the tags that they make."""

from __future__ import annotations

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import Json, invalid, not_found
from tests.fakes.github.records import Release
from tests.fakes.github.routes.table import route
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import moment, moment_or_none, node_id
from tests.fakes.github.views.commits import api_of, site_of

_PATH = "/repos/{owner}/{repo}/releases"


@route("GET", _PATH, "contents=read")
def list_all(call: Call) -> Answer:
    """List them, the newest first."""
    return call.page(list(reversed(call.repo.releases)), lambda release: _shown(call, release))


@route("POST", _PATH, "contents=write")
def create(call: Call) -> Answer:
    """Make a release, and its tag where there is none."""
    body, repo, now = call.body, call.repo, call.world.now()
    tag, is_draft = str(body["tag_name"]), bool(body.get("draft"))
    if any(release.tag == tag and not release.draft for release in repo.releases) and not is_draft:
        raise invalid("Release", "tag_name", "already_exists")
    target = str(body.get("target_commitish", repo.default_branch))
    if f"refs/tags/{tag}" not in repo.git.refs() and repo.git.resolve(target) is None:
        raise invalid("Release", "target_commitish", "invalid")
    release = Release(
        id=call.world.next_id(),
        tag=tag,
        target=target,
        name=body.get("name"),
        body=body.get("body"),
        draft=is_draft,
        prerelease=bool(body.get("prerelease")),
        author=call.user,
        created_at=now,
        published_at=None if is_draft else now,
    )
    repo.releases.append(release)
    _publish(call, release)
    shown = _shown(call, release)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", f"{_PATH}/{{release_id}}", "contents=read")
def get(call: Call) -> Answer:
    """Read one."""
    return Answer(_shown(call, _release(call)))


@route("GET", f"{_PATH}/tags/{{tag}}", "contents=read")
def by_tag(call: Call) -> Answer:
    """Read the one of a tag; a draft has none yet."""
    for release in call.repo.releases:
        if release.tag == call.params["tag"] and not release.draft:
            return Answer(_shown(call, release))
    raise not_found()


@route("GET", f"{_PATH}/latest", "contents=read")
def latest(call: Call) -> Answer:
    """Read the latest."""
    for release in reversed(call.repo.releases):
        if not release.draft and not release.prerelease:
            return Answer(_shown(call, release))
    raise not_found()


@route("PATCH", f"{_PATH}/{{release_id}}", "contents=write")
def update(call: Call) -> Answer:
    """Change one."""
    release, body = _release(call), call.body
    for name, field in {"tag_name": "tag", "target_commitish": "target"}.items():
        setattr(release, field, body.get(name, getattr(release, field)))
    for field in ("name", "body", "draft", "prerelease"):
        setattr(release, field, body.get(field, getattr(release, field)))
    _publish(call, release)
    return Answer(_shown(call, release))


@route("DELETE", f"{_PATH}/{{release_id}}", "contents=write")
def delete(call: Call) -> Answer:
    """Delete one; its tag stays."""
    call.repo.releases.remove(_release(call))
    return Answer(status=204)


def _release(call: Call) -> Release:
    number = call.number("release_id")
    for release in call.repo.releases:
        if release.id == number:
            return release
    raise not_found()


def _publish(call: Call, release: Release) -> None:
    repo, tag = call.repo, f"refs/tags/{release.tag}"
    if release.draft:
        return
    release.published_at = release.published_at or call.world.now()
    sha = repo.git.resolve(release.target)
    if tag not in repo.git.refs() and sha is not None:
        with happenings.pushing(call.world, repo, call.user):
            repo.git.set_ref(tag, sha)
    happenings.tell(call.world, repo, "release", call.user, action="published", release=_shown(call, release))


def _shown(call: Call, of: Release) -> Json:
    api = f"{api_of(call.at, call.repo)}/releases/{of.id}"
    site = site_of(call.at, call.repo)
    return {
        "id": of.id,
        "node_id": node_id("RE", of.id),
        "url": api,
        "assets_url": f"{api}/assets",
        "upload_url": f"{api}/assets{{?name,label}}",
        "html_url": f"{site}/releases/tag/{of.tag}",
        "tarball_url": f"{api_of(call.at, call.repo)}/tarball/{of.tag}",
        "zipball_url": f"{api_of(call.at, call.repo)}/zipball/{of.tag}",
        "tag_name": of.tag,
        "target_commitish": of.target,
        "name": of.name,
        "body": of.body,
        "draft": of.draft,
        "prerelease": of.prerelease,
        "immutable": False,
        "author": simple_user(call.at, of.author),
        "assets": [],
        "created_at": moment(of.created_at),
        "updated_at": moment(of.created_at),
        "published_at": moment_or_none(of.published_at),
    }
