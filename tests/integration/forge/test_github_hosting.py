"""What GitHub has on top of git: each call can be repeated, and changes nothing the second time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infrastructure.forge import NameTaken, NoCommit, Repository
from infrastructure.forge.github import GitHubForge, Missing
from infrastructure.forge.github.errors import PlanLacks
from infrastructure.forge.hosting import (
    CannotMerge,
    CheckSource,
    CheckState,
    HeadMoved,
    Hosting,
    NoIssues,
    PullRequest,
    PullState,
    verdict,
)
from tests.fakes.github import Project
from tests.integration.forge.machines import OnGitHub

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

Propose = Callable[[], Awaitable[PullRequest]]


@pytest.fixture
def forge(on_github: OnGitHub) -> GitHubForge:
    return on_github.elsewhere()


@pytest.fixture
async def repository(forge: GitHubForge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


@pytest.fixture
async def project(forge: GitHubForge, on_github: OnGitHub, repository: Repository) -> Project:
    """With a branch `work` that has one commit more than `main`."""
    project = on_github.project(repository)
    project.push({"README.md": "# Hello"}, "main")
    project.push({"main.py": "print()"}, "work")
    return project


@pytest.fixture
def propose(forge: GitHubForge, repository: Repository, project: Project) -> Propose:
    return lambda: forge.ensure_pull_request(
        repository, head="work", base="main", title="Work", body="The plan"
    )


def test_it_is_a_hosting(forge: GitHubForge) -> None:
    hosting: Hosting = forge
    assert hosting


async def test_a_pull_request_is_opened_once_and_brought_up_to_date(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose
) -> None:
    first = await propose()
    assert await propose() == first

    changed = await forge.ensure_pull_request(
        repository, head="work", base="main", title="Work", body="Another plan"
    )

    assert changed.number == first.number
    (seen,) = project.pulls
    assert seen.body == "Another plan"
    assert (first.state, first.head, first.base) == (PullState.OPEN, "work", "main")
    assert (first.head_sha, first.base_sha) == (project.head("work"), project.head("main"))
    assert first.merge_sha is None
    assert first.url.endswith(f"/pull/{first.number}")


async def test_an_answer_that_is_lost_makes_no_second_pull_request(
    on_github: OnGitHub, project: Project, propose: Propose
) -> None:
    on_github.github.fail("POST */pulls", after_effect=True)

    await propose()

    assert len(project.pulls) == 1


async def test_where_there_is_nothing_to_propose_there_is_no_commit(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    project.set_ref("refs/heads/same", project.head("main"))

    for head in ("same", "no-such-branch"):
        with pytest.raises(NoCommit):
            await forge.ensure_pull_request(repository, head=head, base="main", title="Work", body="")


async def test_a_pull_request_that_was_merged_is_still_the_one(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose
) -> None:
    opened = await propose()
    merged = project.merge_pull(opened.number)

    again = await propose()

    assert (again.number, again.state, again.merge_sha) == (opened.number, PullState.MERGED, merged)
    assert await forge.pull_request(repository, opened.number) == again


async def test_what_is_approved_is_merged_once(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose
) -> None:
    pull = await propose()

    async def merge() -> str:
        return await forge.merge(
            repository,
            pull.number,
            head_sha=pull.head_sha,
            base="main",
            base_sha=pull.base_sha,
            message="Merge\n\nWhy",
        )

    merged = await merge()

    assert await merge() == merged == project.head("main")
    (newest, *_) = project.log("main")
    assert newest["message"] == "Merge\n\nWhy"
    assert list(newest["parents"]) == [pull.base_sha, pull.head_sha]


async def test_a_merge_whose_answer_is_lost_is_done_once(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project, propose: Propose
) -> None:
    pull = await propose()
    on_github.github.fail("PUT */merge", after_effect=True, status=502)

    merged = await forge.merge(
        repository, pull.number, head_sha=pull.head_sha, base="main", base_sha=pull.base_sha, message="Merge"
    )

    assert merged == project.head("main")


@pytest.mark.parametrize("branch", ["work", "main"])
async def test_what_was_pushed_to_after_the_approval_is_not_merged(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose, branch: str
) -> None:
    pull = await propose()
    project.push({"more": "more"}, branch)
    before = project.head("main")

    with pytest.raises(HeadMoved):
        await forge.merge(
            repository,
            pull.number,
            head_sha=pull.head_sha,
            base="main",
            base_sha=pull.base_sha,
            message="Merge",
        )

    assert project.head("main") == before


async def test_conflicts_and_closed_pull_requests_are_not_merged(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose
) -> None:
    project.push({"main.py": "conflict"}, "main")
    pull = await propose()

    for _ in ("conflict", "closed"):
        with pytest.raises(CannotMerge):
            await forge.merge(
                repository,
                pull.number,
                head_sha=pull.head_sha,
                base="main",
                base_sha=pull.base_sha,
                message="Merge",
            )
        project.close(pull.number)


async def test_a_comment_is_made_once_and_what_others_say_under_its_key_counts_for_nothing(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose
) -> None:
    number = (await propose()).number
    mark = "<!-- telewright:run%201 -->"
    project.comment(number, f"{mark}\nForged", by="bob")

    for _ in range(2):
        await forge.comment_once(
            repository, number, key="run 1", body=f"Tests passed\n{mark.replace('1', '2')}"
        )
        await forge.comment_once(repository, number, key="run 2", body="Deployed")

    said = [comment["body"] for comment in project.comments(number) if comment["by"] != "bob"]
    assert len(said) == 2
    assert said[0].startswith(f"{mark}\nTests passed")
    assert said[1].endswith("\nDeployed")


async def test_a_comment_by_an_account_that_was_deleted_stands_in_nobodys_way(
    forge: GitHubForge, repository: Repository, project: Project, propose: Propose
) -> None:
    number = (await propose()).number
    project.disown_comment(number, project.comment(number, "Why not?", by="bob"))

    for _ in range(2):
        await forge.comment_once(repository, number, key="run-1", body="Tests passed")

    assert [comment["by"] for comment in project.comments(number)] == [None, "ann"]


async def test_a_comment_or_release_whose_answer_is_lost_is_made_once(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project, propose: Propose
) -> None:
    number = (await propose()).number
    on_github.github.fail("POST */comments", after_effect=True)
    on_github.github.fail("POST */releases", after_effect=True, status=502)

    await forge.comment_once(repository, number, key="run-1", body="Tests passed")
    await forge.ensure_release(repository, tag="v1", commit=project.head("main"), name="One", body="New")

    assert len(project.comments(number)) == 1
    assert len(project.releases) == 1


async def test_checks_and_statuses_are_read_by_their_newest(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    sha = project.head("main")
    assert verdict(await forge.checks(repository, sha)) is CheckState.NONE
    project.check(sha, "test", "failure", "2 tests failed")
    project.status(sha, "lint", "pending", "Waiting")
    project.check(sha, "build", "in_progress")

    found = {check.name: check for check in await forge.checks(repository, sha)}

    assert {name: check.state for name, check in found.items()} == {
        "build": CheckState.PENDING, "lint": CheckState.PENDING, "test": CheckState.RED,
    }  # fmt: skip
    assert "2 tests failed" in found["test"].summary
    assert found["lint"].summary == "Waiting"
    assert verdict(found.values()) is CheckState.RED

    project.check(sha, "test", "success")
    project.status(sha, "lint", "success")
    project.check(sha, "build", "skipped")
    assert verdict(await forge.checks(repository, sha)) is CheckState.GREEN


async def test_of_checks_of_one_name_none_hides_a_red_one(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    sha = project.head("main")
    project.check(sha, "test", "failure")
    project.status(sha, "test", "success")
    assert [(check.source, check.state) for check in await forge.checks(repository, sha)] == [
        (CheckSource.STATUS, CheckState.GREEN), (CheckSource.WORKFLOW, CheckState.RED),
    ]  # fmt: skip

    project.check(sha, "test", "success", workflow="another")
    assert verdict(await forge.checks(repository, sha)) is CheckState.RED

    project.check(sha, "test", "success")
    assert verdict(await forge.checks(repository, sha)) is CheckState.GREEN


async def test_a_check_of_another_app_is_told_from_that_of_a_workflow(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project
) -> None:
    sha = project.head("main")
    project.check(sha, "test", "success")
    project.check(sha, "test", "failure", app=on_github.github.app(slug="another").id)

    assert [(check.source, check.state) for check in await forge.checks(repository, sha)] == [
        (CheckSource.RUN, CheckState.RED), (CheckSource.WORKFLOW, CheckState.GREEN),
    ]  # fmt: skip


async def test_a_red_status_is_seen_however_many_green_ones_there_are(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    sha = project.head("main")
    for number in range(101):
        project.status(sha, f"{number:03}", "success" if number < 100 else "failure")

    found = await forge.checks(repository, sha)

    assert len(found) == 101
    assert verdict(found) is CheckState.RED


async def test_a_protected_branch_takes_pull_requests_alone(
    forge: GitHubForge, repository: Repository, project: Project, tree: Path
) -> None:
    assert await forge.protect(repository, "main", checks=["test"])
    assert not await forge.protect(repository, "main")

    rules = project.about["protections"]["main"]
    assert rules["enforce_admins"]
    assert rules["required_status_checks"]["contexts"] == ["test"]
    assert rules["required_status_checks"]["strict"]


async def test_a_branch_that_people_have_protected_stays_as_they_have_it(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    project.protect("main", approvals=2)

    assert not await forge.protect(repository, "main", checks=["test"])

    rules = project.about["protections"]["main"]
    assert rules["required_status_checks"] is None
    assert rules["required_pull_request_reviews"]["required_approving_review_count"] == 2


async def test_a_plan_without_protection_is_said_to_have_none(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project
) -> None:
    on_github.github.fail(
        "PUT */protection", status=403, message="Upgrade to GitHub Pro or make this repository public."
    )

    with pytest.raises(PlanLacks, match="Upgrade to GitHub Pro"):
        await forge.protect(repository, "main")


async def test_variables_and_secrets_are_set_and_changed(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project
) -> None:
    await forge.set_variables(repository, {"REGION": "eu", "size": "1"})
    await forge.set_secrets(repository, {"KEY": "one"})
    on_github.github.forget_requests()

    await forge.set_variables(repository, {"REGION": "eu", "size": "2"})
    await forge.set_secrets(repository, {"KEY": "two"})

    assert project.variables == {"REGION": "eu", "SIZE": "2"}
    assert project.secrets == {"KEY": "two"}
    written = [each["path"] for each in on_github.github.requests("PATCH *")]
    assert [path.rpartition("/")[2].upper() for path in written] == ["SIZE"]


async def test_issues_are_read_without_pull_requests(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project, propose: Propose
) -> None:
    await propose()
    number = project.open_issue("It breaks", "Often", by="bob", labels=["bug"])
    closed = project.open_issue("It broke")
    project.close(closed)
    on_github.github.forget_requests()

    found = await forge.issues(repository)

    assert len(on_github.github.requests()) == 2, "the repository, and a page of issues"

    assert [(issue.number, issue.is_open) for issue in found] == [(number, True), (closed, False)]
    assert (found[0].title, found[0].body, found[0].author) == ("It breaks", "Often", "bob")
    assert found[0].labels == ("bug",)
    assert await forge.issues(repository, since=datetime(2100, 1, 1, tzinfo=UTC)) == []


async def test_the_open_issues_are_the_newest_ones_with_how_many_more_there_are(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project, propose: Propose
) -> None:
    project.close(project.open_issue("It broke"))
    first = project.open_issue("One")
    second = project.open_issue("Two", by="bob", labels=["bug"])
    await propose()
    on_github.github.forget_requests()

    all_of_them = await forge.open_issues(repository, most=3)
    assert len(on_github.github.requests()) == 2
    one = await forge.open_issues(repository, most=1)

    assert [issue.number for issue in all_of_them.newest] == [second, first]
    assert (all_of_them.more, one.more) == (0, 1)
    assert one.newest == all_of_them.newest[:1]
    assert (one.newest[0].author, one.newest[0].labels, one.newest[0].title) == ("bob", ("bug",), "Two")
    assert datetime.now(UTC) - one.newest[0].created_at < timedelta(minutes=5)
    assert one.newest[0].url == f"{one.url}/{second}"


async def test_many_open_issues_are_counted_by_github_and_not_read(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project, propose: Propose
) -> None:
    await propose()
    numbers = [project.open_issue(f"Number {number}") for number in range(103)]
    on_github.github.forget_requests()

    found = await forge.open_issues(repository, most=2)

    assert [issue.number for issue in found.newest] == numbers[:-3:-1]
    assert found.more == 101
    assert len(on_github.github.requests()) == 3, "the repository, a page of issues, how many pull requests"


async def test_nobody_waits_for_issues_behind_very_many_pull_requests(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, project: Project
) -> None:
    project.open_issue("It breaks")
    for number in range(500):
        project.open_pull("work", f"Number {number}", base="main")
    on_github.github.forget_requests()

    found = await forge.open_issues(repository, most=2)

    assert (found.newest, found.more) == ((), 1)
    assert len(on_github.github.requests()) == 7, "the repository, five pages, how many pull requests"


async def test_a_repository_without_issues_is_said_to_have_none(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    project.change(has_issues=False)

    with pytest.raises(NoIssues, match="keeps no issues"):
        await forge.open_issues(repository, most=2)


async def test_a_release_is_made_once_brought_up_to_date_and_never_moved(
    forge: GitHubForge, repository: Repository, project: Project
) -> None:
    first, second = project.head("main"), project.head("work")

    async def release(commit: str, body: str) -> str:
        return await forge.ensure_release(repository, tag="v1", commit=commit, name="One", body=body)

    url = await release(first, "New")
    assert await release(first, "Newer") == url
    with pytest.raises(NameTaken, match="v1"):
        await release(second, "Moved")

    (seen,) = project.releases
    assert (seen["tag"], seen["name"], seen["body"]) == ("v1", "One", "Newer")
    assert project.refs()["refs/tags/v1"] == first


async def test_changes_to_workflows_are_seen_before_they_are_pushed_and_in_what_was(
    forge: GitHubForge, repository: Repository, project: Project, tree: Path
) -> None:
    main = project.head("main")
    assert await forge.workflow_changes(repository, tree, since=main) == ()
    (tree / ".github" / "workflows").mkdir(parents=True)
    (tree / ".github" / "workflows" / "ci.yml").write_text("on: push\n")

    touched = await forge.workflow_changes(repository, tree, since=main)
    assert touched == (".github/workflows/ci.yml",)
    assert await forge.workflow_changes(repository, tree, since=None) == touched

    project.push({".github/workflows/ci.yml": "on: push\n"}, "work")
    undone = project.push({".github/workflows/ci.yml": None}, "work")
    assert await forge.workflow_changes_between(repository, main, undone) == touched
    assert await forge.workflow_changes_between(repository, None, main) == ()


async def test_what_is_not_there_is_said_not_to_be(forge: GitHubForge, repository: Repository) -> None:
    with pytest.raises(Missing):
        await forge.pull_request(repository, 999)


async def test_two_machines_say_and_propose_the_same_once(
    on_github: OnGitHub, repository: Repository, project: Project
) -> None:
    pulls = await asyncio.gather(
        *(
            on_github.elsewhere().ensure_pull_request(
                repository, head="work", base="main", title="Work", body="The plan"
            )
            for _ in range(3)
        )
    )

    assert len({pull.number for pull in pulls}) == 1
    assert len(project.pulls) == 1
