"""Issues and comments."""

from __future__ import annotations

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Account, Comment, Issue, Repository
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment, moment_or_none, node_id
from tests.fakes.github.views.commits import api_of, site_of


def association(repo: Repository, account: Account) -> str:
    """How the author of something stands to the repository."""
    if account is repo.owner:
        return "OWNER"
    login = account.login.lower()
    if login in repo.owner.members:
        return "MEMBER"
    return "COLLABORATOR" if login in repo.collaborators else "NONE"


def label(at: Addresses, repo: Repository, name: str) -> Json:
    """A label."""
    number = int.from_bytes(name.encode()[:4], "big")
    return {
        "id": number,
        "node_id": node_id("LA", number),
        "url": f"{api_of(at, repo)}/labels/{name}",
        "name": name,
        "color": "ededed",
        "default": False,
        "description": None,
    }


def page_of(at: Addresses, repo: Repository, issue: Issue) -> str:
    """The page of an issue or pull request."""
    return f"{site_of(at, repo)}/{'pull' if issue.pull else 'issues'}/{issue.number}"


def issue(at: Addresses, repo: Repository, of: Issue) -> Json:
    """An issue; a pull request is one as well."""
    api = f"{api_of(at, repo)}/issues/{of.number}"
    shown = {
        "id": of.id,
        "node_id": node_id("PR" if of.pull else "I", of.id),
        "number": of.number,
        "url": api,
        "repository_url": api_of(at, repo),
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "timeline_url": f"{api}/timeline",
        "html_url": page_of(at, repo, of),
        "title": of.title,
        "body": of.body,
        "user": simple_user(at, of.user),
        "labels": [label(at, repo, name) for name in of.labels],
        "state": of.state,
        "state_reason": of.state_reason,
        "locked": False,
        "active_lock_reason": None,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(of.comments),
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "closed_at": moment_or_none(of.closed_at),
        "author_association": association(repo, of.user),
        "performed_via_github_app": None,
    }
    if of.pull is not None:
        page = page_of(at, repo, of)
        shown["pull_request"] = {
            "url": f"{api_of(at, repo)}/pulls/{of.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": moment_or_none(of.pull.merged_at),
        }
    return shown


def comment(at: Addresses, repo: Repository, of: Comment) -> Json:
    """What was said below an issue."""
    api, issue = api_of(at, repo), repo.issues[of.number]
    return {
        "id": of.id,
        "node_id": node_id("IC", of.id),
        "url": f"{api}/issues/comments/{of.id}",
        "html_url": f"{page_of(at, repo, issue)}#issuecomment-{of.id}",
        "issue_url": f"{api}/issues/{of.number}",
        "body": of.body,
        "user": simple_user(at, of.user) if of.user else None,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "author_association": association(repo, of.user) if of.user else "NONE",
        "performed_via_github_app": None,
    }
