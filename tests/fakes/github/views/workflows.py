"""Runs of workflows."""

from __future__ import annotations

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Repository, WorkflowRun
from tests.fakes.github.views.accounts import simple_user
from tests.fakes.github.views.addresses import Addresses, moment, node_id
from tests.fakes.github.views.commits import api_of, simple_commit, site_of
from tests.fakes.github.views.repositories import simple_repository


def workflow_id(name: str) -> int:
    """The id of the workflow of a name."""
    return int.from_bytes(name.encode()[:5], "big")


def run(at: Addresses, repo: Repository, of: WorkflowRun) -> Json:
    """One run of a workflow."""
    api = f"{api_of(at, repo)}/actions/runs/{of.id}"
    commit = simple_commit(repo, of.sha)
    return {
        "id": of.id,
        "name": of.name,
        "node_id": node_id("WFR", of.id),
        "head_branch": of.branch,
        "head_sha": of.sha,
        "path": of.path,
        "display_title": commit["message"].split("\n")[0],
        "run_number": of.number,
        "run_attempt": 1,
        "event": of.event,
        "status": of.status,
        "conclusion": of.conclusion,
        "workflow_id": workflow_id(of.name),
        "check_suite_id": of.suite_id,
        "check_suite_node_id": node_id("CS", of.suite_id),
        "url": api,
        "html_url": f"{site_of(at, repo)}/actions/runs/{of.id}",
        "pull_requests": [],
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "run_started_at": moment(of.created_at),
        "actor": simple_user(at, of.actor),
        "triggering_actor": simple_user(at, of.actor),
        "jobs_url": f"{api}/jobs",
        "logs_url": f"{api}/logs",
        "check_suite_url": f"{api_of(at, repo)}/check-suites/{of.suite_id}",
        "artifacts_url": f"{api}/artifacts",
        "cancel_url": f"{api}/cancel",
        "rerun_url": f"{api}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{api_of(at, repo)}/actions/workflows/{workflow_id(of.name)}",
        "head_commit": commit,
        "repository": simple_repository(at, repo),
        "head_repository": simple_repository(at, repo),
    }
