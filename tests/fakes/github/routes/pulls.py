"""Pull requests: opened, listed, read, changed, reviewed, merged."""

from __future__ import annotations

from tests.fakes.github import happenings, merging
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, invalid, not_found, refused, unprocessable
from tests.fakes.github.records import Issue, Pull, Review
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import commits as commit_views
from tests.fakes.github.views import pulls as views
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import moment, node_id
from tests.fakes.github.views.issues import association, page_of


def pull_of(call: Call) -> tuple[Issue, Pull]:
    """The pull request that a call names.

    Raises:
        ApiError: There is none.
    """
    issue = call.repo.issues.get(call.number("pull_number"))
    if issue is None or issue.pull is None:
        raise not_found()
    return issue, issue.pull


@route("POST", "/repos/{owner}/{repo}/pulls", "pull_requests=write")
def create(call: Call) -> Answer:
    """Open a pull request."""
    repo, body, branches = call.repo, call.body, call.repo.git.branches()
    owner, _, head = str(body["head"]).rpartition(":")
    if head not in branches or (owner and owner.lower() != repo.owner.login.lower()):
        raise invalid("PullRequest", "head", "invalid")
    base = str(body["base"])
    if base not in branches:
        raise invalid("PullRequest", "base", "invalid")
    if any(p.head == head and p.base == base and i.state == "open" for i, p in repo.pulls):
        raise refused("PullRequest", f"A pull request already exists for {repo.owner.login}:{head}.")
    if not repo.git.log("--max-count=1", f"{branches[base]}..{branches[head]}"):
        raise refused("PullRequest", f"No commits between {base} and {head}")
    if repo.git.merge_base(branches[base], branches[head]) is None:
        raise refused("PullRequest", f"The {head} branch has no history in common with {base}")
    issue = happenings.open_pull(
        call.world,
        repo,
        head=head,
        base=base,
        title=str(body.get("title", head)),
        body=body.get("body"),
        draft=bool(body.get("draft", False)),
        by=call.user,
    )
    shown = views.pull(call.world, call.at, repo, issue)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", "/repos/{owner}/{repo}/pulls", "pull_requests=read")
def list_all(call: Call) -> Answer:
    """List pull requests."""
    wanted, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = [
        issue
        for issue, pull in call.repo.pulls
        if wanted in {"all", issue.state}
        # Without its owner a head is no filter at all: GitHub lists everything.
        and (head is None or ":" not in head or head == f"{call.repo.owner.login}:{pull.head}")
        and (base is None or base == pull.base)
    ]
    order = call.query.get("sort", "created")
    direction = call.query.get("direction", "desc" if order == "created" else "asc")
    found.sort(
        key=lambda issue: (issue.updated_at if order == "updated" else issue.created_at, issue.number),
        reverse=direction == "desc",
    )
    return call.page(found, lambda issue: views.simple_pull(call.at, call.repo, issue))


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests=read")
def get(call: Call) -> Answer:
    """Read a pull request; GitHub begins to compute whether it can be merged when it is first asked."""
    issue, pull = pull_of(call)
    shown = views.pull(call.world, call.at, call.repo, issue)
    pull.unknown_for = max(pull.unknown_for - 1, 0)
    return Answer(shown, last_modified=issue.updated_at)


