"""What GitHub has is shown with the project, with how old that knowledge is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg import AsyncConnection

from shared.ids import ProjectId
from shared.ledger import (
    check_runs,
    github_listing,
    projects,
    pull_requests,
    repositories,
    timetable,
)
from shared.ledger.check_runs import CheckSeen
from shared.ledger.pull_requests import Pull
from shared.ledger.repositories import Standing
from shared.ledger.timetable import Outcome
from tests.integration.conversation.chat import Chat, Person

NUMBER = 700
HEAD = "1234567890abcdef1234567890abcdef12345678"


async def _sync(tx: AsyncConnection[object], project_id: ProjectId) -> None:
    """Let a sync have seen a repository with a push, two checks and a pull request."""
    now = datetime.now(UTC)
    await projects.set_repository(tx, project_id, {"name": "shop", "url": "https://x/shop.git", "id": NUMBER})
    await repositories.track(tx)
    pushed = now - timedelta(minutes=5)
    standing = Standing(
        NUMBER, "ann", "shop", "https://x/shop.git", "main", archived=False, created_at=pushed, pushed_at=pushed, updated_at=pushed
    )  # fmt: skip
    await repositories.note_standing(tx, standing)
    await repositories.note_head(tx, NUMBER, HEAD)
    seen = [CheckSeen("ci", "red", "", "1 test failed"), CheckSeen("lint", "green", "", "")]
    await check_runs.note(tx, NUMBER, HEAD, "run", seen)
    pull = Pull(3, "Faster", "https://x/3", "open", "work", HEAD, "main", None, now)
    await pull_requests.note(tx, NUMBER, [pull])
    await repositories.note_looked(tx, NUMBER, began=now, again_in_s=60)


async def test_a_projects_status_shows_its_repository_as_it_was_seen(chat: Chat, owner: Person) -> None:
    project = await chat.project("shop", owner)
    async with chat.database.transaction() as tx:
        await _sync(tx, project.id)

    shown = (await owner.say("/status shop")).plain

    assert "ann/shop" in shown
    assert "main at 1234567890, pushed to 5 min" in shown
    assert "ci red, 1 check green" in shown
    assert "3 (Faster)" in shown

    async with chat.database.transaction() as tx:
        await repositories.note_gone(tx, NUMBER)
    assert "not on GitHub any more" in (await owner.say("/status shop")).plain


async def test_the_status_says_when_github_was_looked_at_and_why_not(chat: Chat, owner: Person) -> None:
    assert "GitHub" not in (await owner.say("/status")).plain
    async with chat.database.transaction() as tx:
        await github_listing.note(tx, repositories=1, pushed_at=None, updated_at=None, swept=True)
        await timetable.begin(tx, "github_sync", cron="* * * * *", token=1)
    assert "GitHub was looked at" in (await owner.say("/status")).plain

    async with chat.database.transaction() as tx:
        await timetable.end(
            tx, "github_sync", token=1, outcome=Outcome.FAILED, error="GitHub takes no more requests from us until 12:00"
        )  # fmt: skip

    assert (
        "takes no more requests from us until 12:00. GitHub was looked at"
        in (await owner.say("/status")).plain
    )
