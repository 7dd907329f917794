"""An answer that is taken in the transaction that gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest

from bot import outbox
from bot.outbox import Row, RowStatus
from bot.outgoing import Words
from bot.places import FRONT
from bot.reservation import Reservation
from shared import lease
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


async def test_the_next_speaker_waits_until_it_is_committed(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        row = await chat.answer(tx, "answer", reservation)
        taking_over = asyncio.create_task(_take_over(database))
        await until(lambda: _waiting_for_a_lock(database, "FROM leases"))
        assert not taking_over.done()
    await taking_over

    # It is found under way then, and who had taken it may still say what has come of it.
    assert row is not None
    reservation.send(row)
    assert (await chat.speaker.settled("answer"))[0].status is RowStatus.SENT


async def test_no_chat_is_kept_twice(chat: Chat) -> None:
    reservation = await chat.reserved()
    assert chat.speaker.sender.reserve(chat.person.id) is None

    reservation.release()
    (await chat.reserved()).release()


async def test_no_chat_is_kept_while_a_call_is_under_way(chat: Chat) -> None:
    chat.telegram.fail("sendMessage", slow_s=0.5)
    key = await chat.speaker.put(chat.person, "slow")
    await chat.telegram.until(lambda: chat.telegram.calls("sendMessage"))
    assert chat.speaker.sender.reserve(chat.person.id) is None

    await chat.speaker.settled(key)
    await chat.reserved()


async def test_no_chat_is_kept_while_its_next_row_is_looked_for(chat: Chat, database: Database) -> None:
    (await chat.reserved()).release()
    async with database.transaction() as tx:
        await tx.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        chat.speaker.sender.wake(chat.person.id)
        await until(lambda: _waiting_for_a_lock(database, "WITH look AS"))
        assert chat.speaker.sender.reserve(chat.person.id) is None


async def test_no_chat_is_kept_that_has_to_wait(chat: Chat) -> None:
    chat.telegram.fail("sendMessage", chat=chat.person, retry_after=1)
    key = await chat.speaker.put(chat.person, "too soon")
    await chat.telegram.until(lambda: chat.telegram.calls("sendMessage"))
    await until(lambda: _waits(chat.speaker, key))
    assert chat.speaker.sender.reserve(chat.person.id) is None
    await chat.speaker.settled(key)


async def test_no_chat_is_kept_in_which_the_last_speaker_may_be_at_it(chat: Chat, database: Database) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        await chat.answer(tx, "answer", reservation)
    async with speaking(database, chat.telegram, handover_s=60) as following:
        elsewhere = chat.telegram.user(2, "Bob")
        elsewhere.say("hello")
        await following.settled(await following.put(elsewhere, "at work"))
        assert following.sender.reserve(chat.person.id) is None


async def test_what_was_not_called_for_is_sent_without_asking_what_has_come_of_it(
    chat: Chat, database: Database
) -> None:
    reservation = await chat.reserved()
    async with database.transaction() as tx:
        row = await chat.answer(tx, "answer", reservation)
    reservation.release(row)

    await chat.speaker.settled("answer")
    assert chat.said() == ["answer"]
    assert chat.telegram.calls("editMessageReplyMarkup") == []


async def test_a_group_is_looked_at_since_it_may_have_been_let_go(chat: Chat) -> None:
    await chat.reserved()
    group: Group = chat.telegram.group("Friends", chat.person)
    assert chat.speaker.sender.reserve(group.id) is None


async def _take_over(database: Database) -> None:
    async with database.transaction() as tx:
        await lease.next_token(tx, FRONT, holder="the next one", silence_s=8)


async def _waiting_for_a_lock(database: Database, statement: str) -> bool:
    async with database.connection() as connection:
        cursor = await connection.execute(
            """
            SELECT FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, %s) > 0
            """,
            [statement],
        )
        return cursor.rowcount > 0


async def _waits(speaker: Speaking, key: str) -> bool:
    """Whether a row was called for in vain, and is recorded so."""
    row = await speaker.row(key)
    return row.attempts == 1 and row.status is RowStatus.PENDING
