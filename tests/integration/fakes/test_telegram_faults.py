"""The fake Telegram fails on demand, keeps its limits, prints conversations, and runs elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psutil
import pytest
import uvloop
from aiogram import Bot
from aiogram.exceptions import (
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import BufferedInputFile, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup

from tests.fakes.telegram import (
    FakeTelegram,
    Person,
    RemoteTelegram,
    Telegram,
    telegram_in_process,
    telegram_in_thread,
)
from tests.fakes.telegram.session import bot_for
from tests.fakes.telegram.validation import Mismatch

# Faults


async def test_a_fault_hits_as_often_as_it_was_asked_to(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    fault = telegram.fail("sendMessage", times=2, status=502, skip=1)
    await bot.send_message(ann.id, "passes")
    for _ in range(2):
        with pytest.raises(TelegramServerError, match="Bad Gateway"):
            await bot.send_message(ann.id, "lost")
    await bot.send_message(ann.id, "passes too")
    assert fault.hits == 2
    assert [m.text for m in telegram.messages(ann, by_bot=True)] == ["passes", "passes too"]


async def test_a_cut_connection_leaves_nothing_and_one_after_the_effect_leaves_it(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    telegram.fail("sendMessage", cut=True)
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(ann.id, "not said")
    telegram.fail("sendMessage", after_effect=True)
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(ann.id, "said")
    telegram.fail("sendMessage", after_effect=True, status=504)
    with pytest.raises(TelegramServerError):
        await bot.send_message(ann.id, "said as well")
    assert [m.text for m in telegram.messages(ann, by_bot=True)] == ["said", "said as well"]


async def test_a_method_can_be_missing_slow_or_too_much(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    missing = telegram.fail("sendMessageDraft", times=None, missing=True)
    for _ in range(3):
        with pytest.raises(TelegramNotFound):
            await bot.send_message_draft(ann.id, 1, text="x")
    missing.cancel()
    await bot.send_message_draft(ann.id, 1, text="x")

    telegram.fail("sendMessage", retry_after=7)
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(ann.id, "x")
    assert flood.value.retry_after == 7

    telegram.fail("sendMessage", slow_s=0.3)
    started = time.monotonic()
    await bot.send_message(ann.id, "x")
    assert time.monotonic() - started >= 0.3


async def test_a_fault_may_be_for_one_chat(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    bea = telegram.user(12, "Bea")
    bea.say("/start")
    telegram.fail(chat=bea, status=500, times=None)
    await bot.send_message(ann.id, "x")
    with pytest.raises(TelegramServerError):
        await bot.send_message(bea.id, "x")


# Limits


async def test_a_chat_gets_a_burst_and_then_a_message_a_second(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    telegram.limit(chat_burst=3)
    for _ in range(3):
        await bot.send_message(ann.id, "x")
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(ann.id, "x")
    assert flood.value.retry_after == 1
    [violation] = telegram.violations
    assert (violation["limit"], violation["chat_id"]) == ("chat", ann.id)


async def test_a_group_gets_20_a_minute_and_all_chats_30_a_second(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    group = telegram.group("Team", ann)
    telegram.limit(chat_burst=100)
    for _ in range(20):
        await bot.send_message(group.id, "x")
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(group.id, "x")
    assert flood.value.retry_after > 50

    telegram.limit(chat_burst=100)
    with pytest.raises(TelegramRetryAfter):
        await asyncio.gather(*(bot.send_message(ann.id, "x") for _ in range(31)))
    assert [v["limit"] for v in telegram.violations] == ["group", "overall"]


async def test_no_limit_holds_until_they_are_switched_on(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    await asyncio.gather(*(bot.send_message(ann.id, "x") for _ in range(40)))
    assert telegram.violations == []


# Waiting


async def test_waiting_in_vain_shows_the_conversation(telegram: FakeTelegram, ann: Person) -> None:
    with pytest.raises(TimeoutError, match="an answer did not come true") as waited:
        await telegram.until(lambda: telegram.last(ann), timeout=0.1, what="an answer")
    assert "Ann (#1): /start" in str(waited.value)


async def test_a_mismatch_is_raised_in_the_test_that_waits(telegram: FakeTelegram) -> None:
    telegram.world.mismatches.append("an answer was wrong")
    with pytest.raises(Mismatch, match="an answer was wrong"):
        await telegram.until(lambda: True)
    telegram.world.mismatches.clear()


async def test_a_bug_of_the_fake_is_raised_in_the_test(telegram: FakeTelegram, bot: Bot) -> None:
    team = telegram.supergroup("Team")
    del telegram.world.me["id"]
    with pytest.raises(TelegramServerError):
        await bot.get_chat_member(team.id, 1)
    with pytest.raises(Mismatch, match="KeyError"):
        telegram.check()
    telegram.world.mismatches.clear()


# Transcript

CONVERSATION = """\
=== Ann ===

