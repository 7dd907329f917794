"""`/issues` shows what people have opened on GitHub, as data, and says why where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from graph.conversation import Conversation, Services
from graph.conversation.observing import GitHubSilent, issues_of
from graph.conversation.replies import Link, Reply, Table
from infrastructure.blueprints import catalogue
from infrastructure.forge import Repository
from infrastructure.forge.hosting import OpenIssues
from shared.ledger import projects
from shared.ledger.users import Role
from tests.fakes.github import FakeGitHub, Project
from tests.integration.conversation.chat import Chat, Person, Server
from tests.integration.forge.machines import OnGitHub

pytestmark = pytest.mark.timeout(60)

API = "GET /repositories/*"


@pytest.fixture
async def on_github(tmp_path: Path) -> AsyncIterator[OnGitHub]:
    async with FakeGitHub() as github:
        machines = OnGitHub(github, tmp_path)
        try:
            yield machines
        finally:
            machines.close()


@pytest.fixture
def reads_issues(chat: Chat, server: Server, on_github: OnGitHub) -> None:
    """Let the chat's conversation read them, without waiting out any trouble."""
    services = Services(catalogue=catalogue, reader=server, issues=on_github.elsewhere(patience_s=0))
    chat.conversation = Conversation(chat.database, chat.live, services)


@pytest.fixture
async def owner(chat: Chat, reads_issues: None) -> Person:
    return await chat.person()


@pytest.fixture
async def shop(chat: Chat, owner: Person, on_github: OnGitHub) -> Project:
    """A project whose repository is on GitHub."""
    forge = on_github.elsewhere()
    repository = await forge.ensure_repository("shop", "", owner_key="shop")
    await publish(chat, owner, repository)
    return on_github.project(repository)


async def publish(chat: Chat, owner: Person, repository: Repository) -> None:
    project = await chat.project(repository.name, owner)
    async with chat.database.transaction() as tx:
        await projects.set_repository(tx, project.id, asdict(repository))


def table(reply: Reply) -> Table:
    [found] = [block for block in reply.blocks if isinstance(block, Table)]
    return found


async def test_the_open_issues_are_listed_newest_first_without_pull_requests(
    chat: Chat, owner: Person, shop: Project
) -> None:
    shop.push({"README.md": "# Shop"}, "main")
    shop.push({"README.md": "# Faster"}, "work")
    shop.open_issue("It breaks", by="bob", labels=["bug", "good first issue"])
    shop.open_pull("work", "Work", base="main")
    shop.close(shop.open_issue("It broke"))
    shop.open_issue("It is slow")

    reply = await owner.say("/issues shop")

    slow, breaks = table(reply).rows
    assert reply.plain.splitlines()[0] == "shop has 2 open issues, the newest first:"
    assert slow[:3] == ["#4", "It is slow", ""]
    assert breaks[:3] == ["#1", "It breaks", "bug, good first issue"]
    assert breaks[3].endswith(" s ago by bob")
    assert [str(link).rpartition("/ann/")[2] for link in table(reply).links] == [
        "shop/issues/4",
        "shop/issues/1",
    ]
    assert "shop/issues/1" in reply.plain
    assert (await (await chat.person(Role.VIEWER)).say("/issues")).error is None


async def test_of_many_the_newest_are_listed_with_how_many_more_there_are(
    owner: Person, shop: Project
) -> None:
    assert (await owner.say("/issues")).plain.endswith("shop has no open issues.")
    numbers = [shop.open_issue(f"Number {number}") for number in range(23)]

    reply = await owner.say("/issues shop")

    assert [row[0] for row in table(reply).rows] == [f"#{number}" for number in reversed(numbers[3:])]
    assert reply.plain.startswith("The newest 20 open issues of shop, and 3 more are open:")
    [link] = [block for block in reply.blocks if isinstance(block, Link)]
    assert link.url.endswith("/ann/shop/issues")


async def test_what_strangers_write_is_shown_as_data(owner: Person, shop: Project) -> None:
    shop.open_issue("<b>*now*</b>\n/remove shop\u202egnp.exe\x1b[31m \x00", labels=["ועוד", "x\ny"])
    shop.open_issue("w" * 256, labels=[f"label {number}" for number in range(9)])
    shop.open_issue("\u2066תקלה בקופה\u2069")

    right_to_left, long, steering = table(await owner.say("/issues shop")).rows

    assert right_to_left[1] == "תקלה בקופה"
    assert long[1] == f"{'w' * 119}…"
    assert long[2] == "label 0, label 1, label 2, label 3, label 4, 4 more"
    assert steering[1] == "<b>*now*</b> /remove shopgnp.exe"
    assert steering[2] == "ועוד, x y"


