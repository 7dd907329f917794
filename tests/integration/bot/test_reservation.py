"""An answer that is taken in the transaction that gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest

from bot import outbox
from bot.outbox import Row, RowStatus
from bot.outgoing import Words
from bot.reservation import Reservation
from shared.database import Connection, Database
from tests.engine import until
from tests.fakes.telegram import FakeTelegram, Group, Person
from tests.sending import Speaking, next_token, place, speaking


@dataclass
class Chat:
    """A chat with somebody, and the sender at work in it."""

    telegram: FakeTelegram
    person: Person
    speaker: Speaking

    async def reserved(self) -> Reservation:
        """Keep the chat for an answer, as soon as that may be."""

        async def reserve() -> Reservation | None:
            return self.speaker.sender.reserve(self.person.id)

        reservation = await until(reserve)
        assert reservation is not None
        return reservation

    async def answer(self, tx: Connection, text: str, reservation: Reservation) -> Row | None:
        """Write an answer that is to be taken at once."""
        return await outbox.put(
            tx,
            key=text,
            place=place(self.person),
            content=Words(text=text),
            solicited=True,
            token=reservation.token,
        )

    def said(self) -> list[str]:
        """What stands in the chat."""
        return [message.text for message in self.telegram.messages(self.person, by_bot=True)]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=5) as database:
        yield database


@pytest.fixture
async def chat(database: Database) -> AsyncIterator[Chat]:
    async with FakeTelegram() as telegram:
        person = telegram.user(1, "Ann")
        person.say("hello")
        async with speaking(database, telegram) as speaker:
            yield Chat(telegram, person, speaker)


async def test_it_is_sent_without_being_looked_for(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        row = await chat.answer(tx, "answer", reservation)
    assert row is not None

    async with database.transaction() as tx:
        # Whoever looks finds nothing now.
        await tx.execute("SELECT FROM outbox FOR UPDATE")
        reservation.send(row)
        await chat.telegram.until(lambda: chat.said() == ["answer"])

    [sent] = await chat.speaker.settled("answer")
    assert sent.status is RowStatus.SENT
    assert sent.message_id == chat.telegram.messages(chat.person, by_bot=True)[0].id


async def test_nothing_else_is_begun_in_the_chat_meanwhile(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    news = await chat.speaker.put(chat.person, "news", solicited=False)
    elsewhere = chat.telegram.user(2, "Bob")
    elsewhere.say("hello")
    await chat.speaker.settled(await chat.speaker.put(elsewhere, "something else", solicited=False))
    assert chat.said() == []

    async with database.transaction() as tx:
        row = await chat.answer(tx, "answer", reservation)
    assert row is not None
    reservation.send(row)
    await chat.speaker.settled("answer", news)
    assert chat.said() == ["answer", "news"]


async def test_it_waits_for_what_was_to_be_answered_before(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    before = await chat.speaker.put(chat.person, "answered before")
    async with database.transaction() as tx:
        assert await chat.answer(tx, "answer", reservation) is None

    reservation.release()
    await chat.speaker.settled(before, "answer")
    assert chat.said() == ["answered before", "answer"]


async def test_one_that_is_taken_back_leaves_nothing(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        await chat.answer(tx, "answer", reservation)
        raise psycopg.Rollback
    reservation.release()

    await chat.speaker.settled(await chat.speaker.put(chat.person, "another one"))
    assert chat.said() == ["another one"]


async def test_one_of_which_nobody_knows_whether_it_was_committed_is_said_once(
    chat: Chat, database: Database
) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        assert await chat.answer(tx, "answer", reservation) is not None
    reservation.release()

    await chat.speaker.settled("answer")
    assert chat.said() == ["answer"]


async def test_after_a_handover_it_is_left_to_the_next_speaker(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        await next_token(tx)
        assert await chat.answer(tx, "answer", reservation) is None
    reservation.release()

    assert (await chat.speaker.row("answer")).status is RowStatus.PENDING


async def test_no_chat_is_kept_twice_or_while_something_is_under_way(chat: Chat) -> None:
    reservation = await chat.reserved()
    assert chat.speaker.sender.reserve(chat.person.id) is None
    reservation.release()

    reservation = await chat.reserved()
    reservation.release()


async def test_a_group_is_looked_at_since_it_may_have_been_let_go(chat: Chat) -> None:
    await chat.reserved()
    group: Group = chat.telegram.group("Friends", chat.person)
    assert chat.speaker.sender.reserve(group.id) is None
