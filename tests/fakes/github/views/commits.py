"""Commits, refs, branches, files and differences."""

from __future__ import annotations

import base64
from urllib.parse import quote

from tests.fakes.github.errors import Json
from tests.fakes.github.gitdir import Commit, Difference, Entry, Signature
from tests.fakes.github.records import Account, Repository
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment
from tests.fakes.github.world import World

_UNVERIFIED = {
    "verified": False,
    "reason": "unsigned",
    "signature": None,
    "payload": None,
    "verified_at": None,
}


def api_of(at: Addresses, repo: Repository) -> str:
    """A repository's address in the API."""
    return f"{at.api}/repos/{repo.full_name}"


def site_of(at: Addresses, repo: Repository) -> str:
    """A repository's page."""
    return f"{at.site}/{repo.full_name}"


def commit(world: World, at: Addresses, repo: Repository, sha: str) -> Json:
    """A commit."""
    found, api, site = repo.git.commit(sha), api_of(at, repo), site_of(at, repo)
    return {
        "sha": sha,
        "node_id": f"C_kwDO{sha[:24]}",
        "commit": {
            "author": _signature(found.author),
            "committer": _signature(found.committer),
            "message": found.message,
            "tree": {"sha": found.tree, "url": f"{api}/git/trees/{found.tree}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
            "verification": _UNVERIFIED,
        },
        "url": f"{api}/commits/{sha}",
        "html_url": f"{site}/commit/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "author": _account(world, at, found.author),
        "committer": _account(world, at, found.committer),
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{site}/commit/{parent}"}
            for parent in found.parents
        ],
    }


def full_commit(world: World, at: Addresses, repo: Repository, sha: str, base: str) -> Json:
    """A commit with its differences to what was before."""
    files = [difference(at, repo, sha, found) for found in repo.git.differences(base, sha)]
    plus, minus = sum(f["additions"] for f in files), sum(f["deletions"] for f in files)
    stats = {"total": plus + minus, "additions": plus, "deletions": minus}
    return commit(world, at, repo, sha) | {"stats": stats, "files": files}


def git_commit(at: Addresses, repo: Repository, found: Commit) -> Json:
    """A commit as an object of git."""
    api, site = api_of(at, repo), site_of(at, repo)
    return {
        "sha": found.sha,
        "node_id": f"C_kwDO{found.sha[:24]}",
        "url": f"{api}/git/commits/{found.sha}",
        "html_url": f"{site}/commit/{found.sha}",
        "author": _signature(found.author),
        "committer": _signature(found.committer),
        "message": found.message,
        "tree": {"sha": found.tree, "url": f"{api}/git/trees/{found.tree}"},
        "parents": [
            {"sha": sha, "url": f"{api}/git/commits/{sha}", "html_url": f"{site}/commit/{sha}"}
            for sha in found.parents
        ],
        "verification": _UNVERIFIED,
    }


def simple_commit(repo: Repository, sha: str) -> Json:
    """A commit in the JSON of checks and webhooks."""
    found = repo.git.commit(sha)
    return {
        "id": sha,
        "tree_id": found.tree,
        "message": found.message,
        "timestamp": moment(found.committer.at),
        "author": {"name": found.author.name, "email": found.author.email},
        "committer": {"name": found.committer.name, "email": found.committer.email},
    }


def ref(at: Addresses, repo: Repository, name: str, sha: str) -> Json:
    """A ref of git."""
    api, kind = api_of(at, repo), repo.git.kind(sha)
    return {
        "ref": name,
        "node_id": f"REF_{base64.urlsafe_b64encode(f'{repo.id}:{name}'.encode()).decode().rstrip('=')}",
        "url": f"{api}/git/{quote(name)}",
        "object": {"sha": sha, "type": kind, "url": f"{api}/git/{kind}s/{sha}"},
    }


def short_branch(at: Addresses, repo: Repository, name: str, sha: str) -> Json:
    """A branch in a list."""
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{api_of(at, repo)}/commits/{sha}"},
        "protected": name in repo.protections,
    }


def difference(at: Addresses, repo: Repository, sha: str, found: Difference) -> Json:
    """What became of a file."""
    api, site, path = api_of(at, repo), site_of(at, repo), quote(found.path)
    shown = {
        "sha": found.sha,
        "filename": found.path,
        "status": found.status,
        "additions": found.additions,
        "deletions": found.deletions,
        "changes": found.additions + found.deletions,
        "blob_url": f"{site}/blob/{sha}/{path}",
        "raw_url": f"{site}/raw/{sha}/{path}",
        "contents_url": f"{api}/contents/{path}?ref={sha}",
    }
    if found.patch is not None:
        shown["patch"] = found.patch
    if found.previous is not None:
        shown["previous_filename"] = found.previous
    return shown


def content(at: Addresses, repo: Repository, at_ref: str, entry: Entry, body: bytes | None) -> Json:
    """A file, or an entry of a folder, as `contents` shows it."""
    api, site, path = api_of(at, repo), site_of(at, repo), quote(entry.path)
    is_file = entry.kind == "blob"
    kind, where = ("blobs", "blob") if is_file else ("trees", "tree")
    links = {
        "self": f"{api}/contents/{path}?ref={at_ref}",
        "git": f"{api}/git/{kind}/{entry.sha}",
        "html": f"{site}/{where}/{at_ref}/{path}",
    }
    shown = {
        "name": entry.path.rsplit("/", 1)[-1],
        "path": entry.path,
        "sha": entry.sha,
        "size": entry.size,
        "url": links["self"],
        "html_url": links["html"],
        "git_url": links["git"],
        "download_url": f"{site}/raw/{at_ref}/{path}" if is_file else None,
        "type": "file" if is_file else "dir",
        "_links": links,
    }
    if body is not None:
        shown |= {"content": base64.encodebytes(body).decode(), "encoding": "base64"}
    return shown


def _signature(by: Signature) -> Json:
    return {"name": by.name, "email": by.email, "date": moment(by.at)}


def _account(world: World, at: Addresses, by: Signature) -> Json | None:
    account = author_of(world, by)
    return None if account is None else simple_user(at, account)


def author_of(world: World, by: Signature) -> Account | None:
    """The account whose address a commit has."""
    return next((known for known in world.accounts.values() if known.email == by.email), None)