async def test_why_github_tells_nothing_is_said_with_what_to_do(
    owner: Person, shop: Project, on_github: OnGitHub
) -> None:
    github = on_github.github
    pause = github.fail(API, retry_after=120, times=None)
    limited = await owner.say("/issues shop")
    pause.cancel()
    assert limited.error == "github_pauses"
    assert "takes no more requests from us until" in limited.plain
    assert limited.plain.endswith("Ask again then.")

    away = github.fail(API, status=502, times=None)
    assert (await owner.say("/issues shop")).error == "github_unavailable"
    away.cancel()

    shop.change(has_issues=False)
    assert (await owner.say("/issues shop")).error == "no_issues"
    shop.change(has_issues=True)

    shop.archive()
    assert (await owner.say("/issues shop")).error is None
    shop.delete()
    gone = await owner.say("/issues shop")
    assert gone.error == "github_gone"
    assert "shop is no longer on GitHub" in gone.plain


async def test_a_right_that_is_missing_is_named(
    chat: Chat, server: Server, owner: Person, shop: Project, on_github: OnGitHub
) -> None:
    token = on_github.github.new_token(permissions={"contents": "read"})
    services = Services(
        catalogue=catalogue, reader=server, issues=on_github.elsewhere(token=token, patience_s=0)
    )
    owner.conversation = Conversation(chat.database, chat.live, services)

    refused = await owner.say("/issues shop")

    assert refused.error == "github_missing_right"
    assert "issues: read" in refused.plain
    assert token not in refused.plain


async def test_a_repository_that_was_renamed_by_hand_is_found(owner: Person, shop: Project) -> None:
    shop.open_issue("It breaks")
    shop.rename("store")

    assert "/ann/store/issues/1" in (await owner.say("/issues shop")).plain


async def test_a_project_of_this_machine_or_without_a_repository_has_none(
    chat: Chat, owner: Person, on_github: OnGitHub, tmp_path: Path
) -> None:
    await publish(chat, owner, Repository("home", str(tmp_path / "home.git")))
    await chat.project("new", owner)

    assert "home is kept on this machine, and has no issues" in (await owner.say("/issues home")).plain
    assert "new has no repository yet" in (await owner.say("/issues new")).plain
    assert (await owner.say("/issues nothing")).error == "no_such_project"
    assert on_github.github.requests() == []


async def test_without_github_the_issues_of_a_project_there_cannot_be_read(
    chat: Chat, server: Server, owner: Person, shop: Project
) -> None:
    owner.conversation = Conversation(chat.database, chat.live, Services(catalogue=catalogue, reader=server))

    assert "GitHub, which is not set up here" in (await owner.say("/issues shop")).plain


async def test_issues_behind_very_many_pull_requests_are_counted(
    chat: Chat, server: Server, owner: Person, shop: Project
) -> None:
    class Crowded:
        async def open_issues(self, repository: Repository, *, most: int) -> OpenIssues:
            return OpenIssues((), 7, "https://github.com/ann/shop/issues")

    services = Services(catalogue=catalogue, reader=server, issues=Crowded())
    owner.conversation = Conversation(chat.database, chat.live, services)

    assert (await owner.say("/issues shop")).plain.splitlines() == [
        "shop has 7 open issues, and so many newer pull requests that I did not get to them.",
        "All open issues: https://github.com/ann/shop/issues",
    ]


async def test_nobody_waits_for_a_github_that_does_not_answer() -> None:
    class Silent:
        async def open_issues(self, repository: Repository, *, most: int) -> OpenIssues:
            await asyncio.Event().wait()
            raise AssertionError

    seen = await issues_of(Silent(), Repository("shop", "https://example.com/shop.git", 7), patience_s=0.01)

    assert isinstance(seen.error, GitHubSilent)


async def test_github_is_read_while_no_transaction_is_open(
    chat: Chat, owner: Person, shop: Project, on_github: OnGitHub
) -> None:
    held = on_github.github.fail(API, held=True)
    asking = asyncio.create_task(owner.say("/issues shop"))
    await on_github.github.until(lambda: held.hits == 1)

    async with chat.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        )
        idle = await cursor.fetchone()
    held.cancel()

    assert idle == (0,)
    assert (await asking).error is None
