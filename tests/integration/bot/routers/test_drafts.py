"""Answers that come bit by bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from bot.drafts import Drafts
from bot.outgoing import TEXT_LIMIT, Words
from bot.places import Place
from bot.rendering.text import units
from bot.thinking import thinking
from shared.database import Connection, Database
from tests.fakes.telegram import Group, Person
from tests.integration.bot.routers.ears import OWNER, Ears

GoesOn: TypeAlias = Callable[[Connection], Awaitable[bool]]


class Writer:
    """Says a piece whenever it is told to."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self.closed = False

    def say(self, *pieces: str | None) -> None:
        for piece in pieces:
            self._pieces.put_nowait(piece)

    async def pieces(self) -> AsyncIterator[str]:
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
        finally:
            self.closed = True


@pytest.fixture
async def met(ears: Ears, owner: Person) -> Person:
    """Somebody whom the bot may write to."""
    owner.say("/whoami")
    await ears.listen()
    return owner


async def goes_on(_: Connection) -> bool:
    """Nobody ends it."""
    return True


async def over(_: Connection) -> bool:
    """Its end has been said."""
    return False


def stream(ears: Ears, chat_id: int, writer: Writer, *, goes_on: GoesOn = goes_on) -> asyncio.Task[bool]:
    """Show what a writer says."""
    return asyncio.create_task(
        ears.drafts.stream(Place(chat_id), writer.pieces(), key="log", goes_on=goes_on)
    )


async def test_in_a_private_chat_an_answer_grows_as_a_draft(ears: Ears, met: Person) -> None:
    writer = Writer()
    streaming = stream(ears, OWNER, writer)
    writer.say("One\n")
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"])
    writer.say("two\n")
    await ears.telegram.until(lambda: "two" in ears.telegram.drafts(met)[0]["texts"][-1])
    writer.say(None)

    assert await streaming is False
    assert ears.telegram.drafts(met)[0]["texts"][-1].split() == ["One", "two"]
    assert ears.telegram.drafts(met)[0]["can_stop"]
    assert "log" not in [row.key for row in await ears.rows()]


async def test_the_stop_button_stops_what_is_written(ears: Ears, met: Person) -> None:
    writer = Writer()
    streaming = stream(ears, OWNER, writer)
    writer.say("One\n")
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"])
    met.stop_draft()
    await ears.listen()

    assert await streaming is True
    assert writer.closed


async def test_a_draft_that_would_fade_is_shown_again(ears: Ears, met: Person, database: Database) -> None:
    writer = Writer()
    drafts = Drafts(database, ears.bot, wake_sender=ears.woken.append, draft_every_s=0.01, draft_lasts_s=0.02)
    streaming = asyncio.create_task(drafts.stream(Place(OWNER), writer.pieces(), key="log", goes_on=goes_on))
    writer.say("One\n")
    await ears.telegram.until(lambda: len(ears.telegram.calls("sendMessageDraft")) >= 3)
    writer.say(None)
    await streaming


async def test_elsewhere_a_message_is_edited_within_the_pace(ears: Ears, group: Group) -> None:
    writer = Writer()
    streaming = stream(ears, group.id, writer)
    writer.say("One\n")

    async def grown() -> bool:
        return any(row.key == "log" for row in await ears.rows())

    await ears.telegram.until(grown)  # type: ignore[arg-type]
    writer.say("two\n")

    async def changed() -> bool:
        return (await ears.row("log")).revision > 1

    await ears.telegram.until(changed)  # type: ignore[arg-type]
    writer.say(None)
    await streaming

    row = await ears.row("log")
    assert isinstance(row.content, Words)
    assert (row.content.text.split(), row.solicited) == (["One", "two", "…"], False)
    assert ears.telegram.calls("sendMessageDraft") == []


async def test_nothing_is_shown_once_the_end_has_been_said(ears: Ears, met: Person, group: Group) -> None:
    private, public = Writer(), Writer()
    streaming = [stream(ears, OWNER, private, goes_on=over), stream(ears, group.id, public, goes_on=over)]
    for writer in (private, public):
        writer.say("One\n", "two\n", None)
    await asyncio.gather(*streaming)

    assert ears.telegram.calls("sendMessageDraft") == []
    assert "log" not in [row.key for row in await ears.rows()]


async def test_a_server_without_drafts_gets_edits(ears: Ears, met: Person) -> None:
    ears.telegram.fail("sendMessageDraft", None, missing=True)
    writer = Writer()
    streaming = stream(ears, OWNER, writer)
    writer.say("One\n")
    await ears.telegram.until(lambda: ears.telegram.calls("sendMessageDraft"))
    writer.say("two\n")

    async def stands() -> bool:
        return any("two" in text for text in await ears.words())

    await ears.telegram.until(stands)  # type: ignore[arg-type]
    writer.say(None)
    await streaming


async def test_a_long_answer_stays_within_the_limits_and_shows_its_end(ears: Ears, met: Person) -> None:
    writer = Writer()
    streaming = stream(ears, OWNER, writer)
    writer.say("😀 line\n" * 2000)
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"])
    writer.say("the end\n")
    await ears.telegram.until(lambda: "the end" in ears.telegram.drafts(met)[0]["texts"][-1])
    writer.say(None)
    await streaming

    [shown] = ears.telegram.drafts(met)
    assert all(units(text) <= TEXT_LIMIT for text in shown["texts"])


async def test_hostile_lines_are_only_letters(ears: Ears, met: Person) -> None:
    writer = Writer()
    streaming = stream(ears, OWNER, writer)
    writer.say("\x1b[31mred\x1b[0m \u202egnp.exe\x07\n")
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"])
    writer.say(None)
    await streaming

    assert ears.telegram.drafts(met)[0]["texts"] == ["red gnp.exe"]


async def test_what_goes_wrong_while_it_is_written_is_not_hidden(ears: Ears, met: Person) -> None:
    async def broken() -> AsyncIterator[str]:
        yield "One\n"
        raise LookupError("gone")

    with pytest.raises(LookupError):
        await ears.drafts.stream(Place(OWNER), broken(), key="log", goes_on=goes_on)

    assert not ears.drafts.stop(OWNER, 1)


async def test_typing_is_shown_while_an_answer_takes_its_time_and_not_otherwise(
    ears: Ears, met: Person
) -> None:
    # On a busy machine the greeting took its time as well.
    before = len(ears.telegram.calls("sendChatAction"))
    async with thinking(ears.bot, Place(OWNER), patience_s=60):
        pass
    assert len(ears.telegram.calls("sendChatAction")) == before

    async with thinking(ears.bot, Place(OWNER), patience_s=0.01):
        await ears.telegram.until(lambda: len(ears.telegram.calls("sendChatAction")) > before)


async def test_a_server_that_is_slow_to_show_it_delays_nothing(ears: Ears, met: Person) -> None:
    ears.telegram.fail("sendChatAction", None, slow_s=30)
    loop = asyncio.get_running_loop()
    async with thinking(ears.bot, Place(OWNER), patience_s=0):
        await asyncio.sleep(0.05)
        left = loop.time()

    assert loop.time() - left < 5
