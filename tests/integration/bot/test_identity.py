"""Another bot's token over the same database."""

from __future__ import annotations

import pytest

from bot import outbox
from bot.identity import recognise
from bot.outgoing import Words
from bot.places import Place
from shared.database import Database
from tests.receiving import Inbox, reception, said


@pytest.fixture
async def spoken(database: Database) -> None:
    """Something that was said to bot 7, and something it has said."""
    async with database.transaction() as tx:
        await recognise(tx, 7)
        await outbox.put(tx, key="k", place=Place(1), content=Words(text="hello"), solicited=True)
        await tx.execute("UPDATE outbox SET status = 'sent', sent_revision = revision, message_id = 12")


async def test_the_same_bot_goes_on(spoken: None, database: Database) -> None:
    async with database.transaction() as tx:
        await recognise(tx, 7)
        row = await outbox.of_key(tx, "k")

    assert row is not None
    assert row.message_id == 12


async def test_another_bot_edits_no_message_of_the_first(spoken: None, database: Database) -> None:
    async with database.transaction() as tx:
        await recognise(tx, 8)
        row = await outbox.of_key(tx, "k")

    assert row is not None
    assert (row.message_id, row.status) == (None, "sent")


async def test_what_another_bot_is_told_under_a_number_of_the_first_is_heard(
    database: Database, inbox: Inbox
) -> None:
    desk = await reception(database)
    async with database.transaction() as tx:
        await recognise(tx, 7)
    await desk.take([said(100, "to the first")])

    async with database.transaction() as tx:
        await recognise(tx, 8)
    await desk.take([said(100, "to the second")])

    first, second = await inbox.rows()
    assert (first.handled, first.error) == (True, "it was said to another bot")
    assert (second.handled, second.payload["message"]["text"]) == (False, "to the second")
