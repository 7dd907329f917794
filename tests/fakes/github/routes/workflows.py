"""Runs of workflows, read and asked for again."""

from __future__ import annotations

from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import not_found
from tests.fakes.github.records import WorkflowRun
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import workflows as views

_PATH = "/repos/{owner}/{repo}/actions/runs"


@route("GET", _PATH, "actions=read")
def list_all(call: Call) -> Answer:
    """List them, the newest first."""
    query = call.query
    found = [
        run
        for run in reversed(call.repo.runs)
        if query.get("branch") in {None, run.branch}
        and query.get("event") in {None, run.event}
        and query.get("head_sha") in {None, run.sha}
        and query.get("status") in {None, run.status, run.conclusion}
    ]
    return call.page(found, lambda run: views.run(call.at, call.repo, run), "workflow_runs")


@route("GET", f"{_PATH}/{{run_id}}", "actions=read")
def get(call: Call) -> Answer:
    """Read one."""
    return Answer(views.run(call.at, call.repo, _run(call)))


@route("POST", f"{_PATH}/{{run_id}}/rerun", "actions=write")
def rerun(call: Call) -> Answer:
    """Let it run again."""
    run = _run(call)
    run.status, run.conclusion, run.updated_at = "queued", None, call.world.now()
    call.world.touch()
    return Answer({}, 201)


def _run(call: Call) -> WorkflowRun:
    number = call.number("run_id")
    for run in call.repo.runs:
        if run.id == number:
            return run
    raise not_found()
