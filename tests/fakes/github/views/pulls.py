"""Pull requests."""

from __future__ import annotations

from tests.fakes.github import merging
from tests.fakes.github.errors import Json
from tests.fakes.github.records import Issue, Repository
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment_or_none, node_id
from tests.fakes.github.views.commits import api_of
from tests.fakes.github.views.issues import issue as issue_view
from tests.fakes.github.views.issues import page_of
from tests.fakes.github.views.repositories import repository
from tests.fakes.github.world import World

_OF_ISSUE = [
    "number",
    "title",
    "body",
    "user",
    "labels",
    "state",
    "locked",
    "assignee",
    "assignees",
    "milestone",
    "created_at",
    "updated_at",
    "closed_at",
    "author_association",
    "active_lock_reason",
]


def simple_pull(at: Addresses, repo: Repository, of: Issue) -> Json:
    """A pull request in a list."""
    assert of.pull is not None
    api, page, pull = f"{api_of(at, repo)}/pulls/{of.number}", page_of(at, repo, of), of.pull
    issue = issue_view(at, repo, of)
    urls = {
        "html_url": page,
        "issue_url": issue["url"],
        "comments_url": issue["comments_url"],
        "review_comments_url": f"{api}/comments",
        "review_comment_url": f"{api_of(at, repo)}/pulls/comments{{/number}}",
        "commits_url": f"{api}/commits",
        "statuses_url": f"{api_of(at, repo)}/statuses/{pull.head_sha}",
    }
    links = {"self": {"href": api}} | {
        name: {"href": urls[f"{field}_url"]}
        for name, field in (
            ("html", "html"),
            ("issue", "issue"),
            ("comments", "comments"),
            ("review_comments", "review_comments"),
            ("review_comment", "review_comment"),
            ("commits", "commits"),
            ("statuses", "statuses"),
        )
    }
    return (
        {field: issue[field] for field in _OF_ISSUE}
        | urls
        | {
            "url": api,
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": moment_or_none(pull.merged_at),
            "merge_commit_sha": pull.merge_sha,
            "requested_reviewers": [],
            "requested_teams": [],
            "draft": pull.draft,
            "head": _side(at, repo, pull.head, pull.head_sha),
            "base": _side(at, repo, pull.base, pull.base_sha),
            "auto_merge": None,
            "_links": links,
        }
    )


def pull(world: World, at: Addresses, repo: Repository, of: Issue) -> Json:
    """A pull request by itself, with what git has to compute."""
    assert of.pull is not None
    found = of.pull
    mergeable, state = merging.standing(world, repo, of)
    changed = repo.git.differences(_fork_point(repo, found.base_sha, found.head_sha), found.head_sha)
    commits = repo.git.log(f"{found.base_sha}..{found.head_sha}")
    by = found.merged_by
    return simple_pull(at, repo, of) | {
        "merged": found.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state,
        "merged_by": None if by is None else simple_user(at, by),
        "comments": len(of.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(commits),
        "additions": sum(difference.additions for difference in changed),
        "deletions": sum(difference.deletions for difference in changed),
        "changed_files": len(changed),
    }


def _fork_point(repo: Repository, base: str, head: str) -> str:
    return repo.git.merge_base(base, head) or base


def _side(at: Addresses, repo: Repository, branch: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner.login}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": simple_user(at, repo.owner),
        "repo": repository(at, repo),
    }
