"""Check runs, check suites and commit statuses."""

from __future__ import annotations

from tests.fakes.github.errors import Json
from tests.fakes.github.records import (
    ACTIONS_APP,
    Account,
    App,
    CheckRun,
    CheckSuite,
    Repository,
    Status,
)
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment, moment_or_none, node_id
from tests.fakes.github.views.commits import api_of, simple_commit, site_of
from tests.fakes.github.views.repositories import simple_repository

_GITHUB = Account(9919, "github", "Organization", 1_210_000_000)
_ACTIONS = App(
    ACTIONS_APP,
    "github-actions",
    _GITHUB,
    _GITHUB,
    "",
    "",
    {"actions": "write", "checks": "write", "contents": "read", "metadata": "read"},
    1_532_000_000,
)
"""Whose checks are those that no app of a test has made."""


def integration(at: Addresses, app: App | None) -> Json:
    """An app; GitHub's own Actions where there is none."""
    app = app or _ACTIONS
    return {
        "id": app.id,
        "client_id": f"Iv1.{app.id:016x}",
        "slug": app.slug,
        "node_id": node_id("A", app.id),
        "owner": simple_user(at, app.owner),
        "name": app.slug,
        "description": None,
        "external_url": f"{at.site}/apps/{app.slug}",
        "html_url": f"{at.site}/apps/{app.slug}",
        "created_at": moment(app.created_at),
        "updated_at": moment(app.created_at),
        "permissions": app.permissions,
        "events": ["push", "pull_request", "check_suite"],
    }


def run(at: Addresses, repo: Repository, of: CheckRun) -> Json:
    """A check run."""
    api, page = f"{api_of(at, repo)}/check-runs/{of.id}", f"{site_of(at, repo)}/runs/{of.id}"
    return {
        "id": of.id,
        "node_id": node_id("CR", of.id),
        "name": of.name,
        "head_sha": of.sha,
        "external_id": of.external_id,
        "url": api,
        "html_url": page,
        "details_url": of.details_url or page,
        "status": of.status,
        "conclusion": of.conclusion,
        "started_at": moment(of.started_at),
        "completed_at": moment_or_none(of.completed_at),
        "output": {
            "title": of.title,
            "summary": of.summary,
            "text": of.text,
            "annotations_count": 0,
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": of.suite.id},
        "app": integration(at, of.suite.app),
        "pull_requests": _pulls(at, repo, of.sha),
    }


def suite(at: Addresses, repo: Repository, of: CheckSuite) -> Json:
    """All checks of an app of a commit."""
    api, parents = f"{api_of(at, repo)}/check-suites/{of.id}", repo.git.commit(of.sha).parents
    return {
        "id": of.id,
        "node_id": node_id("CS", of.id),
        "head_branch": of.branch,
        "head_sha": of.sha,
        "status": of.status,
        "conclusion": of.conclusion,
        "url": api,
        "before": parents[0] if parents else None,
        "after": of.sha,
        "pull_requests": _pulls(at, repo, of.sha),
        "app": integration(at, of.app),
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "latest_check_runs_count": len(of.runs),
        "check_runs_url": f"{api}/check-runs",
        "head_commit": simple_commit(repo, of.sha),
        "repository": simple_repository(at, repo),
    }


def status(at: Addresses, repo: Repository, of: Status) -> Json:
    """A commit status."""
    return {
        "url": f"{api_of(at, repo)}/statuses/{of.sha}",
        "avatar_url": f"{at.site}/avatars/u/{of.creator.id}?v=4",
        "id": of.id,
        "node_id": node_id("SC", of.id),
        "state": of.state,
        "description": of.description,
        "target_url": of.target_url,
        "context": of.context,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.created_at),
        "creator": simple_user(at, of.creator),
    }


def _pulls(at: Addresses, repo: Repository, sha: str) -> list[Json]:
    named = {"id": repo.id, "url": api_of(at, repo), "name": repo.name}
    return [
        {
            "id": pull.id,
            "number": issue.number,
            "url": f"{api_of(at, repo)}/pulls/{issue.number}",
            "head": {"ref": pull.head, "sha": pull.head_sha, "repo": named},
            "base": {"ref": pull.base, "sha": pull.base_sha, "repo": named},
        }
        for issue, pull in repo.pulls
        if pull.head_sha == sha and issue.state == "open"
    ]
