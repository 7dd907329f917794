"""Issues, and what is said below issues and pull requests."""

from __future__ import annotations

from datetime import datetime

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, invalid, not_found
from tests.fakes.github.records import Comment, Issue
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import issues as views


def issue_of(call: Call) -> Issue:
    """The issue or pull request that a call names.

    Raises:
        ApiError: There is none.
    """
    issue = call.repo.issues.get(call.number("issue_number"))
    if issue is None:
        raise not_found()
    return issue


@route("GET", "/repos/{owner}/{repo}/issues", "issues=read")
def list_all(call: Call) -> Answer:
    """List issues, pull requests among them."""
    wanted, since = call.query.get("state", "open"), _since(call)
    labels = [name for name in call.query.get("labels", "").split(",") if name]
    found = [
        issue
        for issue in call.repo.issues.values()
        if wanted in {"all", issue.state}
        and int(issue.updated_at) >= since
        and all(name in issue.labels for name in labels)
    ]
    is_updated = call.query.get("sort") == "updated"
    found.sort(
        key=lambda issue: (issue.updated_at if is_updated else issue.created_at, issue.number),
        reverse=call.query.get("direction", "desc") == "desc",
    )
    return call.page(found, lambda issue: views.issue(call.at, call.repo, issue))


@route("POST", "/repos/{owner}/{repo}/issues", "issues=write")
def create(call: Call) -> Answer:
    """Open an issue."""
    if not call.repo.settings.get("has_issues", True):
        raise ApiError(410, "Issues are disabled for this repo")
    body = call.body
    labels = [label if isinstance(label, str) else str(label["name"]) for label in body.get("labels", [])]
    issue = happenings.open_issue(
        call.world, call.repo, str(body["title"]), body.get("body"), labels, call.user
    )
    shown = views.issue(call.at, call.repo, issue)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", "/repos/{owner}/{repo}/issues/{issue_number}", "issues=read")
def get(call: Call) -> Answer:
    """Read an issue."""
    issue = issue_of(call)
    return Answer(views.issue(call.at, call.repo, issue), last_modified=issue.updated_at)


@route("PATCH", "/repos/{owner}/{repo}/issues/{issue_number}", "issues=write")
def update(call: Call) -> Answer:
    """Change an issue."""
    issue, body, changes = issue_of(call), call.body, Json()
    for field in ("title", "body"):
        if field in body and body[field] != getattr(issue, field):
            changes[field] = {"from": getattr(issue, field) or ""}
            setattr(issue, field, body[field])
    if "labels" in body:
        issue.labels = [label if isinstance(label, str) else label["name"] for label in body["labels"]]
    issue.updated_at = call.world.now()
    if changes:
        happenings.tell_issue(call.world, call.repo, issue, "edited", call.user, changes=changes)
    if body.get("state", issue.state) != issue.state:
        if body["state"] == "closed":
            happenings.close(call.world, call.repo, issue, call.user, body.get("state_reason"))
        else:
            happenings.reopen(call.world, call.repo, issue, call.user)
    return Answer(views.issue(call.at, call.repo, issue))


@route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments", "issues=read; pull_requests=read")
def comments(call: Call) -> Answer:
    """List what was said below one."""
    since = _since(call)
    found = [said for said in issue_of(call).comments if int(said.updated_at) >= since]
    return call.page(found, lambda said: views.comment(call.at, call.repo, said))


@route("GET", "/repos/{owner}/{repo}/issues/comments", "issues=read; pull_requests=read")
def all_comments(call: Call) -> Answer:
    """List what was said below all of them."""
    since = _since(call)
    found = [s for issue in call.repo.issues.values() for s in issue.comments if int(s.updated_at) >= since]
    found.sort(key=lambda said: said.id)
    return call.page(found, lambda said: views.comment(call.at, call.repo, said))


@route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/comments", "issues=write; pull_requests=write")
def comment(call: Call) -> Answer:
    """Say something."""
    if not str(call.body["body"]).strip():
        raise invalid("IssueComment", "body", "missing_field")
    said = happenings.comment(call.world, call.repo, issue_of(call), str(call.body["body"]), call.user)
    shown = views.comment(call.at, call.repo, said)
    return Answer(shown, 201, {"Location": shown["url"]})


@route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "issues=read; pull_requests=read")
def get_comment(call: Call) -> Answer:
    """Read what was said."""
    _, said = _comment_of(call)
    return Answer(views.comment(call.at, call.repo, said), last_modified=said.updated_at)


@route("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "issues=write; pull_requests=write")
def update_comment(call: Call) -> Answer:
    """Say it otherwise."""
    issue, said = _comment_of(call)
    changes = {"body": {"from": said.body}}
    said.body = str(call.body["body"])
    said.updated_at = issue.updated_at = call.world.now()
    happenings.tell_comment(call.world, call.repo, said, "edited", call.user, changes=changes)
    return Answer(views.comment(call.at, call.repo, said))


@route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "issues=write; pull_requests=write")
def delete_comment(call: Call) -> Answer:
    """Unsay it."""
    issue, said = _comment_of(call)
    issue.comments.remove(said)
    happenings.tell_comment(call.world, call.repo, said, "deleted", call.user)
    return Answer(status=204)


def _comment_of(call: Call) -> tuple[Issue, Comment]:
    number = call.number("comment_id")
    for issue in call.repo.issues.values():
        for said in issue.comments:
            if said.id == number:
                return issue, said
    raise not_found()


def _since(call: Call) -> float:
    text = call.query.get("since")
    return 0.0 if text is None else datetime.fromisoformat(text).timestamp()
