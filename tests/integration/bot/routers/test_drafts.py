"""Answers that come bit by bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.outgoing import TEXT_LIMIT, Words
from bot.places import Place
from bot.rendering.text import units
from bot.thinking import thinking
from tests.fakes.telegram import Group, Person
from tests.integration.bot.routers.ears import OWNER, Ears


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


async def test_in_a_private_chat_an_answer_grows_as_a_draft_and_ends_as_a_message(
    ears: Ears, met: Person
) -> None:
    writer = Writer()
    stream = asyncio.create_task(ears.drafts.stream(Place(OWNER), writer.pieces(), key="log"))
    writer.say("One, ")
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"] == ["One,"])
    writer.say("two.")
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"][-1] == "One, two.")
    writer.say(None)

    assert await stream == "One, two."
    row = await ears.row("log")
    assert isinstance(row.content, Words)
    assert (row.content.text, row.revision) == ("One, two.", 1)
    assert ears.telegram.drafts(met)[0]["can_stop"]


async def test_the_stop_button_stops_what_is_written_and_keeps_what_there_is(ears: Ears, met: Person) -> None:
    writer = Writer()
    stream = asyncio.create_task(ears.drafts.stream(Place(OWNER), writer.pieces(), key="log"))
    writer.say("One, ")
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"])
    met.stop_draft()
    await ears.listen()

    assert await stream == "One, … (stopped)"
    assert writer.closed
    assert (await ears.words())[-1] == "One, … (stopped)"


async def test_elsewhere_a_message_is_edited(ears: Ears, group: Group) -> None:
    writer = Writer()
    stream = asyncio.create_task(ears.drafts.stream(Place(group.id), writer.pieces(), key="log"))
    writer.say("One, ")

    async def grown() -> bool:
        return any(row.key == "log" for row in await ears.rows())

    await ears.telegram.until(grown)  # type: ignore[arg-type]
    writer.say("two.", None)
    await stream

    row = await ears.row("log")
    assert isinstance(row.content, Words)
    assert (row.content.text, row.revision > 1) == ("One, two.", True)
    assert ears.telegram.calls("sendMessageDraft") == []


async def test_a_server_without_drafts_gets_edits(ears: Ears, met: Person) -> None:
    ears.telegram.fail("sendMessageDraft", None, missing=True)
    writer = Writer()
    stream = asyncio.create_task(ears.drafts.stream(Place(OWNER), writer.pieces(), key="log"))
    writer.say("One, ")
    await ears.telegram.until(lambda: ears.telegram.calls("sendMessageDraft"))
    writer.say("two.", None)

    assert await stream == "One, two."
    assert (await ears.words())[-1] == "One, two."


async def test_a_long_answer_stays_within_the_limits_and_is_whole_in_the_end(ears: Ears, met: Person) -> None:
    writer = Writer()
    stream = asyncio.create_task(ears.drafts.stream(Place(OWNER), writer.pieces(), key="log"))
    writer.say("😀 line\n" * 2000)
    await ears.telegram.until(lambda: ears.telegram.drafts(met)[0]["texts"])
    writer.say("the end", None)
    await stream

    [shown] = ears.telegram.drafts(met)
    assert all(units(text) <= TEXT_LIMIT for text in shown["texts"])
    assert "the end" in "".join(str(row.content) for row in await ears.rows() if row.key.startswith("log"))


async def test_what_goes_wrong_while_it_is_written_is_not_hidden(ears: Ears, met: Person) -> None:
    async def broken() -> AsyncIterator[str]:
        yield "One, "
        raise LookupError("gone")

    with pytest.raises(LookupError):
        await ears.drafts.stream(Place(OWNER), broken(), key="log")

    assert not ears.drafts.stop(OWNER, 1)


async def test_typing_is_shown_while_an_answer_takes_its_time_and_not_otherwise(
    ears: Ears, met: Person
) -> None:
    async with thinking(ears.bot, Place(OWNER), patience_s=60):
        pass
    assert ears.telegram.calls("sendChatAction") == []

    async with thinking(ears.bot, Place(OWNER), patience_s=0.01):
        await ears.telegram.until(lambda: ears.telegram.calls("sendChatAction"))


async def test_a_server_that_is_slow_to_show_it_delays_nothing(ears: Ears, met: Person) -> None:
    ears.telegram.fail("sendChatAction", None, slow_s=30)
    loop = asyncio.get_running_loop()
    async with thinking(ears.bot, Place(OWNER), patience_s=0):
        await asyncio.sleep(0.05)
        left = loop.time()

    assert loop.time() - left < 5
