"""An answer that only looks is told in the transaction that gives it."""

from __future__ import annotations

from bot.notifier import Notifier
from bot.outgoing import Words
from bot.places import READER
from graph.conversation import Feed
from shared.database import Database
from shared.ids import SessionId
from shared.ledger import sessions
from shared.live import Live
from tests.fakes.telegram import Group, Person
from tests.integration.bot.routers.ears import OWNER, Ears


async def session_of(ears: Ears, external_key: str) -> SessionId:
    """Return the session of a place."""
    return SessionId(await ears.one("SELECT id FROM sessions WHERE external_key = %s", external_key))


async def turns_told(ears: Ears) -> list[int]:
    """Return the numbers of the turns that stand in the outbox, in the order in which they were written."""
    return [int(row.key.rpartition(":")[2]) for row in await ears.rows() if row.key.startswith("turn:")]


async def test_it_stands_in_the_outbox_before_anybody_looks_for_news(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    owner.say("/start")
    await ears.listen()
    session_id = await session_of(ears, f"{OWNER}:0")
    await notifier.deliver(session_id)

    owner.say("/help")
    await ears.listen()

    assert await turns_told(ears) == [1, 3]
    assert ears.woken[-1] == OWNER


async def test_nothing_is_left_to_tell_then(
    ears: Ears, notifier: Notifier, database: Database, live: Live, owner: Person
) -> None:
    owner.say("/start")
    await ears.listen()
    session_id = await session_of(ears, f"{OWNER}:0")
    await notifier.deliver(session_id)
    owner.say("/help")
    owner.say("/whoami")
    await ears.listen()

    assert await Feed(database, live).unread(READER, session_id) == []
    await notifier.deliver(session_id)
    assert await turns_told(ears) == [1, 3, 5]


async def test_what_was_said_before_is_told_before(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    owner.say("/start")
    await ears.listen()
    session_id = await session_of(ears, f"{OWNER}:0")
    await notifier.deliver(session_id)
    async with database.transaction() as tx:
        body = {"blocks": [{"type": "text", "text": "The service is back."}], "kind": "notice"}
        await sessions.say(tx, session_id, author="telewright", body=body, trace_id="0" * 32)

    owner.say("/help")
    await ears.listen()
    assert await turns_told(ears) == [1]

    await notifier.deliver(session_id)
    assert await turns_told(ears) == [1, 2, 4]


async def test_what_starts_work_is_left_to_the_notifier(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    owner.say("/start")
    await ears.listen()
    session_id = await session_of(ears, f"{OWNER}:0")
    await notifier.deliver(session_id)

    owner.say("/new web-service hello")
    await ears.listen()

    assert await turns_told(ears) == [1]
    assert ears.delivered[-1] == session_id


async def test_in_a_group_it_replies_to_what_it_answers(
    ears: Ears, notifier: Notifier, owner: Person, group: Group
) -> None:
    owner.say("/projects@telewright_bot", group)
    said = owner.say("/whoami@telewright_bot", group)
    await ears.listen()

    answer = next(row.content for row in reversed(await ears.rows()) if row.key.startswith("turn:"))
    assert isinstance(answer, Words)
    assert answer.reply_to == said.id
