"""Where a run is, read from its ledger in one look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from graph.conversation.progress import Progress, progress_of
from graph.conversation.texts.words import clock
from shared.ledger.claims import Claim, Ending, Pause
from shared.ledger.runs import Run, Status
from tests.integration.conversation.chat import Chat, Person, plan_question

pytestmark = pytest.mark.timeout(60)


async def build(chat: Chat, person: Person) -> Run:
    await person.say("/new web-service hello")
    return await chat.newest_run(person)


async def look(chat: Chat, run: Run) -> Progress:
    async with chat.database.connection() as connection:
        return await progress_of(connection, run.id)


async def step(chat: Chat, claim: Claim, name: str, *, done: bool = True) -> None:
    await chat.emit(claim, "step.started", {"step": name})
    if done:
        await chat.emit(claim, "step.finished", {"step": name, "took_s": 0.5})


async def test_a_run_is_followed_from_the_queue_to_its_end(chat: Chat, owner: Person) -> None:
    run = await build(chat, owner)
    queued = await look(chat, run)
    assert (queued.run_number, queued.title, queued.status) == (run.number, "Build hello", Status.QUEUED)
    assert queued.note == "The next free worker takes it."

    claim = await chat.claim(run)
    await step(chat, claim, "plan")
    await chat.emit(claim, "note.written", {"text": "first"})
    await chat.emit(claim, "note.written", {"text": "hello is a new project."})
    await step(chat, claim, "test", done=False)
    for line in range(20):
        await chat.emit(claim, "output.written", {"step": "test", "lines": [f"line {line}", f"more {line}"]})
    working = await look(chat, run)
    assert [(one.name, one.state) for one in working.steps] == [("Plan", "done"), ("Test", "current")]
    assert working.lines == ["line 17", "more 17", "line 18", "more 18", "line 19", "more 19"]
    assert working.note == "hello is a new project."
    assert working.started_at is not None

    await chat.finish(run, Ending(Status.FAILED, "tests_failed", "Two tests failed.", "Correct them."))
    failed = await look(chat, run)
    assert failed.status is Status.FAILED
    assert failed.note == "Two tests failed."
    assert failed.ended_at is not None


async def test_a_run_that_waits_says_what_for(chat: Chat, owner: Person) -> None:
    run = await build(chat, owner)
    await chat.ask(run, plan_question())

    waiting = await look(chat, run)
    await owner.say("approve")
    answered = await look(chat, run)

    assert waiting.note == "It waits for an answer: Build hello? (for owner or operator)"
    assert answered.note == "It was answered, and the next free worker goes on with it."


async def test_a_run_that_pauses_says_why_and_asks_nobody(chat: Chat, owner: Person) -> None:
    run = await build(chat, owner)
    until = datetime.now(UTC) + timedelta(hours=1)
    await chat.pause(run, Pause(until, "GitHub takes no more requests.", expected=False, code="rate_limited"))

    assert (await look(chat, run)).note == "It pauses: GitHub takes no more requests."
    status = await owner.say("/status")
    assert f"it pauses until {clock(until)}: GitHub takes no more requests." in status.plain


async def test_a_run_that_is_behind_another_or_cancelled_says_so(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    await owner.say("/deploy hello")
    first = await chat.newest_run(owner)
    await owner.say("/stop hello")
    second = await chat.newest_run(owner)
    await chat.claim(first)
    assert await chat.try_claim(second, worker="w2") is None

    assert (await look(chat, second)).note == (
        f"It waits behind run {first.number} (Deploy hello), which works on the same project."
    )
    await owner.say(f"/cancel {first.number}")
    assert (await look(chat, first)).note == "It is being cancelled."


async def test_much_output_is_not_carried_over(chat: Chat, owner: Person) -> None:
    run = await build(chat, owner)
    claim = await chat.claim(run)
    await step(chat, claim, "test", done=False)
    await chat.emit(claim, "output.written", {"step": "test", "lines": ["x" * 500] * 5000})

    assert (await look(chat, run)).lines == ["x" * 200] * 6
