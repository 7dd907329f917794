"""A person who talks to Telewright, reads what it says, and answers what it asks."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg

from graph.conversation import Conversation, Decision, Feed, FeedItem, Kind, Message, Reply, Services
from graph.conversation.replies import DecisionChoice
from infrastructure.blueprints import catalogue
from infrastructure.deploy.ansible import AnsibleDeployer
from shared.database import Database, DatabaseUnavailable
from shared.ids import SessionId, UserId
from shared.ledger import runs
from shared.ledger.runs import Run
from shared.ledger.users import Role, User
from shared.live import Live
from tests.installation import Installation

T = TypeVar("T")

OUTAGE = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnavailable)
PETRA = User(UserId("test:petra"), "Petra", Role.OWNER)
AGREES = ("approve", "again")
"""The choices of somebody who wants it, and tries again what failed."""


@dataclass(frozen=True)
class Ending:
    """What a person was told at the end of a run, and what stands in the ledger."""

    reply: Reply
    run: Run


@dataclass
class Person:
    """Somebody in a session of their own."""

    database: Database
    conversation: Conversation
    feed: Feed
    session_id: SessionId
    chooses: tuple[str, ...] = AGREES
    """The keys of choices that are taken when a question offers them; others are cancelled."""
    names: deque[str] = field(default_factory=deque)
    """Written, one after the other, where a question wants words."""
    endings: dict[int, Reply] = field(default_factory=dict)
    heard: list[Reply] = field(default_factory=list)
    """Everything, in the order in which it was shown."""
    _shown: set[str] = field(default_factory=set)
    _reading: asyncio.Task[None] | None = None

    @property
    def was_shown(self) -> str:
        """Everything that was shown, as plain text."""
        return "\n".join(reply.plain for reply in self.heard)

    async def say(self, text: str) -> Reply:
        """Say something and return the answer."""
        _print(">", text)
        return await self._send(text=text)

    async def gets(self, text: str, *, within_s: float = 120) -> Ending:
        """Say something that starts a run, answer what it asks, and return how it ended."""
        reply = await self.say(text)
        assert reply.run_number is not None, reply.plain
        return await self.sees_the_end_of(reply.run_number, within_s=within_s)

    async def sees_the_end_of(self, number: int, *, within_s: float = 120) -> Ending:
        """Wait until a run has ended and that was shown."""
        assert self._reading is not None
        async with asyncio.timeout(within_s):
            while number not in self.endings:
                if self._reading.done():
                    self._reading.result()
                await asyncio.sleep(0.05)
            return Ending(self.endings[number], await self.looks_up(number))

    async def looks_up(self, number: int) -> Run:
        """Return a run as it is now."""

        async def look() -> Run:
            async with self.database.connection() as connection:
                return await runs.by_number(connection, number)

        return await _through_outages(look)

    def begin_reading(self) -> asyncio.Task[None]:
        """Read what is shown, for ever, through outages of the database."""
        self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        while True:
            with suppress(*OUTAGE):
                async for item in self.feed.follow("test:petra", self.session_id):
                    await self._take(item)
                    await self.feed.acknowledge(item)
            await asyncio.sleep(0.2)

    async def _take(self, item: FeedItem) -> None:
        reply = item.reply
        if reply is None or item.key in self._shown:
            return
        self._shown.add(item.key)
        self.heard.append(reply)
        if reply.kind is Kind.PROGRESS:
            return
        _print("<", "\n".join([reply.plain, *(f"[{choice.label}]" for choice in reply.choices)]))
        if reply.kind is Kind.QUESTION:
            await self._answer(reply)
        elif reply.kind is Kind.RESULT and reply.run_number is not None:
            self.endings[reply.run_number] = reply

    async def _answer(self, question: Reply) -> None:
        offered = {one.key: one for one in question.choices if isinstance(one, DecisionChoice)}
        for key in self.chooses:
            if key in offered:
                await self._press(offered[key])
                return
        if self.names:
            await self.say(f"/answer {question.run_number} {self.names.popleft()}")
        else:
            await self._press(offered["cancel"])

    async def _press(self, choice: DecisionChoice) -> None:
        _print(">", f"[{choice.label}]")
        await self._send(decision=Decision(approval_id=choice.approval_id, choice=choice.key))

    async def _send(self, *, text: str = "", decision: Decision | None = None) -> Reply:
        message = Message(
            front="test",
            external_id=uuid.uuid4().hex,
            session_id=self.session_id,
            user=PETRA,
            text=text,
            decision=decision,
        )
        # However often it takes to get it through, it is one message.
        [reply] = await _through_outages(lambda: self.conversation.receive(message))
        return reply


@asynccontextmanager
async def person_at(installation: Installation) -> AsyncIterator[Person]:
    """Let somebody talk to an installation while the block runs."""
    async with (
        Database(installation.database_url, connections=5) as database,
        Live(installation.redis_url) as live,
    ):
        services = Services(catalogue=catalogue, reader=AnsibleDeployer(installation.server))
        conversation = Conversation(database, live, services)
        session = await conversation.open(front="test", external_key=uuid.uuid4().hex, user=PETRA)
        person = Person(database, conversation, Feed(database, live), session.id)
        reading = person.begin_reading()
        try:
            yield person
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def _through_outages(attempt: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await attempt()
        except OUTAGE:
            await asyncio.sleep(0.2)


def _print(mark: str, text: str) -> None:
    """Show a turn to whoever reads with `pytest -s`; long ones are cut."""
    lines = [
        line if len(line) <= 300 else f"{line[:300]} … ({len(line)} characters)" for line in text.splitlines()
    ]
    print("\n".join(f"{mark if number == 0 else ' '} {line}" for number, line in enumerate(lines or [""])))
