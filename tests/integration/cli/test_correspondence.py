"""A terminal shows each thing of its session once, whatever is closed, killed or cut off in between."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.chat import Room, beside, open_room
from cli.terminal.correspondence import Correspondence
from cli.terminal.standing import Standing, picked
from graph.conversation import Reply
from infrastructure.embedded import EmbeddedPostgres, Endpoints
from shared import migrations
from shared.ledger import approvals, claims, events, runs
from shared.ledger.claims import Ending
from shared.ledger.questions import Asked
from shared.ledger.runs import Run, Status
from shared.settings import Settings
from tests.integration.conversation.chat import plan_question

PATIENCE_S = 30


@dataclass
class Paper:
    """A face that keeps what it is shown."""

    shown: list[str] = field(default_factory=list)

    async def show(self, reply: Reply) -> None:
        self.shown.append(f"{reply.kind}: {reply.plain}")

    async def show_said(self, text: str) -> None:
        self.shown.append(f"person: {text}")

    async def grow(self, lines: str) -> None:
        self.shown.append(f"log: {lines}")

    async def note(self, text: str) -> None:
        self.shown.append(f"note: {text}")


@dataclass
class Desk:
    """A terminal with its session open."""

    room: Room
    paper: Paper
    standing: Standing
    correspondence: Correspondence

    async def say(self, text: str) -> None:
        await self.correspondence.say(picked(self.standing.offer, text) or text)
        await self.seen()

    async def seen(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.correspondence.shown()

    async def settled(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.correspondence.settled()


@contextlib.asynccontextmanager
async def sit_down(settings: Settings) -> AsyncIterator[Desk]:
    """Open the session; leaving the block is like closing the terminal."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    parts = Endpoints(settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    async with open_room(settings, parts, None) as room:
        paper, standing = Paper(), Standing()
        correspondence = room.correspondence(paper, standing)
        await correspondence.resume()
        async with beside(correspondence.follow(), correspondence.log.run()):
            yield Desk(room, paper, standing, correspondence)


async def run_of(desk: Desk) -> Run:
    async with desk.room.database.connection() as connection:
        [run] = await runs.of_session(connection, desk.room.session.id)
    return run


async def work_until_it_asks(desk: Desk) -> None:
    """Do as a worker does that takes up the run, works a little and puts a question."""
    run = await run_of(desk)
    async with desk.room.database.transaction() as tx:
        claim = await claims.claim(tx, run.id, worker="w1")
        assert claim is not None
        await events.append_all(
            tx, run.id, [events.Told(events.STEP_STARTED, {"step": "plan"})], token=claim.token
        )
        await claims.let_go_waiting(
            tx, await claims.lock_held(tx, claim), [Asked(uuid.uuid4().hex, "task", plan_question())]
        )
    desk.room.live.wake(desk.room.session.id)


async def work_to_the_end(desk: Desk) -> None:
    run = await run_of(desk)
    async with desk.room.database.transaction() as tx:
        claim = await claims.claim(tx, run.id, worker="w2")
        assert claim is not None
        await claims.let_go_ended(tx, await claims.lock_held(tx, claim), Ending(Status.SUCCEEDED))
    desk.room.live.wake(desk.room.session.id)


async def test_what_was_shown_is_not_shown_again_and_nothing_is_missed(settings: Settings) -> None:
    async with sit_down(settings) as desk:
        await desk.say("/new web-service hello")
        first = list(desk.paper.shown)
        run = await run_of(desk)
    async with sit_down(settings) as desk:
        await work_until_it_asks(desk)
        await desk.settled()
        second = list(desk.paper.shown)

    assert [line.split(":")[0] for line in first] == ["answer", "answer"]
    assert second[-1] == "question: Build hello?\nProject: hello"
    assert not set(first) & set(second)
    assert run.number == 1


@pytest.mark.parametrize("said", ["approve", "/approve", "/approve 1", "1"])
async def test_what_is_decided_here_is_told_once_however_it_was_said(settings: Settings, said: str) -> None:
    async with sit_down(settings) as desk:
        await desk.say("/new web-service hello")
        await work_until_it_asks(desk)
        await desk.settled()
        before = len(desk.paper.shown)
        await desk.say(said)
        await work_to_the_end(desk)
        await desk.settled()

    told = desk.paper.shown[before:]
    assert [line for line in told if "Approved by" in line or "Noted" in line] == [
        "answer: Noted for run 1: Approve."
    ]


