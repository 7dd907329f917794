"""What the fake GitHub has besides repositories and pull requests, asked by PyGithub."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
from aiohttp import web
from github import Auth, Github, GithubException, GithubIntegration, UnknownObjectException
from github.Repository import Repository

from tests.fakes.github import FakeGitHub, Project, RemoteGitHub, github_in_thread
from tests.fakes.github.clients import pygithub


@pytest.fixture
def github() -> Iterator[RemoteGitHub]:
    with github_in_thread() as github:
        yield github


@pytest.fixture
def shop(github: RemoteGitHub) -> Project:
    return github.create("shop", {"a.txt": "a\n", "src/app.py": "print()\n"})


@pytest.fixture
def repository(github: RemoteGitHub, shop: Project) -> Repository:
    return pygithub(github).get_repo(shop.full_name)


def test_issues_are_read_since_a_moment_and_commented(
    github: RemoteGitHub, shop: Project, repository: Repository
) -> None:
    shop.open_issue("Old", "It was", by="bob")
    github.advance(100)
    since = datetime.now(UTC) + timedelta(seconds=50)
    new = repository.create_issue("New", "It is", labels=["bug"])
    assert [(i.title, i.user.login, i.pull_request) for i in repository.get_issues(since=since)] == [
        ("New", "ann", None)
    ]
    said = new.create_comment("First")
    said.edit("Second")
    assert [(c["body"], c["by"]) for c in shop.comments(new.number)] == [("Second", "ann")]
    shop.comment(new.number, "By hand", by="bob")
    assert [c.body for c in new.get_comments()] == ["Second", "By hand"]
    new.edit(state="closed", labels=["done"])
    assert shop.issues[1] | {"number": 0} == {
        "number": 0,
        "title": "New",
        "body": "It is",
        "state": "closed",
        "labels": ["done"],
    }
    assert [issue.title for issue in repository.get_issues()] == ["Old"]


def test_checks_and_statuses_of_a_commit_are_read(shop: Project, repository: Repository) -> None:
    sha = shop.head()
    shop.check(sha, "tests", "in_progress")
    shop.check(sha, "lint", "failure", "2 complaints")
    shop.status(sha, "deploy", "pending", "soon")
    commit = repository.get_commit(sha)
    runs = {run.name: (run.status, run.conclusion, run.output.summary) for run in commit.get_check_runs()}
    assert runs == {"tests": ("in_progress", None, ""), "lint": ("completed", "failure", "2 complaints")}
    assert [suite.conclusion for suite in commit.get_check_suites()] == [None]
    assert commit.get_combined_status().state == "pending"
    shop.check(sha, "tests", "success")
    assert [suite.conclusion for suite in commit.get_check_suites()] == ["failure"]
    commit.create_status("success", context="deploy", description="done")
    assert commit.get_combined_status().state == "success"


def test_a_new_head_is_checked_as_was_said_once(github: RemoteGitHub, shop: Project) -> None:
    github.always_check("ci", "success", "all green")
    shop.always_check("lint", "failure")
    sha = shop.push({"b.txt": "b"}, "work")
    assert {c["name"]: c["conclusion"] for c in shop.checks(sha)} == {"ci": "success", "lint": "failure"}


def test_a_check_run_is_made_by_an_app_only(
    github: RemoteGitHub, shop: Project, repository: Repository
) -> None:
    with pytest.raises(GithubException, match="You must authenticate via a GitHub App"):
        repository.create_check_run("x", shop.head())
    app = github.app()
    auth = Auth.AppAuth(app.id, app.private_key).get_installation_auth(app.installation)
    own = pygithub(github, auth=auth).get_repo(shop.full_name)
    run = own.create_check_run("x", shop.head(), status="in_progress")
    run.edit(conclusion="success", status="completed", output={"title": "X", "summary": "Fine"})
    assert [(c["name"], c["conclusion"], c["summary"]) for c in shop.checks()] == [("x", "success", "Fine")]


def test_a_required_check_is_taken_from_the_app_that_made_it_last(
    github: RemoteGitHub, shop: Project, repository: Repository
) -> None:
    shop.check(shop.head(), "ci")
    rules = {"strict": True, "contexts": ["ci"]}
    _protect(repository, rules)
    with pytest.raises(GithubException, match="oneOf"):
        _protect(repository, rules | {"checks": [{"context": "ci"}]})

    head = shop.push({"b.txt": "b"}, "work")
    pull = repository.get_pull(shop.open_pull("work", "Add b"))
    shop.check(head, "ci", app=github.app(slug="another").id)
    with pytest.raises(GithubException, match=r"Required status check \W+ci\W+ is expected"):
        pull.merge()
    shop.check(head, "ci")
    assert pull.merge().merged


def _protect(repository: Repository, checks: dict[str, Any]) -> None:
    rules = {
        "required_status_checks": checks,
        "required_pull_request_reviews": {"required_approving_review_count": 0},
        "enforce_admins": True,
        "restrictions": None,
    }
    path = f"{repository.url}/branches/main/protection"
    repository.requester.requestJsonAndCheck("PUT", path, input=rules)


def test_a_protected_branch_is_merged_when_its_rules_are_met(
    github: RemoteGitHub, shop: Project, repository: Repository
) -> None:
    branch = repository.get_branch("main")
    with pytest.raises(GithubException, match="Branch not protected"):
        branch.get_protection()
    branch.edit_protection(
        strict=True, contexts=["ci"], enforce_admins=True, required_approving_review_count=1
    )
    assert branch.get_protection().required_status_checks.contexts == ["ci"]
    assert repository.get_branch("main").protected

    head = shop.push({"b.txt": "b"}, "work")
    number = shop.open_pull("work", "Add b")
    pull = repository.get_pull(number)
    for _ in range(2):
        pull = repository.get_pull(number)
    assert pull.mergeable_state == "blocked"
    with pytest.raises(GithubException, match=r"Required status check \W+ci\W+ is expected"):
        pull.merge()
    shop.check(head, "ci")
    with pytest.raises(GithubException, match="At least 1 approving review is required"):
        pull.merge()
    shop.review(number, by="bob")
    assert repository.get_pull(number).mergeable_state == "clean"
    assert pull.merge().merged
    branch.remove_protection()
    assert not repository.get_branch("main").protected


def test_a_free_plan_protects_no_private_branch(shop: Project, repository: Repository) -> None:
    shop.change(private=True, free_plan=True)
    with pytest.raises(GithubException) as refused:
        repository.get_branch("main").edit_protection(enforce_admins=True)
    assert (refused.value.status, "Upgrade to GitHub Pro" in str(refused.value.data)) == (403, True)


def test_secrets_are_sealed_and_variables_are_plain(
    github: RemoteGitHub, shop: Project, repository: Repository
) -> None:
    repository.create_secret("TOKEN", "hush")
    repository.create_secret("TOKEN", "hush hush")
    assert shop.secrets == {"TOKEN": "hush hush"}
    assert [secret.name for secret in repository.get_secrets()] == ["TOKEN"]
    answer = requests.put(
        f"{github.url}/repos/ann/shop/actions/secrets/OTHER",
        json={"encrypted_value": "aHVzaA==", "key_id": repository.get_public_key().key_id},
        headers={"Authorization": f"Bearer {github.token}"},
        timeout=10,
    )
    assert answer.status_code == 422
    assert shop.secrets == {"TOKEN": "hush hush"}

    variable = repository.create_variable("REGION", "here")
    variable.edit("there")
    assert shop.variables == {"REGION": "there"}
    with pytest.raises(GithubException, match="Already exists"):
        repository.create_variable("REGION", "here")


def test_a_release_makes_its_tag(shop: Project, repository: Repository) -> None:
    made = repository.create_git_release("v1", "One", "First", target_commitish=shop.head())
    assert shop.refs()["refs/tags/v1"] == shop.head()
    assert repository.get_release("v1").id == made.id == repository.get_latest_release().id
    made.update_release("Uno", "First")
    assert [(r["tag"], r["name"], r["body"]) for r in shop.releases] == [("v1", "Uno", "First")]
    with pytest.raises(GithubException, match="already_exists"):
        repository.create_git_release("v1", "One", "First")


def test_files_and_history_are_read_and_written(shop: Project, repository: Repository) -> None:
    first = shop.head()
    readme = repository.get_contents("a.txt")
    assert not isinstance(readme, list)
    assert readme.decoded_content == b"a\n"
    listed = repository.get_contents("src")
    assert isinstance(listed, list)
    assert [entry.path for entry in listed] == ["src/app.py"]
    repository.update_file("a.txt", "Say b", "b\n", readme.sha)
    with pytest.raises(GithubException, match="does not match"):
        repository.update_file("a.txt", "Say c", "c\n", readme.sha)
    repository.create_file("docs/new.md", "Add", "# New\n")
    assert set(shop.files()) == {"a.txt", "src/app.py", "docs/new.md"}
    assert [commit.commit.message for commit in repository.get_commits()] == [
        "Add",
        "Say b",
        "Initial commit",
    ]
    compared = repository.compare(first, "main")
    assert (compared.status, compared.ahead_by, [f.filename for f in compared.files]) == (
        "ahead",
        2,
        ["a.txt", "docs/new.md"],
    )
    assert [e.path for e in repository.get_git_tree("main", recursive=True).tree if e.type == "blob"] == [
        "a.txt",
        "docs/new.md",
        "src/app.py",
    ]
    assert repository.get_commit(shop.head()).files[0].status == "added"
    assert [b.name for b in repository.get_branches()] == ["main"]
    ref = repository.create_git_ref("refs/heads/feature/x", first)
    ref.edit(shop.head())
    assert repository.get_branch("feature/x").commit.sha == shop.head()
    ref.delete()
    assert list(shop.branches()) == ["main"]


def test_runs_of_workflows_are_read(shop: Project, repository: Repository) -> None:
    number = shop.run_workflow(shop.head(), "ci", None)
    assert repository.get_workflow_run(number).status == "in_progress"
    shop.run_workflow(shop.head(), "ci", "failure")
    assert [(r.id, r.conclusion) for r in repository.get_workflow_runs(head_sha=shop.head())] == [
        (number, "failure")
    ]


# Apps and rights


def test_an_app_gets_tokens_that_expire(github: RemoteGitHub, shop: Project) -> None:
    app = github.app(permissions={"contents": "read"})
    integration = GithubIntegration(auth=Auth.AppAuth(app.id, app.private_key), base_url=github.url)
    assert integration.get_app().slug == "telewright"
    assert integration.get_repo_installation("ann", "shop").id == app.installation
    assert integration.get_user_installation("ann").id == app.installation
    with pytest.raises(UnknownObjectException):
        integration.get_org_installation("ann")
    token = integration.get_access_token(app.installation)
    client = pygithub(github, token.token)
    assert client.get_repo("ann/shop").get_branch("main").commit.sha == shop.head()
    with pytest.raises(GithubException) as refused:
        client.get_repo("ann/shop").create_pull(base="main", head="main", title="x")
    assert refused.value.status == 403
    assert "Resource not accessible by integration" in str(refused.value.data)
    assert (refused.value.headers or {})["x-accepted-github-permissions"] == "pull_requests=write"
    github.advance(3601)
    with pytest.raises(GithubException, match="Bad credentials"):
        client.get_repo("ann/shop")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exp": 30}, None),
        ({"exp": -1}, "future time"),
        ({"exp": 5000}, "too far in the future"),
        ({"iat": 500}, "Issued at"),
        ({"iss": 1}, "Issuer"),
    ],
)
def test_an_app_signs_as_github_wants_it(
    github: RemoteGitHub, change: dict[str, int], words: str | None
) -> None:
    app, now = github.app(), int(time.time())
    claims = {"iat": now - 10, "exp": now + 300, "iss": str(app.id)}
    claims |= {name: str(n) if name == "iss" else now + n for name, n in change.items()}
    signed = jwt.encode(claims, app.private_key, algorithm="RS256")
    answer = requests.get(f"{github.url}/app", headers={"Authorization": f"Bearer {signed}"}, timeout=10)
    assert answer.status_code == (200 if words is None else 401)
    assert words is None or words in answer.json()["message"]


def test_a_suspended_or_removed_app_has_no_tokens(github: RemoteGitHub, shop: Project) -> None:
    app = github.app()
    auth = Auth.AppAuth(app.id, app.private_key).get_installation_auth(app.installation)
    client = pygithub(github, auth=auth)
    assert client.get_repo("ann/shop").id == shop.id
    app.suspend()
    with pytest.raises(GithubException, match="suspended"):
        client.get_repo("ann/shop")
    app.resume(repositories=[])
    assert client.get_repo("ann/shop").id == shop.id  # it is public
    with pytest.raises(GithubException, match="not accessible"):
        client.get_repo("ann/shop").create_issue("x")
    app.uninstall()
    with pytest.raises(GithubException, match="Bad credentials"):
        client.get_repo("ann/shop")


def test_a_token_says_which_right_it_misses(github: RemoteGitHub, shop: Project) -> None:
    client = pygithub(github, github.new_token(permissions={"contents": "write"}))
    with pytest.raises(GithubException) as refused:
        client.get_repo("ann/shop").create_issue("x")
    assert (refused.value.status, refused.value.data["message"]) == (
        403,
        "Resource not accessible by personal access token",
    )
    secret = github.create("secret", private=True)
    stranger = pygithub(github, github.new_token(github.user("bob")))
    with pytest.raises(UnknownObjectException):
        stranger.get_repo(secret.full_name)
    github.revoke(github.token)
    with pytest.raises(GithubException, match="Bad credentials"):
        Github(auth=Auth.Token(github.token), base_url=github.api_url, retry=None).get_user().login  # noqa: B018


# Webhooks


async def test_events_are_posted_signed_and_once() -> None:
    received: list[tuple[str, str, dict[str, object]]] = []

    async def take(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        signed = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signed, request.headers["X-Hub-Signature-256"])
        received.append(
            (request.headers["X-GitHub-Event"], request.headers["X-GitHub-Delivery"], json.loads(body))
        )
        return web.Response()

    runner = web.ServerRunner(web.Server(take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with FakeGitHub() as github:
        shop = github.create("shop", {"a.txt": "a"})
        repository = await asyncio.to_thread(pygithub(github).get_repo, "ann/shop")
        config = {"url": f"http://{host}:{port}/", "content_type": "json", "secret": "s3cret"}
        await asyncio.to_thread(repository.create_hook, "web", config, ["*"], True)
        shop.push({"b.txt": "b"}, "work", by="bob")
        number = shop.open_pull("work", "Add b")
        shop.check(shop.head("work"), "ci")
        shop.merge_pull(number)
        await github.until(lambda: github.deliveries("push"))
        github.redeliver(github.deliveries("push")[0]["guid"])
        shop.rename("store")
        wanted = [
            "ping",
            "push",
            "pull_request",
            "check_run",
            "check_run",
            "check_suite",
            "pull_request",
            "push",
        ]
        wanted += ["push", "repository"]
        await github.until(lambda: len(received) == len(wanted))
        assert [event for event, _, _ in received] == wanted
        assert received[8] == received[1]  # delivered again, by the same id
        assert received[1][2]["after"] == received[2][2]["pull_request"]["head"]["sha"]  # type: ignore[index]
        assert all(made["status_code"] == 200 for made in github.deliveries())
    await runner.cleanup()