@route("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}", "pull_requests=write")
def update(call: Call) -> Answer:
    """Change a pull request."""
    (issue, pull), repo, body = pull_of(call), call.repo, call.body
    changes: Json = {}
    for field in ("title", "body"):
        if field in body and body[field] != getattr(issue, field):
            changes[field] = {"from": getattr(issue, field) or ""}
            setattr(issue, field, body[field])
    if (base := body.get("base")) is not None and base != pull.base:
        if base not in repo.git.branches():
            raise invalid("PullRequest", "base", "invalid")
        changes["base"] = {"ref": {"from": pull.base}, "sha": {"from": pull.base_sha}}
        pull.base, pull.base_sha = base, repo.git.branches()[base]
    if changes:
        issue.updated_at = call.world.now()
        happenings.tell_pull(call.world, repo, issue, "edited", call.user, changes=changes)
    if (state := body.get("state")) is not None and state != issue.state:
        if state == "closed":
            happenings.close(call.world, repo, issue, call.user)
        elif pull.merged_at is not None or pull.head not in repo.git.branches():
            raise refused("PullRequest", "state cannot be changed. The pull request cannot be reopened.")
        else:
            happenings.reopen(call.world, repo, issue, call.user)
    return Answer(views.pull(call.world, call.at, repo, issue))


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/files", "pull_requests=read")
def files(call: Call) -> Answer:
    """List the files that a pull request changes."""
    _, pull = pull_of(call)
    git = call.repo.git
    since = git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    changed = git.differences(since, pull.head_sha)
    return call.page(changed, lambda d: commit_views.difference(call.at, call.repo, pull.head_sha, d))


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/commits", "pull_requests=read")
def commits(call: Call) -> Answer:
    """List the commits of a pull request."""
    _, pull = pull_of(call)
    found = call.repo.git.log("--reverse", f"{pull.base_sha}..{pull.head_sha}")
    return call.page(found, lambda sha: commit_views.commit(call.world, call.at, call.repo, sha))


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", "contents=read")
def is_merged(call: Call) -> Answer:
    """Say whether it was merged."""
    if pull_of(call)[1].merged_at is None:
        raise not_found()
    return Answer(status=204)


@route("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", "contents=write")
def merge(call: Call) -> Answer:
    """Merge a pull request."""
    (issue, pull), repo, body = pull_of(call), call.repo, call.body
    if issue.state != "open":
        raise ApiError(405, "Pull Request is not mergeable")
    if (sha := body.get("sha")) is not None and sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise ApiError(405, "Pull Request is still a draft")
    # On GitHub an administrator gets past a rule that is not enforced for them too.
    enforced = repo.protections.get(pull.base, {}).get("enforce_admins", True) or call.user is not repo.owner
    if (missed := merging.obstacle(repo, pull)) is not None and enforced:
        raise ApiError(405, missed)
    method = body.get("merge_method", "merge")
    if not repo.settings.get(f"allow_{'merge_commit' if method == 'merge' else method + '_merge'}", True):
        raise ApiError(405, f"{method.capitalize()} merges are not allowed on this repository.")
    merged = merge_by(call, issue, method)
    return Answer({"sha": merged, "merged": True, "message": "Pull Request successfully merged"})


def merge_by(call: Call, issue: Issue, method: str) -> str:
    """Merge, move the base, and let what follows follow."""
    repo, body = call.repo, call.body
    sha = merging.merge(
        call.world,
        repo,
        issue,
        method=method,
        title=body.get("commit_title"),
        message=body.get("commit_message"),
        by=call.user,
    )
    happenings.finish_merge(call.world, repo, issue, sha, call.user)
    return sha


@route("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", "pull_requests=write")
def review(call: Call) -> Answer:
    """Say what one thinks of a pull request."""
    (issue, pull), states = (
        pull_of(call),
        {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"},
    )
    event = call.body.get("event", "COMMENT")
    if event == "APPROVE" and call.user is issue.user:
        raise unprocessable("Unprocessable Entity: Can not approve your own pull request")
    found = Review(call.user, states[event], pull.head_sha)
    pull.reviews.append(found)
    call.world.touch()
    return Answer(_review(call, issue, found, call.body.get("body", "")))


@route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", "pull_requests=read")
def reviews(call: Call) -> Answer:
    """List what was thought of a pull request."""
    issue, pull = pull_of(call)
    return call.page(pull.reviews, lambda found: _review(call, issue, found, ""))


def _review(call: Call, issue: Issue, found: Review, body: str) -> Json:
    assert issue.pull is not None
    number = issue.pull.reviews.index(found) + 1
    page = page_of(call.at, call.repo, issue)
    api = f"{call.at.api}/repos/{call.repo.full_name}/pulls/{issue.number}"
    return {
        "id": issue.id * 100 + number,
        "node_id": node_id("PRR", issue.id * 100 + number),
        "user": simple_user(call.at, found.user),
        "body": body,
        "state": found.state,
        "html_url": f"{page}#pullrequestreview-{number}",
        "pull_request_url": api,
        "author_association": association(call.repo, found.user),
        "_links": {
            "html": {"href": f"{page}#pullrequestreview-{number}"},
            "pull_request": {"href": api},
        },
        "submitted_at": moment(issue.updated_at),
        "commit_id": found.sha,
    }
