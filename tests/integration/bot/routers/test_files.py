"""What people send that is no text."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from bot.outgoing import Words
from shared.database import Database
from shared.live import Live
from tests.engine import until
from tests.fakes.telegram import FakeTelegram, Group, Person
from tests.integration.bot.routers.ears import OWNER, Ears, open_ears

PRIVATE = f"{OWNER}:0"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
JPEG = b"\xff\xd8\xff" + bytes(64)

Impatient: TypeAlias = Callable[..., AbstractAsyncContextManager[Ears]]


@pytest.fixture
def impatient(telegram: FakeTelegram, database: Database, live: Live, tmp_path: Path) -> Impatient:
    """A bot that waits for no file; each is another process. It is given the groups that it hears."""
    return partial(open_ears, telegram, database, live, tmp_path, patience_s=0)


async def attached(ears: Ears) -> list[list[str]]:
    """Return the names of the files of each message that a person sent."""
    async with ears.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT body -> 'attachments' FROM turns WHERE author = 'person' ORDER BY created_at, seq"
        )
        return [[file["name"] for file in row[0] or []] for row in await cursor.fetchall()]


async def answers(ears: Ears) -> list[str]:
    return [
        row.content.text
        for row in await ears.rows()
        if row.chat_id == OWNER and isinstance(row.content, Words)
    ]


async def test_a_document_with_a_caption_comes_with_its_words(ears: Ears, owner: Person) -> None:
    owner.send_document("../notes of mine.md", b"# Notes", "/projects")
    await ears.listen()

    [kept] = [path for path in (ears.home / "attachments").rglob("*") if path.is_file()]

    assert await ears.said(PRIVATE) == ["/projects"]
    assert await attached(ears) == [["notes_of_mine.md"]]
    assert kept.read_bytes() == b"# Notes"
    assert kept.stat().st_mode & 0o111 == 0


async def test_a_photo_without_a_caption_is_kept_and_asked_about(ears: Ears, owner: Person) -> None:
    owner.send_photo(JPEG)
    await ears.listen()

    [names] = await attached(ears)

    assert names[0].endswith(".jpg")
    assert (await ears.turns(PRIVATE))[-1][0] == "telewright"


async def test_a_file_that_is_not_what_it_says_is_refused_and_its_caption_not_carried_out(
    ears: Ears, owner: Person
) -> None:
    owner.send_document("virus.png", b"\x00\x01\x02", "/new web-service hello")
    await ears.listen()

    [answer] = await answers(ears)

    assert "virus.png" in answer
    assert await ears.runs(PRIVATE) == []


async def test_a_file_that_is_too_large_is_not_even_fetched(ears: Ears, owner: Person) -> None:
    owner.send_document("dump.sql", b"x" * (10 * 1024 * 1024 + 1))
    await ears.listen()

    [answer] = await answers(ears)

    assert "10 MB" in answer
    assert ears.telegram.calls("getFile") == []


async def test_a_file_that_is_larger_than_announced_is_not_kept(ears: Ears, owner: Person) -> None:
    owner.send_document("dump.sql", b"x" * (10 * 1024 * 1024 + 1))
    for update in ears.telegram.world.updates.pending.values():
        if "message" in update and "document" in update["message"]:
            update["message"]["document"]["file_size"] = 10
    await ears.listen()

    [answer] = await answers(ears)

    assert "10 MB" in answer
    assert not (ears.home / "attachments").exists()


async def test_a_file_is_fetched_again_when_telegram_was_away(ears: Ears, owner: Person) -> None:
    ears.telegram.fail("getFile", 1, status=500, description="Internal Server Error")
    owner.send_document("notes.md", b"# Notes", "/projects")
    await ears.listen()

    assert await attached(ears) == [["notes.md"]]


async def test_a_chat_goes_on_while_a_file_is_fetched_which_a_killed_bot_does_not_lose(
    impatient: Impatient, telegram: FakeTelegram, owner: Person
) -> None:
    telegram.fail("getFile", 1, slow_s=60)
    async with impatient() as ears:
        owner.send_document("notes.md", b"# Notes", "/projects")
        owner.say("/whoami")
        await ears.take()
        await until(lambda: _was_said(ears, "/whoami"))
        assert await attached(ears) == [[]]

    async with impatient() as ears:
        await ears.listen()
        assert await ears.said(PRIVATE) == ["/whoami", "/projects"]
        assert await attached(ears) == [[], ["notes.md"]]


async def test_many_files_that_hang_delay_a_chat_no_longer_than_one(
    telegram: FakeTelegram, database: Database, live: Live, tmp_path: Path, owner: Person
) -> None:
    telegram.fail("getFile", None, slow_s=60)
    async with open_ears(telegram, database, live, tmp_path, patience_s=1) as ears:
        for number in range(20):
            owner.send_document(f"{number}.txt", b"text", "/projects")
        owner.say("/whoami")
        await ears.take()

        await until(lambda: _was_said(ears, "/whoami"), within_s=10)


async def test_the_words_of_a_file_that_takes_its_time_are_those_of_its_newest_version(
    impatient: Impatient, telegram: FakeTelegram, owner: Person
) -> None:
    telegram.fail("getFile", 1, slow_s=60)
    async with impatient() as ears:
        owner.edit(owner.send_document("notes.md", b"# Notes", "/status helo"), "/status hello")
        owner.say("/whoami")
        _date_back(ears, 60)
        await ears.take()
        # What is said after the edit is heard after it.
        await until(lambda: _was_said(ears, "/whoami"))

    async with impatient() as ears:
        await ears.listen()
        assert await ears.said(PRIVATE) == ["/whoami", "/status hello"]


async def test_what_took_its_time_is_answered_when_it_is_there(
    impatient: Impatient, telegram: FakeTelegram, owner: Person
) -> None:
    for number in range(3):
        owner.send_document(f"{number}.txt", b"text %d" % number, "/projects" if number == 0 else None)
    async with impatient() as ears:
        _make_album(ears)
        owner.send_document("virus.png", b"\x00\x01\x02")
        await ears.listen()

        assert await attached(ears) == [["0.txt", "1.txt", "2.txt"]]
        assert [one for one in await answers(ears) if "virus.png" in one]


async def test_a_file_that_telegram_refuses_is_said_to_and_does_not_fail_its_album(
    ears: Ears, owner: Person
) -> None:
    ears.telegram.fail("getFile", 1, status=400, description="Bad Request: wrong file_id")
    owner.send_document("0.txt", b"text 0", "/projects")
    owner.send_document("1.txt", b"text 1")
    _make_album(ears)
    await ears.listen()

    refusal, *_ = await answers(ears)
    [[kept]] = await attached(ears)
    [refused] = {"0.txt", "1.txt"} - {kept}

    assert refusal == f"I could not fetch {refused} from Telegram. Send it again."
    assert len(ears.telegram.calls("getFile")) == 2


async def test_a_file_that_cannot_be_fetched_in_several_attempts_is_said_so(
    ears: Ears, owner: Person
) -> None:
    ears.telegram.fail("getFile", 3, status=500, description="Internal Server Error")
    owner.send_document("notes.md", b"# Notes", "/projects")
    await ears.listen()

    assert await answers(ears) == ["I could not fetch notes.md from Telegram. Send it again."]
    assert await ears.said(PRIVATE) == []


@pytest.mark.parametrize("captioned", [0, 1, 2])
async def test_an_album_is_one_thing_to_say(ears: Ears, owner: Person, captioned: int) -> None:
    for number in range(3):
        owner.send_document(
            f"{number}.txt", b"text %d" % number, "/projects" if number == captioned else None
        )
    _make_album(ears)
    await ears.listen()
    # What is handled after the others shows that none of them was said by itself.
    owner.say("/whoami")
    await ears.listen()

    assert await ears.said(PRIVATE) == ["/projects", "/whoami"]
    assert await attached(ears) == [["0.txt", "1.txt", "2.txt"], []]


async def test_a_chat_waits_once_for_the_rest_of_an_album_and_not_once_for_each_message(
    impatient: Impatient, owner: Person
) -> None:
    for number in range(20):
        owner.send_document(f"{number}.txt", b"text %d" % number, "/projects" if number == 0 else None)
    owner.say("/whoami")
    async with impatient() as ears:
        _make_album(ears)
        await ears.take()

        # If each message waited it would be ten seconds.
        await until(lambda: _was_said(ears, "/whoami"), within_s=8)
        await ears.listen()
        assert sorted(len(files) for files in await attached(ears)) == [0, 20]


async def test_an_album_that_is_taken_up_again_after_a_crash_is_whole(ears: Ears, owner: Person) -> None:
    for number in range(3):
        owner.send_document(f"{number}.txt", b"text %d" % number, "/projects" if number == 0 else None)
    _make_album(ears)
    updates = await ears.bot.get_updates()
    await ears.reception.take([one for one in updates if one.message and one.message.document])
    # A bot that was killed after it had marked the others, and before it had said them.
    await ears.one(
        """
        UPDATE inbox SET handled_at = now()
         WHERE payload #> '{message,document}' IS NOT NULL AND payload #> '{message,caption}' IS NULL RETURNING 1
        """
    )
    await ears.listen()

    assert await attached(ears) == [["0.txt", "1.txt", "2.txt"]]


@pytest.mark.parametrize("killed", [True, False])
async def test_an_album_that_asks_for_a_topic_stays_whole_when_it_is_taken_up_again(
    impatient: Impatient,
    telegram: FakeTelegram,
    database: Database,
    owner: Person,
    forum: Group,
    killed: bool,
) -> None:
    wish, late = "/new@telewright_bot static-site pages", "/projects@telewright_bot"
    for number in range(3):
        owner.send_document(f"{number}.txt", b"text %d" % number, wish if number == 0 else None, chat=forum)
    async with database.connection() as connection:
        async with impatient(forum.id) as ears:
            _make_album(ears)
            async with connection.transaction():
                # Its topic can be stored, and what it says cannot.
                await connection.execute("LOCK TABLE turns IN EXCLUSIVE MODE")
                await ears.take()
                await until(lambda: ears.one(_HELD_UP), within_s=20)
                if not killed:
                    await connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_HELD_UP}) AS held_up")
            if not killed:
                await ears.listen()
        async with impatient(forum.id) as again:
            again.offset = ears.offset
            await again.listen()
            owner.send_document("3.txt", b"text 3", late, chat=forum)
            _make_album(again)
            await again.listen()

            [topic] = forum.topics
            assert await again.said(f"{forum.id}:{topic.id}") == ["/new static-site pages"]
            assert await attached(again) == [["0.txt", "1.txt", "2.txt"], ["3.txt"]]


async def test_a_forwarded_file_does_not_bring_a_command(ears: Ears, owner: Person, operator: Person) -> None:
    message = operator.send_document("notes.md", b"# Notes", "/new web-service evil")
    owner.forward(message)
    await ears.listen()

    assert await ears.runs(PRIVATE) == []
    assert await ears.said(PRIVATE) == ["Forwarded from Otto: /new web-service evil"]


async def test_a_voice_message_is_politely_not_understood(ears: Ears, owner: Person, group: Group) -> None:
    owner.send_voice()
    owner.send_voice(chat=group)
    await ears.listen()

    [answer] = await answers(ears)

    assert "cannot listen" in answer
    assert not any("listen" in words for words in await ears.words() if words != answer)


async def test_in_a_group_it_is_said_to_whom_something_is_not_understood(
    ears: Ears, owner: Person, group: Group
) -> None:
    ours = await ears.bot.send_message(group.id, "Hello")
    voice = owner.send_voice(chat=group, reply_to=ours.message_id)
    await ears.listen()

    [reply_to] = [
        row.content.reply_to
        for row in await ears.rows()
        if isinstance(row.content, Words) and "cannot listen" in row.content.text
    ]
    assert reply_to == voice.id


async def test_a_file_in_a_group_is_for_us_only_when_it_says_so(
    ears: Ears, owner: Person, group: Group
) -> None:
    owner.send_document("a.txt", b"a", chat=group)
    owner.send_document("b.txt", b"b", "/projects@telewright_bot", chat=group)
    await ears.listen()

    assert await attached(ears) == [["b.txt"]]


_HELD_UP = """
    SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%%INSERT INTO turns%%'
"""
"""Connections that wait to store what was said."""


async def _was_said(ears: Ears, text: str) -> bool:
    return text in await ears.said(PRIVATE)


def _date_back(ears: Ears, seconds: int) -> None:
    for update in ears.telegram.world.updates.pending.values():
        for sent in (update[kind] for kind in ("message", "edited_message") if kind in update):
            sent["date"] -= seconds


def _make_album(ears: Ears) -> None:
    for update in ears.telegram.world.updates.pending.values():
        message: dict[str, Any] = update.get("message", {})
        if "document" in message:
            message["media_group_id"] = base64.b64encode(b"album").decode()
