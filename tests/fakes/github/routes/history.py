"""Commits: listed, read, compared; and the objects of git."""

from __future__ import annotations

import base64

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, not_found, unprocessable
from tests.fakes.github.gitdir import EMPTY_TREE
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import commits as views
from tests.fakes.github.views.addresses import node_id


@route("GET", "/repos/{owner}/{repo}/commits", "contents=read")
def list_all(call: Call) -> Answer:
    """List the commits of a branch, the newest first."""
    git, query = call.repo.git, call.query
    if not git.branches():
        raise ApiError(409, "Git Repository is empty.")
    sha = git.resolve(query.get("sha", call.repo.default_branch))
    if sha is None:
        raise not_found()
    limits = [f"--{name}={query[name]}" for name in ("since", "until") if name in query]
    found = git.log(*limits, sha, *(["--", query["path"]] if "path" in query else []))
    return call.page(found, lambda sha: views.commit(call.world, call.at, call.repo, sha))


@route("GET", "/repos/{owner}/{repo}/commits/{ref}", "contents=read")
def get(call: Call) -> Answer:
    """Read a commit, with what it changed."""
    git = call.repo.git
    sha = git.resolve(call.params["ref"])
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {call.params['ref']}")
    parents = git.commit(sha).parents
    shown = views.full_commit(call.world, call.at, call.repo, sha, parents[0] if parents else EMPTY_TREE)
    return Answer(shown, last_modified=git.commit(sha).committer.at)


@route("GET", "/repos/{owner}/{repo}/compare/{basehead}", "contents=read")
def compare(call: Call) -> Answer:
    """Say what one commit has that another has not."""
    git, repo = call.repo.git, call.repo
    names = call.params["basehead"].split("...")
    ends = [git.resolve(name.rpartition(":")[2]) for name in names]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        raise not_found()
    base, head = ends[0], ends[1]
    fork = git.merge_base(base, head)
    if fork is None:
        raise ApiError(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead, behind = git.log("--reverse", f"{base}..{head}"), git.log(f"{head}..{base}")
    states = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    api, site = views.api_of(call.at, repo), views.site_of(call.at, repo)
    pair, exact = f"{names[0]}...{names[1]}", f"{base[:12]}...{head[:12]}"
    answer = call.page(ahead, lambda sha: views.commit(call.world, call.at, repo, sha))
    answer.body = {
        "url": f"{api}/compare/{pair}",
        "html_url": f"{site}/compare/{pair}",
        "permalink_url": f"{site}/compare/{exact}",
        "diff_url": f"{site}/compare/{pair}.diff",
        "patch_url": f"{site}/compare/{pair}.patch",
        "base_commit": views.commit(call.world, call.at, repo, base),
        "merge_base_commit": views.commit(call.world, call.at, repo, fork),
        "status": states.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": answer.body,
        "files": [views.difference(call.at, repo, head, d) for d in git.differences(fork, head)],
    }
    return answer


@route("GET", "/repos/{owner}/{repo}/git/commits/{commit_sha}", "contents=read")
def git_commit(call: Call) -> Answer:
    """Read a commit as git has it."""
    sha = call.params["commit_sha"]
    if call.repo.git.kind(sha) != "commit":
        raise not_found()
    return Answer(views.git_commit(call.at, call.repo, call.repo.git.commit(sha)))


@route("GET", "/repos/{owner}/{repo}/git/trees/{tree_sha}", "contents=read")
def tree(call: Call) -> Answer:
    """Read a tree."""
    git, name = call.repo.git, call.params["tree_sha"]
    sha = git.resolve(name)
    treeish = git.commit(sha).tree if sha is not None else name
    if git.kind(treeish) != "tree":
        raise not_found()
    api = f"{views.api_of(call.at, call.repo)}/git"
    entries = git.tree(treeish, recursive=call.query.get("recursive", "") not in {"", "0", "false"})
    shown = [
        {"path": e.path, "mode": e.mode, "type": e.kind, "sha": e.sha, "url": f"{api}/{e.kind}s/{e.sha}"}
        | ({"size": e.size} if e.kind == "blob" else {})
        for e in entries
    ]
    return Answer({"sha": treeish, "url": f"{api}/trees/{treeish}", "tree": shown, "truncated": False})


@route("GET", "/repos/{owner}/{repo}/git/blobs/{file_sha}", "contents=read")
def blob(call: Call) -> Answer:
    """Read a file's bytes."""
    sha = call.params["file_sha"]
    if call.repo.git.kind(sha) != "blob":
        raise not_found()
    body = call.repo.git.blob(sha)
    return Answer(
        {
            "sha": sha,
            "node_id": node_id("B", int(sha[:10], 16)),
            "size": len(body),
            "url": f"{views.api_of(call.at, call.repo)}/git/blobs/{sha}",
            "content": base64.encodebytes(body).decode(),
            "encoding": "base64",
        }
    )