async def test_a_question_that_was_shown_can_be_answered_after_the_terminal_was_closed(
    settings: Settings,
) -> None:
    async with sit_down(settings) as desk:
        await desk.say("/new web-service hello")
        await work_until_it_asks(desk)
        await desk.settled()
    async with sit_down(settings) as desk:
        before = list(desk.paper.shown)
        await desk.say("1")
        async with desk.room.database.connection() as connection:
            [approval] = await approvals.of_run(connection, (await run_of(desk)).id)

    assert before == []
    assert approval.answer is not None
    assert approval.answer["choice"] == "approve"


async def test_a_comment_that_was_asked_for_is_still_awaited_after_the_terminal_was_closed(
    settings: Settings,
) -> None:
    async with sit_down(settings) as desk:
        await desk.say("/new web-service hello")
        await work_until_it_asks(desk)
        await desk.settled()
        await desk.say("2")
        asked = desk.standing.awaited
    async with sit_down(settings) as desk:
        again = desk.standing.awaited
        await desk.say("name: other")
        async with desk.room.database.connection() as connection:
            [approval] = await approvals.of_run(connection, (await run_of(desk)).id)

    assert asked is not None
    assert again == asked
    assert approval.answer is not None
    assert (approval.answer["choice"], approval.answer["text"]) == ("reject", "name: other")


async def test_work_has_settled_when_it_asks_and_when_it_has_ended(settings: Settings) -> None:
    async with sit_down(settings) as desk:
        await desk.say("/new web-service hello")
        settled = asyncio.create_task(desk.settled())
        await work_until_it_asks(desk)
        await settled
        asked = desk.paper.shown[-1]
        await desk.say("1")
        settled = asyncio.create_task(desk.settled())
        await work_to_the_end(desk)
        await settled

    assert asked.startswith("question: Build hello?")
    assert desk.paper.shown[-1].startswith("result: ")
    assert not desk.standing.asks


async def test_work_under_way_stands_above_the_prompt_again_when_the_session_is_opened(
    settings: Settings,
) -> None:
    async with sit_down(settings) as desk:
        await desk.say("/new web-service hello")
    async with sit_down(settings) as desk:
        standing = [reply.plain for reply in desk.standing.progress]

    assert [line.split(":")[0] for line in standing] == ["Run 1, Build hello"]


async def test_what_is_said_while_the_database_is_away_is_sent_once_when_it_is_back(
    tmp_path: Path, redis_url: str
) -> None:
    postgres = EmbeddedPostgres(tmp_path / "home", expendable=True)
    (tmp_path / "home").mkdir(mode=0o700)
    postgres.start()
    try:
        await migrations.upgrade(postgres.url)
        settings = Settings(
            telewright_home=tmp_path / "home", database_url=postgres.url, redis_url=redis_url, _env_file=None
        )
        async with sit_down(settings) as desk:
            await desk.say("/projects")
            postgres.stop()
            saying = asyncio.create_task(desk.say("/new web-service hello"))
            await until(lambda: any("does not answer" in line for line in desk.paper.shown))
            postgres.start()
            await saying
            numbers = [(await run_of(desk)).number]
            shown = list(desk.paper.shown)
    finally:
        postgres.stop()

    assert numbers == [1]
    assert [line for line in shown if "Run 1 is queued" in line] == ["answer: Run 1 is queued: Build hello."]
    assert [line for line in shown if line.startswith("note:")] == [
        "note: The database does not answer. What you write is kept, and sent when it is back.",
        "note: The database answers again.",
    ]


async def test_a_home_without_tables_is_told_apart_from_one_where_nothing_runs(
    home: Path, empty_database_url: str, redis_url: str
) -> None:
    settings = Settings(
        telewright_home=home, database_url=empty_database_url, redis_url=redis_url, _env_file=None
    )
    with pytest.raises(Exception, match="no tables of Telewright's"):
        async with sit_down(settings):
            pass


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)
