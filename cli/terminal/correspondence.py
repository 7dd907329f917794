"""What goes to and fro between a terminal and its session, through outages of the database."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, assert_never

import psycopg

from cli.terminal.following import FollowedLog
from cli.terminal.person import FRONT
from cli.terminal.standing import Standing
from graph.conversation import Conversation, Decision, Feed, FeedItem, Kind, Message, Reply
from graph.conversation.answering import refusal
from graph.conversation.replies import CommandChoice, DecisionChoice, ReplyChoice
from graph.conversation.reports import report
from shared.database import Connection, Database, DatabaseUnavailable
from shared.errors import TelewrightError
from shared.ids import ApprovalId, RunId, SessionId
from shared.ledger import approvals, runs
from shared.ledger.runs import Run, Status
from shared.ledger.users import User

RETRY_S = 1.0
"""The pause between two attempts while the database does not answer."""

LOOK_AGAIN_S = 0.5
"""How often it is looked whether work has settled, when nothing new is shown."""

OUTAGE = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnavailable)
"""How it shows that the database does not answer; the pool's timeout is one of the first."""

Result = TypeVar("Result")


class Face(Protocol):
    """Whatever shows a conversation to a person or a program."""

    async def show(self, reply: Reply) -> None:
        """Show a reply."""

    async def show_said(self, text: str) -> None:
        """Show what the person said, when it was not here that they said it."""

    async def note(self, text: str) -> None:
        """Show a line that the chat itself has to say."""

    async def grow(self, lines: str) -> None:
        """Show more lines of a log that is followed."""


def decides(reply: Reply) -> bool:
    """Whether an answer says that a question is decided; otherwise it asks for more, or refuses."""
    return reply.approval_id is not None and not reply.asks_comment and reply.error is None


