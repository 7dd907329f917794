"""What has become of a call is recorded where it still matters, whatever has happened to the row meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot import chats, dispatch, outbox
from bot.conclusion import dropped
from bot.dispatch import Look, Mark
from bot.outbox import Row, RowStatus
from bot.outgoing import Words
from bot.places import Place
from shared.database import Database
from tests.sending import next_token

HERE = Place(-5)
NEW_ID = -1000000000005


@dataclass
class Outbox:
    """An outbox with one row, and who sends it."""

    database: Database
    token: int

    async def put(self, text: str = "one") -> None:
        """Say what should stand there."""
        async with self.database.transaction() as tx:
            await outbox.stand(tx, key="k", place=HERE, content=Words(text=text), solicited=True)

    async def take(self) -> Row:
        """Take the row, for a call that begins."""
        async with self.database.connection() as connection:
            [one] = await dispatch.take(connection, [Look(HERE.chat_id, granted=True)], token=self.token)
        assert one.row is not None
        return one.row

    async def record(self, mark: Mark) -> bool:
        """Write down how the call ended; return whether that is settled."""
        async with self.database.connection() as connection:
            return mark.row.id in await dispatch.record(connection, [mark], token=self.token)

    async def row(self) -> Row:
        """Return the row as it is now."""
        async with self.database.connection() as connection:
            row = await outbox.of_key(connection, "k")
        assert row is not None
        return row


@pytest.fixture
async def sending(database_url: str) -> AsyncIterator[Outbox]:
    async with Database(database_url, connections=3) as database:
        async with database.transaction() as tx:
            token = await next_token(tx)
        sending = Outbox(database, token)
        await sending.put()
        yield sending


def said(row: Row) -> Mark:
    return Mark(row, RowStatus.SENT, 5, row.revision)


async def test_what_was_said_in_a_group_before_it_moved_does_not_count_in_the_new_one(
    sending: Outbox,
) -> None:
    row = await sending.take()
    async with sending.database.transaction() as tx:
        await chats.moved(tx, HERE.chat_id, NEW_ID)
    assert await sending.record(said(row))
    now = await sending.row()
    assert (now.chat_id, now.status, now.message_id) == (NEW_ID, RowStatus.PENDING, None)


async def test_an_edit_in_a_group_before_it_moved_does_not_count_in_the_new_one(sending: Outbox) -> None:
    await sending.record(said(await sending.take()))
    await sending.put("two")
    row = await sending.take()
    async with sending.database.transaction() as tx:
        await chats.moved(tx, HERE.chat_id, NEW_ID)
    assert await sending.record(said(row))
    now = await sending.row()
    assert (now.message_id, now.sent_revision) == (None, 1)


async def test_what_is_recorded_again_leaves_a_row_that_was_revived_since(sending: Outbox) -> None:
    mark = dropped(await sending.take(), "refused")
    assert await sending.record(mark)
    await sending.put("two")
    assert await sending.record(mark)
    assert (await sending.row()).status is RowStatus.PENDING


async def test_what_was_said_just_before_its_chat_was_closed_was_said(sending: Outbox) -> None:
    row = await sending.take()
    async with sending.database.transaction() as tx:
        await chats.blocked(tx, HERE.chat_id, "blocked")
    assert await sending.record(said(row))
    now = await sending.row()
    assert (now.status, now.message_id) == (RowStatus.SENT, 5)


async def test_only_a_row_that_somebody_is_changing_has_to_be_recorded_later(sending: Outbox) -> None:
    row = await sending.take()
    async with sending.database.transaction() as tx:
        await tx.execute("SELECT FROM outbox FOR UPDATE")
        assert not await sending.record(said(row))
        await tx.execute("DELETE FROM outbox")
    assert await sending.record(said(row))


async def test_what_was_said_counts_also_when_another_one_speaks_by_now(sending: Outbox) -> None:
    row = await sending.take()
    async with sending.database.transaction() as tx:
        await next_token(tx)
    assert await sending.record(said(row))
    now = await sending.row()
    assert (now.status, now.message_id) == (RowStatus.SENT, 5)


async def test_what_the_next_one_has_taken_is_no_business_of_the_last_one(sending: Outbox) -> None:
    row = await sending.take()
    async with sending.database.transaction() as tx:
        following = Outbox(sending.database, await next_token(tx))
    await following.take()
    assert not await sending.record(said(row))
    assert (await sending.row()).status is RowStatus.SENDING


async def test_who_speaks_no_more_records_no_edit(sending: Outbox) -> None:
    await sending.record(said(await sending.take()))
    await sending.put("two")
    row = await sending.take()
    async with sending.database.transaction() as tx:
        await next_token(tx)
    assert not await sending.record(said(row))
    assert (await sending.row()).sent_revision == 1