Ann: /start
Ann: /new shop
Bot (edited): Planned in N s.
Bot: Do it?
    It takes a while.
    [Approve] [Reject]
    [Read ↗]
Ann presses [Reject]
    (notice to Ann: Why?)
Bot (edited): Rejected by Ann.
Bot (in reply to “Do it?”): What is wrong?
    (asks for a reply: Reason)
Ann (in reply to “What is wrong?”): Too dear
Bot (draft): Let me
Bot: <plan.md, 1.5 KiB>
    Cheaper
Bot (deleted): Never mind
"""


async def test_a_transcript_reads_as_a_conversation(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    keyboard = InlineKeyboardMarkup(
        inline_keyboard=[
            [InlineKeyboardButton(text=t, callback_data=t) for t in ("Approve", "Reject")],
            [InlineKeyboardButton(text="Read", url="https://a.example")],
        ]
    )
    ann.say("/new shop")
    progress = await bot.send_message(ann.id, "Planning …")
    await bot.edit_message_text("Planned in 17 s.", chat_id=ann.id, message_id=progress.message_id)
    question = await bot.send_message(ann.id, "Do it?\nIt takes a while.", reply_markup=keyboard)
    ann.press(telegram.last(ann), "Reject")
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    await bot.answer_callback_query(query.id, "Why?")
    await bot.edit_message_text("Rejected by Ann.", chat_id=ann.id, message_id=question.message_id)
    asked = await bot.send_message(
        ann.id,
        "What is wrong?",
        reply_to_message_id=question.message_id,
        reply_markup=ForceReply(input_field_placeholder="Reason"),
    )
    ann.say("Too dear", reply_to=asked.message_id)
    await bot.send_message_draft(ann.id, 1, text="Let")
    await bot.send_message_draft(ann.id, 1, text="Let me")
    await bot.send_document(ann.id, BufferedInputFile(b"x" * 1536, "plan.md"), caption="Cheaper")
    gone = await bot.send_message(ann.id, "Never mind")
    await bot.delete_message(ann.id, gone.message_id)

    telegram.normalise = lambda text: text.replace("17 s", "N s")
    assert telegram.transcript(ann) == CONVERSATION
    assert "Planning …" in telegram.transcript(ann, edits=True)


async def test_a_topic_has_a_transcript_of_its_own(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    forum = telegram.forum("Team", ann)
    topic = forum.topic("shop")
    ann.say("hello", chat=topic)
    ann.say("elsewhere", chat=forum)
    assert telegram.transcript(topic) == "=== Team, shop ===\n\n— Ann opened the topic “shop”\nAnn: hello\n"
    assert "[shop] Ann: hello\nAnn: elsewhere\n" in telegram.transcript(forum)


# Elsewhere


@pytest.fixture(params=["thread", "process"])
def remote(request: pytest.FixtureRequest) -> Iterator[RemoteTelegram]:
    starts = {"thread": telegram_in_thread(), "process": telegram_in_process(validate=True)}
    with starts[request.param] as remote:
        yield remote


async def test_it_is_the_same_in_a_thread_and_in_a_process(remote: RemoteTelegram) -> None:
    ann = remote.user(11, "Ann")
    async with bot_for(remote) as bot:
        ann.send_document("a.txt", b"abc", "take this")
        [update] = await bot.get_updates(timeout=5)
        assert update.message is not None
        keyboard = InlineKeyboardMarkup(
            inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="y")]]
        )
        answering = asyncio.create_task(bot.send_message(ann.id, "Really?", reply_markup=keyboard))
        question = await remote.until(lambda: remote.find(ann, "Really?"))
        await answering
        press = ann.press(question, "Yes")
        [pressed] = await bot.get_updates(offset=update.update_id + 1)
        assert pressed.callback_query is not None
        await bot.answer_callback_query(pressed.callback_query.id, "Fine")
    assert press.answer is not None
    assert press.answer.text == "Fine"
    assert remote.transcript(ann).count("Ann") == 4
    assert [call["method"] for call in remote.calls()] == ["sendmessage", "answercallbackquery"]
    with pytest.raises(LookupError):
        remote.find(ann, "never said")
    assert isinstance(remote, Telegram)


def test_the_process_answers_enough_requests_for_a_load_test() -> None:
    times = 500
    with telegram_in_process() as remote:
        server = psutil.Process(remote.pid)
        before = server.cpu_times()
        uvloop.run(_ask_often(remote, times))
        after = server.cpu_times()
    # The server's own time, since other programs may have the rest: a thousand a second on one core.
    assert (after.user + after.system - before.user - before.system) / times < 0.001


async def _ask_often(remote: RemoteTelegram, times: int) -> None:
    remote.user(11, "Ann").say("/start")
    async with bot_for(remote) as bot:
        await asyncio.gather(*(bot.send_message(11, str(number)) for number in range(times)))
