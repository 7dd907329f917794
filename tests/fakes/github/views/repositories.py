"""Repositories."""

from __future__ import annotations

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Repository
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment, node_id

_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
SETTINGS = {
    "has_issues": True,
    "has_projects": True,
    "has_wiki": True,
    "has_downloads": True,
    "is_template": False,
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "allow_update_branch": False,
    "delete_branch_on_merge": False,
}
"""What `PATCH` may change without any other effect."""


def simple_repository(at: Addresses, repository: Repository) -> Json:
    """A repository where it is named by the way."""
    api = f"{at.api}/repos/{repository.full_name}"
    return {
        "id": repository.id,
        "node_id": node_id("R", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "owner": simple_user(at, repository.owner),
        "html_url": f"{at.site}/{repository.full_name}",
        "description": repository.description,
        "fork": False,
        "url": api,
    } | {name: api + path for name, path in _LINKS.items()}


def repository(at: Addresses, of: Repository, permissions: Json | None = None) -> Json:
    """A repository with everything that is said of it in lists and alone."""
    site = f"{at.site}/{of.full_name}"
    host = at.site.partition("://")[2].partition(":")[0]
    open_issues = sum(issue.state == "open" for issue in of.issues.values())
    shown = simple_repository(at, of) | {
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "pushed_at": moment(of.pushed_at),
        "git_url": f"git://{host}/{of.full_name}.git",
        "ssh_url": f"git@{host}:{of.full_name}.git",
        "clone_url": f"{site}.git",
        "svn_url": site,
        "homepage": of.homepage,
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": of.archived,
        "disabled": False,
        "open_issues_count": open_issues,
        "license": None,
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if of.private else "public",
        "forks": 0,
        "open_issues": open_issues,
        "watchers": 0,
        "default_branch": of.default_branch,
        **SETTINGS,
        **of.settings,
    }
    return shown if permissions is None else shown | {"permissions": permissions}


def full_repository(at: Addresses, of: Repository, permissions: Json | None = None) -> Json:
    """A repository by itself."""
    shown = repository(at, of, permissions) | {"network_count": 0, "subscribers_count": 1}
    if of.owner.kind == "Organization":
        shown["organization"] = simple_user(at, of.owner)
    return shown