class Correspondence:
    """One session, as one terminal takes part in it."""

    def __init__(
        self,
        database: Database,
        conversation: Conversation,
        feed: Feed,
        *,
        session_id: SessionId,
        user: User,
        face: Face,
        standing: Standing,
    ) -> None:
        """Put it together.

        Args:
            database: Where the session is kept.
            conversation: Answers what is said.
            feed: Brings the answers, and what becomes of the work.
            session_id: The session.
            user: Who sits here.
            face: Shows everything, each thing once.
            standing: Is kept up to date with what was shown.
        """
        self._database = database
        self._conversation = conversation
        self._feed = feed
        self._reader = f"{FRONT}:{session_id}"
        self._session_id = session_id
        self._user = user
        self._face = face
        self.log = FollowedLog(conversation, session_id, face)
        """Shows the log that is followed here, while its `run` does."""
        self._standing = standing
        self._cut = False
        self._own_turns = 0
        """Said here, and not seen in the feed yet."""
        self._decided_here: set[ApprovalId] = set()
        self._speaking = asyncio.Lock()
        """Held while something that was said here is on its way."""
        self._unacknowledged: str | None = None
        self._turns_shown = 0
        self._runs_ended: set[RunId] = set()
        self._moved = asyncio.Event()

    async def resume(self) -> None:
        """Find out what stands when the session is opened: runs under way, questions, a comment asked for.

        From here on nothing is missed; so it comes before anything is said.
        """
        await self._feed.attach(self._reader, self._session_id)
        await self._conversation.end_left_behind_in(self._session_id)
        async with self._database.connection() as connection:
            for run in reversed(await runs.of_session(connection, self._session_id, open_only=True)):
                where = await report(connection, run)
                self._standing.take(Reply(blocks=where.blocks, kind=Kind.PROGRESS, run_number=run.number))
        for question in await self._conversation.standing(self._session_id):
            self._standing.take(question)
        self._standing.awaited = await self._conversation.awaited(self._session_id, self._user)

    async def follow(self) -> None:
        """Show what is new in the session, and what becomes new, for ever; through outages too."""
        while True:
            try:
                async for item in self._feed.follow(self._reader, self._session_id):
                    await self._take(item)
                    await self._is_back()
            except OUTAGE:
                await self._is_cut()
                await self._through_outages(self._look)

    async def say(self, said: str | ReplyChoice) -> None:
        """Send what a person said; return once all that it causes is stored.

        However often it has to be sent until it gets through, it is one message
        with one number, and counts once. Its answers come through the feed.
        """
        self._standing.said()
        message = self._message(said)
        self._own_turns += 1
        try:
            async with self._speaking:
                replies = await self._through_outages(lambda: self._conversation.receive(message))
                self._decided_here |= {one.approval_id for one in replies if one.approval_id and decides(one)}
        except TelewrightError as error:
            self._own_turns -= 1
            await self._face.show(refusal(error))

    async def shown(self) -> None:
        """Wait until everything that has been said in the session so far is shown."""
        last = await self._through_outages(self._last_turn)
        while self._turns_shown < last:
            await self._moves()

    async def settled(self) -> None:
        """Wait until no work is under way in the session: all of it has ended, or asks, and that is shown."""
        watched: set[RunId] = set()
        while True:
            open_runs = await self._through_outages(self._open_runs)
            watched |= open_runs.keys()
            if watched <= self._runs_ended | {run for run, asks in open_runs.items() if asks}:
                return
            await self._moves()

    async def _take(self, item: FeedItem) -> None:
        if item.key != self._unacknowledged:
            await self._show(item)
            # If the database goes away now, it will be read again, and must not be shown again.
            self._unacknowledged = item.key
        await self._feed.acknowledge(item)
        if item.run_id is None:
            self._turns_shown = item.position
        elif item.ends_run:
            self._runs_ended.add(item.run_id)
        self._moved.set()

    async def _show(self, item: FeedItem) -> None:
        if item.reply is not None:
            self._standing.take(item.reply)
            if not await self._known_here(item.reply):
                await self._face.show(item.reply)
            if item.reply.followed is not None:
                self.log.begin(item.reply.followed)
        elif self._own_turns:
            self._own_turns -= 1
        else:
            await self._face.show_said(item.text)

    async def _known_here(self, reply: Reply) -> bool:
        """Whether a notice only tells of a decision that was made at this terminal, and is answered there."""
        if reply.kind is not Kind.NOTICE or reply.approval_id is None:
            return False
        # What is just being said here may be the decision: the feed can be faster than its own answer.
        async with self._speaking:
            return reply.approval_id in self._decided_here

    async def _moves(self) -> None:
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._moved.wait()

    async def _look(self) -> None:
        async with self._database.connection() as connection:
            await connection.execute("SELECT 1")

    async def _last_turn(self) -> int:
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                "SELECT last_turn FROM sessions WHERE id = %s", [self._session_id]
            )
            row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def _open_runs(self) -> dict[RunId, bool]:
        """Return the runs that have not ended, and whether each waits with a question that is shown."""
        async with self._database.connection() as connection:
            open_runs = await runs.of_session(connection, self._session_id, open_only=True)
            return {run.id: await self._asks(connection, run) for run in open_runs}

    async def _asks(self, connection: Connection, run: Run) -> bool:
        if run.status is not Status.WAITING or await approvals.any_undelivered(connection, run.id):
            return False
        asked = [one.id for one in await approvals.of_run(connection, run.id) if one.status == "pending"]
        return bool(asked) and all(self._standing.is_asked(one) for one in asked)

    async def _through_outages(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Return what an attempt comes to, trying again for as long as the database does not answer."""
        while True:
            try:
                result = await attempt()
            except OUTAGE:
                await self._is_cut()
                await asyncio.sleep(RETRY_S)
            else:
                await self._is_back()
                return result

    async def _is_cut(self) -> None:
        if not self._cut:
            self._cut = True
            await self._face.note(
                "The database does not answer. What you write is kept, and sent when it is back."
            )

    async def _is_back(self) -> None:
        if self._cut:
            self._cut = False
            await self._face.note("The database answers again.")

    def _message(self, said: str | ReplyChoice) -> Message:
        text, decision = "", None
        match said:
            case str():
                text = said
            case CommandChoice(command=command):
                text = command
            case DecisionChoice(approval_id=approval_id, key=key):
                decision = Decision(approval_id=approval_id, choice=key)
            case _:
                assert_never(said)
        return Message(
            front=FRONT,
            external_id=str(uuid.uuid4()),
            session_id=self._session_id,
            user=self._user,
            text=text,
            decision=decision,
        )
