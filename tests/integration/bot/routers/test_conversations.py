"""Conversations as people read them, from what they say and press to what stands in the chat.

Bot, conversation, feed and sender are the real ones; what a worker would do, the test does.
`GOLDEN=write` keeps what is said now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.notifier import Notifier
from bot.sender import Sender
from graph.conversation import Feed
from graph.orchestrator.questions import APPROVE, CANCEL, REJECT, approval
from shared.database import Database
from shared.ids import SessionId
from shared.ledger import claims, events
from shared.ledger.approvals import Approval
from shared.ledger.claims import Claim, Ending
from shared.ledger.questions import Detail, Question
from shared.ledger.runs import Run, Status
from shared.live import Live
from shared.policy import Effect, ServerGroup, rule_for
from tests.acceptance.telegram.printed import check_golden, normalised
from tests.engine import Engine, until
from tests.fakes.telegram import FakeTelegram, Message, Person
from tests.integration.bot.routers.ears import OWNER, Ears
from tests.integration.conversation.chat import Chat
from tests.sending import speaking

GOLDEN = Path(__file__).parent / "golden"

HOUR = 3600

CHANGES = "\n".join(f"+<p>Paragraph {number} of the page.</p>" for number in range(1, 80))


@dataclass
class Desk:
    """A private chat in which everything that is written is sent, and the work behind it."""

    ears: Ears
    chat: Chat
    engine: Engine
    notifier: Notifier
    sender: Sender
    owner: Person

    async def say(self, text: str) -> None:
        """Say something, and have it answered."""
        self.owner.say(text)
        await self.settle()

    async def press(self, label: str) -> None:
        """Press the newest button of this name, and have it answered."""
        message, button = self.button(label)
        self.owner.press(message, button)
        await self.settle()

    def button(self, label: str) -> tuple[Message, str]:
        """Return the newest button of this name, and where it is."""
        found = (
            (message, button)
            for message in reversed(self.ears.telegram.messages(self.owner))
            for line in message.buttons
            for button in line
            if label in button
        )
        return next(found)

    async def settle(self) -> None:
        """Wait until everything that was said is answered, and stands in the chat."""
        await self.ears.listen()
        await self.notifier.deliver(await self.session_id())
        self.sender.wake(OWNER)
        await until(self._stands, within_s=60)

    async def session_id(self) -> SessionId:
        return SessionId(await self.ears.one("SELECT id FROM sessions WHERE external_key = %s", f"{OWNER}:0"))

    async def start(self, wish: str = "/new static-site pages") -> Run:
        """Have a run accepted."""
        await self.say(wish)
        return (await self.ears.runs(f"{OWNER}:0"))[0]

    async def ask(self, run: Run, question: Question) -> Approval:
        """Let the run ask."""
        [asked, *_] = await self.chat.ask(run, question)
        await self.settle()
        return asked

    async def emit(self, claim: Claim, type_: str, **data: object) -> None:
        """Let a worker tell of something."""
        await self.chat.emit(claim, type_, data)
        await self.settle()

    async def end(self, claim: Claim, ending: Ending) -> None:
        """Let a worker end a run that it has."""
        async with self.ears.database.transaction() as tx:
            await claims.let_go_ended(tx, await claims.lock_held(tx, claim), ending)
        await self.settle()

    async def let_pass(self, *, hours: float) -> None:
        """Let all questions be older, and somebody look at them."""
        async with self.ears.database.transaction() as tx:
            await tx.execute(
                """
                UPDATE approvals SET created_at = created_at - make_interval(secs => %(s)s),
                       expires_at = expires_at - make_interval(secs => %(s)s)
                """,
                {"s": hours * HOUR},
            )
        await self.engine.recover()
        await self.settle()

    def check(self, name: str) -> None:
        """Compare what stands in the chat with what reviewers have read."""
        check_golden(name, normalised(self.ears.telegram.transcript(self.owner)), golden=GOLDEN)

    async def _stands(self) -> bool:
        open_rows = """
            SELECT count(*) FROM outbox
             WHERE NOT (status = 'dropped' OR (status = 'sent' AND sent_revision = revision))
        """
        return not await self.ears.one(open_rows)


@pytest.fixture
async def desk(
    ears: Ears, telegram: FakeTelegram, database: Database, live: Live, owner: Person
) -> AsyncIterator[Desk]:
    async with speaking(database, telegram) as speaker:
        feed = Feed(database, live)
        notifier = Notifier(
            database,
            live,
            feed,
            bot=ears.bot,
            token=speaker.token,
            wake_sender=speaker.sender.wake,
            follow=lambda _: None,
        )
        chat = Chat(database, live, ears.conversation)
        yield Desk(ears, chat, Engine(database, live), notifier, speaker.sender, owner)


def plan(**more: object) -> Question:
    """The question that a build puts first."""
    question = approval(
        "plan",
        "Build pages from static-site?",
        rule=rule_for(Effect.REPOSITORY, ServerGroup.STAGING),
        subject={"do": "build"},
        facts={"Project": "pages", "Blueprint": "static-site", "Server": "local"},
        choices=[APPROVE, REJECT, CANCEL],
        text="Then I create the repository, and ask you before anything is deployed.",
    )
    return question.model_copy(update=more)


async def test_details_are_read_before_a_change_is_asked_for(desk: Desk) -> None:
    run = await desk.start()
    details = [Detail.of("Plan", "Make one page, and a test of it."), Detail.of("Changes", CHANGES)]
    await desk.ask(run, plan(details=details))
    await desk.press("Details")
    await desk.press("Change it")
    await desk.say("never mind")
    await desk.press("Change it")
    await desk.say("Call it leaves.")

    desk.check("details_and_a_change")


async def test_a_run_fails_and_says_what_to_do(desk: Desk) -> None:
    run = await desk.start()
    claim = await desk.chat.claim(run)
    await desk.emit(claim, events.STEP_STARTED, step="scaffold")
    await desk.emit(claim, events.STEP_FINISHED, step="scaffold", took_s=2.5)
    await desk.emit(claim, events.STEP_STARTED, step="test")
    await desk.emit(
        claim, events.OUTPUT_WRITTEN, step="test", lines=["FAILED test_page.py::test_title", "1 failed"]
    )
    await desk.emit(claim, events.STEP_FAILED, step="test", took_s=4.0)
    failed = Ending(
        Status.FAILED,
        "tests_failed",
        "The tests of pages fail: test_page.py::test_title.",
        "Say what should be different, and start again with /new.",
    )
    await desk.end(claim, failed)
    await desk.say("/status")

    desk.check("a_failure")


async def test_a_question_is_reminded_of_and_then_over(desk: Desk) -> None:
    await desk.ask(await desk.start(), plan(expires_in_s=24 * HOUR))
    await desk.let_pass(hours=23.1)
    message, button = desk.button("Approve")
    await desk.let_pass(hours=1)
    # It is still on a screen.
    desk.owner.press(message, button)
    await desk.settle()

    desk.check("a_reminder_and_the_end_of_the_time")


async def test_what_waits_and_what_works_is_cancelled(desk: Desk) -> None:
    await desk.ask(await desk.start(), plan())
    await desk.say("/cancel")
    run = await desk.start("/new static-site leaves")
    claim = await desk.chat.claim(run)
    await desk.emit(claim, events.STEP_STARTED, step="scaffold")
    await desk.say("/cancel")
    await desk.end(claim, Ending(Status.CANCELLED, "cancelled", "It was cancelled.", ""))
    await desk.say("/cancel")

    desk.check("cancelling")
