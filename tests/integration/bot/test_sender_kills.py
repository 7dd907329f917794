"""Speakers killed with `kill -9` in the middle of their work: every row is one message all the same."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.outgoing import Button, Document, Words
from bot.places import FRONT
from graph.conversation.replies import CommandChoice
from shared.database import Database
from shared.ids import UserId
from shared.ledger import inbox, sessions, users
from shared.ledger.users import Role
from shared.tracing import new_trace_id
from tests.fakes.telegram import FakeTelegram, Group, Message, Person
from tests.sending import Speaking, place, speaking

KILLS = 30
CHATS = 5
ANSWERED = 3
"""People to whom nothing is said but answers, which are taken where they are written."""


@asynccontextmanager
async def speakers(
    database_url: str, telegram: FakeTelegram, *people: int
) -> AsyncIterator[asyncio.StreamReader]:
    """The ids of speakers, each of which follows when the one before has died."""
    forking = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.speaker",
        database_url,
        telegram.url,
        telegram.token,
        *map(str, people),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert forking.stdout is not None
    try:
        yield forking.stdout
    finally:
        os.killpg(forking.pid, signal.SIGKILL)
        await forking.wait()


@asynccontextmanager
async def unheld_telegram() -> AsyncIterator[FakeTelegram]:
    """A fake Telegram that is not held against what it cannot help: requests cut off by a kill."""
    telegram = FakeTelegram(validate=False)
    await telegram.start()
    try:
        yield telegram
    finally:
        await telegram.stop()


async def next_speaker(ids: asyncio.StreamReader) -> int:
    async with asyncio.timeout(30):
        return int(await ids.readline())


class Author:
    """Writes rows of all kinds into a few chats."""

    def __init__(self, speaking: Speaking, chats: list[Person | Group], dice: random.Random) -> None:
        self._speaking = speaking
        self._chats = chats
        self._dice = dice
        self.said: dict[int, list[str]] = {place(chat).chat_id: [] for chat in chats}
        self.keys: list[str] = []

    async def write(self) -> None:
        """Say one thing somewhere."""
        chat = self._dice.choice(self._chats)
        text = f"row {len(self.keys)}"
        buttons = [[Button(text="Go on", choice=CommandChoice(label="Go on", command=f"/go {text}"))]]
        kinds: list[Words | Document] = [
            Words(text=text),
            Words(text=text, buttons=buttons),
            Document(name="f", content=text, caption=text),
        ]
        content = self._dice.choice(kinds)
        self.keys.append(await self._speaking.put(chat, content))
        self.said[place(chat).chat_id].append(text)
        if self._dice.random() < 0.2 and isinstance(chat, Person):
            await self._hear(chat.say("in between"))

    async def _hear(self, message: Message) -> None:
        """Store what a person says in between, as the reception does: it takes an id among the bot's."""
        async with self._speaking.database.transaction() as tx:
            user = await users.ensure(tx, UserId("telegram:1"), name="Ann", role=Role.OWNER)
            session = await sessions.ensure(tx, front=FRONT, external_key="1:0", owner_id=user.id)
            await inbox.receive(
                tx,
                front=FRONT,
                external_id=str(message.update_id),
                session_id=session.id,
                user_id=user.id,
                payload={"update_id": message.update_id, "message": message.raw},
                trace_id=new_trace_id(),
            )

    async def write_for_ever(self) -> None:
        while True:
            await self.write()
            await asyncio.sleep(0.02)


@pytest.mark.timeout(170)
async def test_every_row_is_one_message_whenever_its_speaker_is_killed(database_url: str) -> None:
    dice = random.Random(20261122)
    async with (
        Database(database_url, connections=4) as database,
        unheld_telegram() as telegram,
        speaking(database, telegram, running=False) as writing,
        speakers(database_url, telegram, *range(CHATS, CHATS + ANSWERED + 1)) as ids,
    ):
        everybody = [telegram.user(number, f"Person {number}") for number in range(1, CHATS + ANSWERED + 1)]
        people = everybody[:CHATS]
        for person in everybody:
            person.say("hello")
        author = Author(writing, [*people, telegram.supergroup("Team", *people)], dice)
        write = asyncio.create_task(author.write_for_ever())
        for _ in range(KILLS):
            speaker = await next_speaker(ids)
            await asyncio.sleep(dice.uniform(0.0, 0.5))
            os.kill(speaker, signal.SIGKILL)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        await next_speaker(ids)
        answers = await _keys_of_answers(database)
        rows = await writing.settled(*author.keys, *answers, within_s=90)

        assert len(author.keys) > KILLS
        assert answers
        recorded = {row.key: row.message_id for row in rows}
        for chat_id in [*author.said, *(one.id for one in everybody[CHATS:])]:
            messages = telegram.messages(chat_id, by_bot=True)
            written = [message for message in messages if not message.text.startswith("answer")]
            assert [message.text for message in written] == author.said.get(chat_id, [])
            assert {message.id for message in written} == {
                row.message_id for row in rows if row.chat_id == chat_id and row.key not in answers
            }
            answered = [message for message in messages if message.text.startswith("answer")]
            assert [message.text for message in answered] == [f"answer {n}" for n in range(len(answered))]
            for number, message in enumerate(answered):
                # The last speaker goes on answering.
                assert recorded.get(f"answer:{chat_id}:{number}", message.id) == message.id
        async with database.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM outbox WHERE attempts > 1")
            repeated = await cursor.fetchone()
        assert repeated is not None
        assert repeated[0] > 0, "no kill has hit anything: the test shows nothing"


async def _keys_of_answers(database: Database) -> set[str]:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT key FROM outbox WHERE key LIKE 'answer:%'")
        return {key for (key,) in await cursor.fetchall()}
