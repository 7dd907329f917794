"""Check runs, check suites and commit statuses."""

from __future__ import annotations

from datetime import datetime

from tests.fakes.github import happenings
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.errors import ApiError, Json, not_found, unprocessable
from tests.fakes.github.records import App, CheckRun, CheckSuite, Status
from tests.fakes.github.routes.table import route
from tests.fakes.github.views import checks as views
from tests.fakes.github.views.commits import api_of
from tests.fakes.github.views.repositories import simple_repository


def sha_of(call: Call, name: str = "ref") -> str:
    """The commit that a path names.

    Raises:
        ApiError: There is none.
    """
    sha = call.repo.git.resolve(call.params[name])
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {call.params[name]}")
    return sha


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", "checks=read")
def list_of_commit(call: Call) -> Answer:
    """List the check runs of a commit; of those of one name and suite the newest, unless all are asked for."""
    sha, query = sha_of(call), call.query
    found = [run for run in reversed(call.repo.check_runs) if run.sha == sha]
    if query.get("filter", "latest") == "latest":
        found = list({(run.name, run.suite.id): run for run in reversed(found)}.values())
    found = [
        run
        for run in found
        if query.get("check_name") in {None, run.name} and query.get("status") in {None, run.status}
    ]
    return call.page(found, lambda run: views.run(call.at, call.repo, run), "check_runs")


@route("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}", "checks=read")
def get(call: Call) -> Answer:
    """Read a check run."""
    return Answer(views.run(call.at, call.repo, _run_of(call)))


@route("POST", "/repos/{owner}/{repo}/check-runs", "checks=write")
def create(call: Call) -> Answer:
    """Make a check run, which only an app can."""
    app, body = _app_of(call), call.body
    sha = call.repo.git.resolve(str(body["head_sha"]))
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {body['head_sha']}")
    repo, now = call.repo, call.world.now()
    suite = next((s for s in repo.suites if s.sha == sha and s.app is app), None)
    if suite is None:
        branch = next((name for name, at in repo.git.branches().items() if at == sha), None)
        suite = CheckSuite(call.world.next_id(), app, sha, branch, now, now)
        repo.suites.append(suite)
    run = CheckRun(
        call.world.next_id(), suite, str(body["name"]), sha, "queued", None, None, None, None, now, None
    )
    suite.runs.append(run)
    happenings.tell_check(call.world, repo, run, "created", call.user)
    _change(call, run)
    return Answer(views.run(call.at, repo, run), 201)


@route("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}", "checks=write")
def update(call: Call) -> Answer:
    """Go on with a check run; only its own app can."""
    run = _run_of(call)
    if run.suite.app is not _app_of(call):
        raise ApiError(
            403,
            "Invalid app_id `"
            + str(_app_of(call).id)
            + "` - check run can only be modified by the GitHub App that created it.",
        )
    _change(call, run)
    return Answer(views.run(call.at, call.repo, run))


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-suites", "checks=read")
def suites(call: Call) -> Answer:
    """List the check suites of a commit."""
    sha = sha_of(call)
    found = [suite for suite in call.repo.suites if suite.sha == sha]
    return call.page(found, lambda suite: views.suite(call.at, call.repo, suite), "check_suites")


@route("GET", "/repos/{owner}/{repo}/check-suites/{check_suite_id}", "checks=read")
def suite_by_id(call: Call) -> Answer:
    """Read a check suite."""
    return Answer(views.suite(call.at, call.repo, _suite_of(call)))


@route("GET", "/repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs", "checks=read")
def runs_of_suite(call: Call) -> Answer:
    """List the check runs of a suite."""
    found = list(reversed(_suite_of(call).runs))
    return call.page(found, lambda run: views.run(call.at, call.repo, run), "check_runs")


@route("POST", "/repos/{owner}/{repo}/statuses/{sha}", "statuses=write")
def create_status(call: Call) -> Answer:
    """Give a commit a status."""
    sha, body = sha_of(call, "sha"), call.body
    status = Status(
        call.world.next_id(),
        sha,
        str(body["state"]),
        str(body.get("context", "default")),
        body.get("description"),
        body.get("target_url"),
        call.user,
        call.world.now(),
    )
    happenings.add_status(call.world, call.repo, status)
    return Answer(views.status(call.at, call.repo, status), 201)


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/statuses", "statuses=read")
def statuses(call: Call) -> Answer:
    """List the statuses of a commit, the newest first."""
    sha = sha_of(call)
    found = [status for status in reversed(call.repo.statuses) if status.sha == sha]
    return call.page(found, lambda status: views.status(call.at, call.repo, status))


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/status", "statuses=read")
def combined(call: Call) -> Answer:
    """Say what the latest statuses of a commit come to; check runs are no part of that."""
    sha, api = sha_of(call), api_of(call.at, call.repo)
    latest = {status.context: status for status in call.repo.statuses if status.sha == sha}
    states = {status.state for status in latest.values()}
    page = call.page(list(latest.values()), lambda one: views.status(call.at, call.repo, one), "statuses")
    state = "failure" if states & {"failure", "error"} else "success"
    shown: Json = {
        **page.body,
        "state": "pending" if not states or (state == "success" and "pending" in states) else state,
        "sha": sha,
        "repository": simple_repository(call.at, call.repo),
        "commit_url": f"{api}/commits/{sha}",
        "url": f"{api}/commits/{sha}/status",
    }
    return Answer(shown, headers=page.headers)


def _app_of(call: Call) -> App:
    if call.token is None or call.token.installation is None:
        raise ApiError(403, "You must authenticate via a GitHub App.")
    return call.world.installations[call.token.installation].app


def _change(call: Call, run: CheckRun) -> None:
    body, output = call.body, call.body.get("output", {})
    for field in ("name", "details_url", "external_id"):
        setattr(run, field, body.get(field, getattr(run, field)))
    for field in ("title", "summary", "text"):
        setattr(run, field, output.get(field, getattr(run, field)))
    if "started_at" in body:
        run.started_at = datetime.fromisoformat(body["started_at"]).timestamp()
    run.status = body.get("status", run.status)
    if "conclusion" in body:
        happenings.complete(call.world, call.repo, run, body["conclusion"], call.user)


def _run_of(call: Call) -> CheckRun:
    number = call.number("check_run_id")
    for run in call.repo.check_runs:
        if run.id == number:
            return run
    raise not_found()


def _suite_of(call: Call) -> CheckSuite:
    number = call.number("check_suite_id")
    for suite in call.repo.suites:
        if suite.id == number:
            return suite
    raise not_found()
