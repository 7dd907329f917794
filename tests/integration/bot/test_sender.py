"""The sender against the fake Telegram: what stands in the chats is what the outbox says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiogram.types import InputRichMessage, MessageEntity

from bot import chats, known_topics, outbox
from bot.outbox import RowStatus
from bot.outgoing import Button, Document, Toast, Words
from bot.pace import Limit, Limits
from bot.places import FRONT
from bot.texts import NOT_TAKEN
from graph.conversation.replies import CommandChoice
from shared.database import Database
from shared.ids import UserId
from shared.ledger import groups, sessions, users
from shared.ledger.users import Role
from tests.engine import until
from tests.fakes.telegram import FakeTelegram, Message, Person
from tests.sending import BRISK, next_token, place, speaking


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=5) as database:
        yield database


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
def ann(telegram: FakeTelegram) -> Person:
    return writer(telegram, 1)


def writer(telegram: FakeTelegram, number: int) -> Person:
    """Somebody the bot may write to."""
    person = telegram.user(number, f"Person {number}")
    person.say("hello")
    return person


def choice(label: str) -> Button:
    return Button(text=label, choice=CommandChoice(label=label, command=f"/{label.lower()}"))


QUESTION = Words(text="Shall I?", buttons=[[choice("Approve"), choice("Reject")]])


def said(telegram: FakeTelegram, chat: Person) -> list[str]:
    return [message.text for message in telegram.messages(chat, by_bot=True)]


class TestSending:
    async def test_messages_of_a_chat_come_in_the_order_of_their_rows(
        self, database: Database, telegram: FakeTelegram
    ) -> None:
        people = [writer(telegram, number) for number in range(1, 4)]
        async with speaking(database, telegram) as speaker:
            keys = [await speaker.put(person, f"message {n}") for n in range(10) for person in people]
            rows = await speaker.settled(*keys)
        for person in people:
            messages = telegram.messages(person, by_bot=True)
            assert [message.text for message in messages] == [f"message {n}" for n in range(10)]
            assert [message.id for message in messages] == [
                row.message_id for row in rows if row.chat_id == person.id
            ]

    async def test_the_same_key_is_said_once(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.put(ann, "once", key="turn:1")
            await speaker.put(ann, "twice", key="turn:1")
            await speaker.settled("turn:1", await speaker.put(ann, "after"))
        assert said(telegram, ann) == ["once", "after"]

    async def test_what_was_written_before_the_start_is_sent_without_a_wake_up(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram, running=False) as early:
            key = await early.put(ann, "from before")
        async with speaking(database, telegram) as speaker:
            await speaker.settled(key)
        assert said(telegram, ann) == ["from before"]

    async def test_a_slow_chat_does_not_hold_up_another(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob = writer(telegram, 2)
        telegram.fail("sendMessage", chat=ann, slow_s=3)
        async with speaking(database, telegram) as speaker:
            keys = [await speaker.put(ann, "slow"), await speaker.put(bob, "quick")]
            slow, quick = await speaker.settled(*keys)
        assert slow.sent_at is not None
        assert quick.sent_at is not None
        assert quick.sent_at < slow.sent_at

    async def test_entities_buttons_prompts_replies_and_files_arrive(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        asked = ann.say("what now?")
        async with speaking(database, telegram) as speaker:
            await speaker.put(
                ann,
                Words(
                    text="bold", entities=[MessageEntity(type="bold", offset=0, length=4)], reply_to=asked.id
                ),
            )
            await speaker.put(ann, Words(text="why?", prompt="Say " + "why " * 40))
            await speaker.put(ann, QUESTION)
            last = await speaker.put(ann, Document(name="plan.md", content="# Plan ✓", caption="the plan"))
            await speaker.settled(last)
        bold, prompt, question, file = telegram.messages(ann, by_bot=True)
        assert bold.entities[0]["type"] == "bold"
        assert bold.reply_to is not None
        assert bold.reply_to.id == asked.id
        assert prompt.markup is not None
        assert prompt.markup["force_reply"]
        assert len(prompt.markup["input_field_placeholder"]) <= 64
        assert question.buttons == [["Approve", "Reject"]]
        assert file.document == ("plan.md", "# Plan ✓".encode())
        assert file.text == "the plan"

    async def test_a_button_means_what_its_row_says(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION, key="question"))
            data = telegram.last(ann).keyboard[0][1]["callback_data"]
            async with database.connection() as connection:
                found = await outbox.choice_of(connection, data)
                assert await outbox.choice_of(connection, "none of ours") is None
                row = await outbox.of_message(connection, ann.id, telegram.last(ann).id)
        assert found is not None
        assert row is not None
        assert found[0] == CommandChoice(label="Reject", command="/reject")
        assert found[1].key == row.key == "question"

    async def test_who_presses_a_button_is_told(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION))
            press = ann.press(telegram.last(ann), "Approve")
            await speaker.settled(
                await speaker.put(ann, Toast(query_id=press.query_id, text="Only the owner may.", alert=True))
            )
        assert press.answer is not None
        assert press.answer.text == "Only the owner may."
        assert press.answer.show_alert


class TestEditing:
    async def test_only_the_newest_content_is_sent(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, "step 1", key="progress:1", solicited=False)
            await speaker.settled("progress:1")
            telegram.fail("editMessageText", slow_s=0.5)
            for step in range(2, 30):
                await speaker.stand(ann, f"step {step}", key="progress:1", solicited=False)
            await speaker.settled("progress:1")
        (message,) = telegram.messages(ann, by_bot=True)
        assert message.text == "step 29"
        assert message.edits < 10

    async def test_a_question_that_is_decided_loses_its_buttons_and_others_keep_their_ids(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, QUESTION, key="q")
            await speaker.settled("q")
            before = telegram.last(ann).keyboard[0]
            fewer = Words(text="Shall I? Then say so.", buttons=[[choice("Reject")]])
            assert await speaker.stand(ann, fewer, key="q")
            assert not await speaker.stand(ann, fewer, key="q")
            await speaker.settled("q")
            assert telegram.last(ann).keyboard[0][0]["callback_data"] == before[1]["callback_data"]
            await speaker.stand(ann, "Rejected by Ann.", key="q")
            await speaker.settled("q")
            assert telegram.last(ann).keyboard == []
            async with database.connection() as connection:
                assert await outbox.choice_of(connection, before[0]["callback_data"]) is not None

    async def test_not_modified_counts_as_done(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, "as it is", key="k")
            await speaker.settled("k")
            telegram.fail("editMessageText", after_effect=True)
            await speaker.stand(ann, "changed", key="k")
            (row,) = await speaker.settled("k")
        assert row.error is None
        assert said(telegram, ann) == ["changed"]
        assert "not modified" in telegram.calls("editMessageText")[-1]["error"]

    @pytest.mark.parametrize("reason", ["message to edit not found", "message can't be edited"])
    async def test_a_final_state_that_cannot_be_edited_in_is_said_anew(
        self, database: Database, telegram: FakeTelegram, ann: Person, reason: str
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, QUESTION, key="q")
            (before,) = await speaker.settled("q")
            telegram.fail("editMessageText", status=400, description=f"Bad Request: {reason}")
            await speaker.stand(ann, "Approved by Ann.", key="q")
            (after,) = await speaker.settled("q")
        assert said(telegram, ann) == ["Shall I?", "Approved by Ann."]
        assert after.message_id == telegram.last(ann).id != before.message_id

    async def test_progress_that_cannot_be_edited_is_said_anew_only_if_nothing_later_speaks_of_the_run(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            for run in (1, 2):
                await speaker.stand(ann, f"run {run} begins", key=f"progress:{run}", run_number=run)
            await speaker.put(ann, "run 1 has ended", run_number=1)
            await speaker.settled("progress:1", "progress:2", "row:1")
            gone = "Bad Request: message to edit not found"
            telegram.fail("editMessageText", status=400, description=gone, times=2)
            for run in (1, 2):
                await speaker.stand(ann, f"run {run} goes on", key=f"progress:{run}", run_number=run)
            await speaker.settled("progress:1", "progress:2")
        assert said(telegram, ann) == ["run 1 begins", "run 2 begins", "run 1 has ended", "run 2 goes on"]

    async def test_a_file_keeps_its_content_and_gets_another_caption(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, Document(name="a.txt", content="text", caption="draft"), key="f")
            await speaker.settled("f")
            await speaker.stand(ann, Document(name="a.txt", content="text", caption="final"), key="f")
            await speaker.settled("f")
        assert said(telegram, ann) == ["final"]


class TestUnknownEnds:
    @pytest.mark.parametrize("content", [Words(text="plain"), QUESTION, Document(name="f", content="text")])
    async def test_a_message_whose_answer_was_cut_off_is_found_and_not_sent_again(
        self, database: Database, telegram: FakeTelegram, ann: Person, content: Words | Document
    ) -> None:
        bob = writer(telegram, 2)
        telegram.fail("sendMessage", after_effect=True)
        telegram.fail("sendDocument", after_effect=True)
        async with speaking(database, telegram) as speaker:
            key = await speaker.put(ann, content)
            await until(lambda: _true(telegram.messages(ann, by_bot=True)))
            # People go on writing: their messages take the next ids.
            bob.say("something")
            ann.say("something else")
            (row,) = await speaker.settled(key, within_s=30)
        (message,) = telegram.messages(ann, by_bot=True)
        assert row.message_id == message.id

    async def test_what_is_not_known_stays_so_while_telegram_gives_no_answer(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", after_effect=True)
        telegram.fail("editMessageReplyMarkup", retry_after=1)
        telegram.fail("editMessageReplyMarkup", status=502)
        telegram.fail("editMessageReplyMarkup", cut=True)
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION), within_s=40)
        assert said(telegram, ann) == ["Shall I?"]
        assert len(telegram.calls("sendMessage")) == 1

    async def test_a_telegram_that_cannot_be_reached_is_waited_for_without_doubt(
        self, database: Database, ann: Person, telegram: FakeTelegram
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await telegram.stop()
            key = await speaker.put(ann, "when you are back")
            await until(lambda: _was_tried(database, key))
            again = FakeTelegram(token=telegram.token, port=int(telegram.url.rpartition(":")[2]))
            writer(again, 1)
            async with again:
                await speaker.settled(key)
                assert said(again, ann) == ["when you are back"]
                assert again.calls("editMessageReplyMarkup") == []

    async def test_a_message_that_never_arrived_is_sent_again(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", cut=True, times=2)
        async with speaking(database, telegram) as speaker:
            first = await speaker.put(ann, "first")
            second = await speaker.put(ann, "second")
            await speaker.settled(first, second, within_s=30)
        assert said(telegram, ann) == ["first", "second"]

    async def test_the_questions_about_a_lost_call_count_among_all_calls(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", cut=True)
        async with speaking(database, telegram, limits=replace(BRISK, overall=Limit(6, 1.0))) as speaker:
            await speaker.settled(await speaker.put(ann, "where is it?"), within_s=30)
        asked = [call["at"] for call in telegram.calls("editMessageReplyMarkup")]
        assert len(asked) == 12
        assert all(late - early > 0.9 for early, late in zip(asked, asked[6:], strict=False))

    async def test_a_proxy_that_finds_nothing_is_outlasted(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", missing=True, times=4)
        telegram.fail("editMessageText", missing=True)
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, "one", key="it")
            await speaker.settled("it", within_s=30)
            await speaker.stand(ann, "two", key="it")
            rows = await speaker.settled("it", within_s=30)
        assert (rows[0].status, rows[0].error) == (RowStatus.SENT, None)
        assert said(telegram, ann) == ["two"]

    async def test_errors_of_the_server_are_outlasted(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", status=502)
        telegram.fail("sendMessage", status=500, skip=1, after_effect=True)
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, "after all"), within_s=30)
        assert said(telegram, ann) == ["after all"]

    async def test_the_next_speaker_finds_what_the_last_one_had_just_sent(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram, running=False) as dead:
            key = await dead.put(ann, QUESTION)
            async with database.transaction() as tx:
                await tx.execute("UPDATE outbox SET status = 'sending', due_at = clock_timestamp()")
        row = await dead.row(key)
        markup = [
            [{"text": button.text, "callback_data": button.id} for button in line]
            for line in row.content.buttons  # type: ignore[union-attr]
        ]
        sent = Message(telegram, ann.id, await _post(telegram, ann, "Shall I?", markup))
        ann.say("are you there?")
        async with speaking(database, telegram) as speaker:
            (row,) = await speaker.settled(key)
        assert row.message_id == sent.id
        assert said(telegram, ann) == ["Shall I?"]

    async def test_what_a_press_is_told_too_late_is_said_in_the_chat(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION))
            press = ann.press(telegram.last(ann), "Approve")
            press.expire()
            key = await speaker.put(ann, Toast(query_id=press.query_id, text="The time to decide is over."))
            await speaker.settled(key, f"late:{key}")
        assert said(telegram, ann) == ["Shall I?", "The time to decide is over."]

    async def test_toasts_are_never_repeated(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION))
            press = ann.press(telegram.last(ann), "Approve")
            telegram.fail("answerCallbackQuery", after_effect=True)
            (row,) = await speaker.settled(
                await speaker.put(ann, Toast(query_id=press.query_id, text="Done"))
            )
        assert row.status is RowStatus.DROPPED
        assert len(press.answers) == 1


class TestRefusals:
    async def test_a_chat_waits_as_long_as_telegram_says_and_others_do_not(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob = writer(telegram, 2)
        telegram.fail("sendMessage", chat=ann, retry_after=2)
        async with speaking(database, telegram) as speaker:
            started = asyncio.get_running_loop().time()
            late = [await speaker.put(ann, "one"), await speaker.put(ann, "two")]
            await speaker.settled(await speaker.put(bob, "quick"))
            assert asyncio.get_running_loop().time() - started < 1.5
            async with database.connection() as connection:
                await until(lambda: _is_paused(database, ann.id))
                paused = await chats.pauses(connection)
            assert 0 < paused[ann.id] <= 2
            await speaker.settled(*late)
            assert asyncio.get_running_loop().time() - started >= 2
        assert said(telegram, ann) == ["one", "two"]

    async def test_who_is_held_back_is_held_back_by_the_next_speaker_too(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with database.transaction() as tx:
            await chats.paused(tx, ann.id, 1.5)
        async with speaking(database, telegram) as speaker:
            started = asyncio.get_running_loop().time()
            await speaker.settled(await speaker.put(ann, "later"))
            assert asyncio.get_running_loop().time() - started >= 1.2

    async def test_a_press_is_answered_while_messages_have_to_wait(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION))
            press = ann.press(telegram.last(ann), "Approve")
            telegram.fail("sendMessage", retry_after=3)
            waiting = await speaker.put(ann, "waits")
            await until(lambda: _is_paused(database, ann.id))
            await speaker.settled(await speaker.put(ann, Toast(query_id=press.query_id, text="Done")))
            assert (await speaker.row(waiting)).status is RowStatus.PENDING
        assert press.answer is not None

    async def test_refused_markup_is_sent_as_plain_text(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", status=400, description="Bad Request: can't parse entities")
        bold = Words(text="bold", entities=[MessageEntity(type="bold", offset=0, length=4)])
        async with speaking(database, telegram) as speaker:
            (row,) = await speaker.settled(await speaker.put(ann, bold))
        assert said(telegram, ann) == ["bold"]
        assert telegram.last(ann).entities == []
        assert row.error is not None
        assert "parse" in row.error

    async def test_a_server_without_rich_messages_is_asked_once(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendRichMessage", times=None, missing=True)
        rich = Words(text="table", rich=InputRichMessage(html="<b>table</b>"))
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, rich), await speaker.put(ann, rich))
        assert said(telegram, ann) == ["table", "table"]
        assert len(telegram.calls("sendRichMessage")) == 1

    async def test_what_nothing_helps_leaves_a_notice_with_its_buttons(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", times=2, status=400, description="Bad Request: WHATEVER_INVALID")
        async with speaking(database, telegram) as speaker:
            (row,) = await speaker.settled(await speaker.put(ann, QUESTION))
        assert said(telegram, ann) == [NOT_TAKEN]
        assert telegram.last(ann).buttons == [["Approve", "Reject"]]
        assert row.error is not None
        assert "WHATEVER_INVALID" in row.error

    async def test_what_is_refused_for_ever_is_dropped_with_its_reason_and_holds_up_nobody(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", times=3, status=400, description="Bad Request: WHATEVER_INVALID")
        async with speaking(database, telegram) as speaker:
            refused = await speaker.put(ann, "refused")
            (row, _) = await speaker.settled(refused, await speaker.put(ann, "next"))
        assert row.status is RowStatus.DROPPED
        assert row.error is not None
        assert said(telegram, ann) == ["next"]

    async def test_an_address_that_telegram_does_not_open_costs_only_its_button(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail(
            "sendMessage",
            status=400,
            description="Bad Request: inline keyboard button URL is invalid: Wrong HTTP URL",
        )
        words = Words(
            text="Open it", buttons=[[Button(text="Open", url="http://localhost:1")], [choice("Approve")]]
        )
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, words))
        assert said(telegram, ann) == ["Open it"]
        assert telegram.last(ann).buttons == [["Approve"]]

    async def test_a_message_that_is_answered_may_be_gone(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, Words(text="answer", reply_to=999)))
        assert said(telegram, ann) == ["answer"]
        assert telegram.last(ann).reply_to is None

    async def test_a_press_that_is_too_old_is_let_go(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, QUESTION))
            press = ann.press(telegram.last(ann), "Approve")
            press.expire()
            (row,) = await speaker.settled(
                await speaker.put(ann, Toast(query_id=press.query_id, text="Done"))
            )
        assert row.status is RowStatus.DROPPED

    async def test_what_cannot_be_read_waits_for_a_speaker_who_can_and_silences_nobody(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.stand(ann, "it stands", key="standing")
            await speaker.settled("standing")
        async with speaking(database, telegram, running=False) as early:
            await early.put(ann, "from another version", key="new")
            await early.stand(ann, "changed by another version", key="standing")
            await _rewrite(database, "hologram")
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(ann, "goes on", key="next"))
            # An edit is looked at after what is new.
            await until(
                lambda: _stand_as(
                    database, ("sent", "it cannot be read"), ("pending", "it cannot be read"), ("sent", None)
                )
            )
        assert said(telegram, ann) == ["it stands", "goes on"]

        await _rewrite(database, "words")
        async with speaking(database, telegram) as speaker:
            await speaker.settled("standing", "new")
        assert said(telegram, ann) == ["changed by another version", "goes on", "from another version"]

    async def test_what_cannot_be_read_and_nobody_knows_the_end_of_is_found_by_who_can(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as speaker:
            await speaker.settled(
                await speaker.put(ann, "before"), await speaker.put(ann, "sent", key="sent")
            )
            async with database.transaction() as tx:
                await tx.execute(
                    "UPDATE outbox SET status = 'sending', message_id = NULL, due_at = now() WHERE key = 'sent'"
                )
        await _rewrite(database, "hologram")
        async with speaking(database, telegram):
            await until(lambda: _is_aside(database, "sent"))
        await _rewrite(database, "words")
        async with speaking(database, telegram) as speaker:
            await speaker.settled("sent")
        assert said(telegram, ann) == ["before", "sent"]


class TestChats:
    async def test_what_matters_waits_for_somebody_who_blocked_the_bot(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        ann.block_bot()
        async with speaking(database, telegram) as speaker:
            result = await speaker.put(ann, "It is done.", solicited=False)
            await until(lambda: _is(database, ann.id, "blocked"))
            await speaker.put(ann, "one more", solicited=False)
            await speaker.stand(ann, "step 1", key="progress:1", solicited=False)
            (progress,) = await speaker.settled("progress:1")
            assert progress.status is RowStatus.DROPPED
            assert (await speaker.row(result)).due_at is None
            ann.unblock_bot()
            async with database.transaction() as tx:
                await chats.opened(tx, ann.id)
            speaker.sender.wake(ann.id)
            await speaker.settled(result, "row:2")
            await speaker.stand(ann, "step 2", key="progress:1", solicited=False)
            await speaker.settled("progress:1")
        assert said(telegram, ann) == ["It is done.", "one more", "step 2"]

    async def test_a_chat_that_is_gone_takes_its_rows_with_it(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        group = telegram.supergroup("Team", ann)
        group.kick_bot()
        async with speaking(database, telegram) as speaker:
            rows = await speaker.settled(await speaker.put(group, "one"), await speaker.put(group, "two"))
            later = await speaker.settled(await speaker.put(group, "three"))
        assert [row.status for row in rows + later] == [RowStatus.DROPPED] * 3
        assert all(row.error for row in rows + later)

    async def test_a_group_that_becomes_a_supergroup_is_followed(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        group = telegram.group("Team", ann)
        async with database.transaction() as tx:
            await users.ensure(tx, UserId("telegram:1"), name="Ann", role=Role.OWNER)
            await sessions.ensure(
                tx, front=FRONT, external_key=f"{group.id}:0", owner_id=UserId("telegram:1")
            )
            await groups.let_in(tx, group.id, by=UserId("telegram:1"))
        async with speaking(database, telegram, groups_in_settings=[]) as speaker:
            await speaker.stand(group, QUESTION, key="q")
            await speaker.settled("q")
            moved = group.migrate()
            key = await speaker.put(group, "after the move")
            await speaker.stand(group, "Approved.", key="q")
            await speaker.settled(key, "q")
            late = await speaker.put(group, "and later")
            rows = await speaker.settled(late)
        assert rows[0].chat_id == moved.id
        texts = {message.text for message in telegram.messages(moved, by_bot=True)}
        assert texts == {"after the move", "Approved.", "and later"}
        async with database.connection() as connection:
            cursor = await connection.execute("SELECT external_key FROM sessions")
            assert await cursor.fetchone() == (f"{moved.id}:0",)

    async def test_what_was_for_a_deleted_topic_goes_to_the_chat(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        forum = telegram.forum("Team", ann)
        topic = forum.topic("work")
        async with speaking(database, telegram) as speaker:
            await speaker.settled(await speaker.put(topic, "in the topic"))
            topic.delete()
            await speaker.settled(await speaker.put(topic, "one"), await speaker.put(topic, "two"))
            await speaker.settled(await speaker.put(topic, "three"))
        assert [(m.text, m.topic) for m in telegram.messages(forum, by_bot=True)][-3:] == [
            ("one", None),
            ("two", None),
            ("three", None),
        ]
        async with database.connection() as connection:
            row = await known_topics.get(connection, forum.id, topic.id)
        assert row is not None
        assert row.gone_at is not None


class TestStrangers:
    async def test_whoever_is_let_go_in_the_middle_of_a_run_is_told_nothing_more_until_they_are_let_in_again(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob, annes = writer(telegram, 2), UserId(f"{FRONT}:1")
        async with database.transaction() as tx:
            await users.let_in(tx, annes, name="Ann", role=Role.OPERATOR)
        async with speaking(database, telegram, groups_in_settings=[]) as speaker:
            await speaker.stand(ann, "step 1", key="progress:run")
            await speaker.settled("progress:run")
            async with database.transaction() as tx:
                await outbox.put(tx, key="written", place=place(ann), content=Words(text="x"), solicited=True)
                await users.let_in(tx, UserId(f"{FRONT}:3"), name="Olga", role=Role.OWNER)
                await users.let_go(tx, annes)
            await speaker.stand(ann, "step 2", key="progress:run")
            await speaker.put(ann, "the plan", key="plan", solicited=False)
            rows = await speaker.settled(
                "written", "plan", "progress:run", await speaker.put(bob, "others go on")
            )
            shown_to_stranger = said(telegram, ann)

            async with database.transaction() as tx:
                await users.let_in(tx, annes, name="Ann", role=Role.OPERATOR)
            await speaker.stand(ann, "step 3", key="progress:run")
            await speaker.settled("progress:run", await speaker.put(ann, "the result", solicited=False))

        assert [(row.status, row.error) for row in rows] == [
            (RowStatus.DROPPED, "nobody is let in there any more"),
            (RowStatus.DROPPED, "nobody is let in there any more"),
            (RowStatus.SENT, "nobody is let in there any more"),
            (RowStatus.SENT, None),
        ]
        assert (shown_to_stranger, said(telegram, bob)) == (["step 1"], ["others go on"])
        assert said(telegram, ann) == ["step 3", "the result"]

    async def test_a_group_is_told_things_as_long_as_an_owner_or_the_settings_let_it_in(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        team, set_, strange = (telegram.supergroup(name, ann) for name in ("Team", "Set", "Strange"))
        by = UserId(f"{FRONT}:1")
        async with database.transaction() as tx:
            await users.let_in(tx, by, name="Ann", role=Role.OWNER)
            await groups.let_in(tx, team.id, by=by)
        async with speaking(database, telegram, groups_in_settings=[set_.id]) as speaker:
            await speaker.settled(*[await speaker.put(one, "before") for one in (team, set_, strange)])
            async with database.transaction() as tx:
                await groups.let_go(tx, team.id)
            await speaker.settled(*[await speaker.put(one, "between") for one in (team, set_, strange)])
            async with database.transaction() as tx:
                await groups.let_in(tx, team.id, by=by)
            await speaker.settled(*[await speaker.put(one, "after") for one in (team, set_, strange)])

        told = [
            [one.text for one in telegram.messages(group, by_bot=True)] for group in (team, set_, strange)
        ]
        assert told == [["before", "after"], ["before", "between", "after"], []]


class TestPace:
    async def test_what_nobody_asked_for_keeps_within_the_limits(
        self, database: Database, telegram: FakeTelegram
    ) -> None:
        people = [writer(telegram, number) for number in range(1, 31)]
        telegram.limit(True, per_second=10, chat_burst=1)
        limits = Limits(overall=Limit(10, 1.0))
        async with speaking(database, telegram, limits=limits, running=False) as early:
            keys = [await early.put(p, f"{n}", solicited=False) for n in range(2) for p in people]
        async with speaking(database, telegram, limits=limits) as speaker:
            await speaker.settled(*keys, within_s=40)
        assert telegram.violations == []
        assert [said(telegram, person) for person in people] == [["0", "1"]] * 30

    async def test_an_answer_does_not_wait_for_what_nobody_asked_for(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        slow = Limits(chat=Limit(1, 30.0))
        async with speaking(database, telegram, limits=slow) as speaker:
            await speaker.settled(await speaker.put(ann, "result 1", solicited=False))
            await speaker.put(ann, "result 2", solicited=False)
            await speaker.settled(await speaker.put(ann, "answer"))
        assert said(telegram, ann) == ["result 1", "answer"]

    async def test_progress_changes_no_oftener_than_people_read(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        limits = Limits(chat=Limit(100, 1.0), progress=Limit(1, 0.5))
        async with speaking(database, telegram, limits=limits) as speaker:
            started = asyncio.get_running_loop().time()
            for step in range(40):
                await speaker.stand(ann, f"step {step}", key="progress:1", solicited=False)
                await asyncio.sleep(0.03)
            await speaker.settled("progress:1")
            took = asyncio.get_running_loop().time() - started
        assert said(telegram, ann) == ["step 39"]
        assert telegram.last(ann).edits <= took / 0.5 + 1


class TestLease:
    async def test_who_has_lost_the_lease_says_nothing_more_and_stops(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        async with speaking(database, telegram) as old:
            await old.settled(await old.put(ann, "mine"))
            stopped = asyncio.create_task(old.sender.run())
            async with database.transaction() as tx:
                await next_token(tx)
            key = await old.put(ann, "not mine")
            async with asyncio.timeout(10):
                await stopped
            assert (await old.row(key)).status is RowStatus.PENDING
        assert said(telegram, ann) == ["mine"]

    async def test_calls_under_way_are_recorded_when_the_sender_is_told_to_stop(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", slow_s=1)
        async with speaking(database, telegram) as speaker:
            key = await speaker.put(ann, "the last word")
            await until(lambda: _has_status(database, key, "sending"))
        async with speaking(database, telegram, running=False) as after:
            assert (await after.row(key)).message_id == telegram.last(ann).id

    async def test_the_last_word_waits_a_moment_for_a_row_that_somebody_is_changing(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", slow_s=1)
        async with speaking(database, telegram, running=False) as speaker:
            stopping = asyncio.create_task(speaker.sender.run())
            key = await speaker.put(ann, "the last word")
            await until(lambda: _has_status(database, key, "sending"))
            async with database.transaction() as tx:
                await tx.execute("SELECT FROM outbox FOR NO KEY UPDATE")
                stopping.cancel()
                await telegram.until(lambda: said(telegram, ann))
                await asyncio.wait([stopping], timeout=0.3)
            await asyncio.wait([stopping])
            assert (await speaker.row(key)).message_id == telegram.last(ann).id

    async def test_a_row_that_somebody_is_changing_holds_up_no_other_chat(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob = writer(telegram, 2)
        async with speaking(database, telegram, running=False) as early:
            await early.stand(ann, "one", key="k")
        async with database.transaction() as tx:
            await outbox.stand(tx, key="k", place=place(ann), content=Words(text="two"), solicited=True)
            async with speaking(database, telegram) as speaker:
                await speaker.settled(await speaker.put(bob, "not held up"))
        async with speaking(database, telegram) as speaker:
            await speaker.settled("k")
        assert said(telegram, ann) == ["two"]


class TestOutages:
    async def test_what_was_recorded_before_an_outage_is_not_recorded_again_over_what_was_revived(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob = writer(telegram, 2)
        telegram.fail("sendMessage", chat=ann, slow_s=1)
        async with speaking(database, telegram) as speaker:
            key = await speaker.put(ann, "again and again")
            await until(lambda: _has_status(database, key, "sending"))
            async with _outage_of_taking(database, bob.id):
                following = await speaker.put(bob, "after the outage")
                # Recorded by the first statement of a round whose second one fails.
                (row,) = await speaker.settled(key)
                async with database.connection() as connection:
                    await connection.execute(
                        """
                        UPDATE outbox SET status = 'pending', message_id = NULL, sent_revision = 0 WHERE id = %s
                        """,
                        [row.id],
                    )
                # Several rounds go by.
                attempts = await _attempts(database)
                await until(lambda: _has_tried(database, attempts + 2))
                assert (await speaker.row(key)).status is RowStatus.PENDING
            await speaker.settled(key, following)
        assert said(telegram, ann) == ["again and again", "again and again"]
        assert said(telegram, bob) == ["after the outage"]


class TestHandover:
    async def test_a_call_that_ends_when_another_one_speaks_already_is_said_once(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        telegram.fail("sendMessage", slow_s=1.5)
        # One that nobody could find: only who has sent it knows.
        asked = Words(text="Why?", prompt="Say why")
        async with speaking(database, telegram) as old:
            key = await old.put(ann, asked)
            await until(lambda: _has_status(database, key, "sending"))
            async with speaking(database, telegram, handover_s=30) as new:
                (row,) = await new.settled(key)
        assert said(telegram, ann) == ["Why?"]
        assert row.message_id == telegram.last(ann).id

    async def test_a_call_that_does_not_end_is_asked_about_when_it_can_no_longer_be_under_way(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob = writer(telegram, 2)
        async with speaking(database, telegram, running=False) as dead:
            left = await dead.put(ann, QUESTION)
            async with database.transaction() as tx:
                await tx.execute("UPDATE outbox SET status = 'sending', due_at = clock_timestamp()")
        begun = time.monotonic()
        async with speaking(database, telegram, handover_s=2) as speaker:
            keys = [left, await speaker.put(ann, "waits behind it", key="next")]
            keys.append(await speaker.put(bob, "does not wait", key="elsewhere"))
            asked, following, elsewhere = await speaker.settled(*keys)
        assert telegram.calls("editMessageReplyMarkup")[0]["at"] - begun >= 2
        assert said(telegram, ann) == ["Shall I?", "waits behind it"]
        sent = [row.sent_at for row in (elsewhere, asked, following) if row.sent_at is not None]
        assert sent == sorted(sent)

    async def test_who_is_replaced_ends_its_calls_in_all_chats(
        self, database: Database, telegram: FakeTelegram, ann: Person
    ) -> None:
        bob = writer(telegram, 2)
        telegram.fail("sendMessage", chat=ann, slow_s=0.8, retry_after=1)
        telegram.fail("sendMessage", chat=bob, slow_s=2)
        async with speaking(database, telegram) as old:
            keys = [await old.put(person, Words(text="Why?", prompt="Say why")) for person in (ann, bob)]
            for key in keys:
                await until(lambda key=key: _has_status(database, key, "sending"))  # type: ignore[misc]
            async with speaking(database, telegram, handover_s=3) as new:
                rows = await new.settled(*keys)
        assert said(telegram, ann) == said(telegram, bob) == ["Why?"]
        assert rows[1].attempts == 1


@asynccontextmanager
async def _outage_of_taking(database: Database, chat_id: int) -> AsyncIterator[None]:
    """Let the database fail as if it went away, whenever something for a chat is taken."""
    async with database.connection() as connection:
        await connection.execute(
            f"""
            CREATE SEQUENCE tries;
            CREATE FUNCTION go_away() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM nextval('tries');
                RAISE 'the server is shutting down' USING ERRCODE = 'admin_shutdown';
            END $$;
            CREATE TRIGGER going_away BEFORE UPDATE ON outbox FOR EACH ROW
                WHEN (OLD.chat_id = {chat_id} AND NEW.status = 'sending') EXECUTE FUNCTION go_away();
            """
        )
    try:
        yield
    finally:
        async with database.connection() as connection:
            await connection.execute("DROP TRIGGER going_away ON outbox")


async def _attempts(database: Database) -> int:
    """Return how often something was tried in an outage of taking."""
    async with database.connection() as connection:
        row = await (await connection.execute("SELECT last_value FROM tries")).fetchone()
    assert row is not None
    return int(row[0])


async def _has_tried(database: Database, attempts: int) -> bool:
    return await _attempts(database) >= attempts


async def _stand_as(database: Database, *rows: tuple[str, str | None]) -> bool:
    """Whether the rows have these states and errors."""
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT status, error FROM outbox ORDER BY id")
        return await cursor.fetchall() == list(rows)


async def _rewrite(database: Database, kind: str) -> None:
    """Have everything be of a kind that perhaps only another version knows."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE outbox SET content = content || jsonb_build_object('type', %s::text)", [kind]
        )


async def _is_aside(database: Database, key: str) -> bool:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT FROM outbox WHERE key = %s AND due_at = 'infinity'", [key])
        return cursor.rowcount == 1


async def _true(value: object) -> bool:
    return bool(value)


async def _post(
    telegram: FakeTelegram, person: Person, text: str, keyboard: list[list[dict[str, str]]]
) -> int:
    """Send a message as a process that died right after it."""
    from tests.sending import bot_of

    bot = bot_of(telegram)
    message = await bot.send_message(person.id, text, reply_markup={"inline_keyboard": keyboard})  # type: ignore[arg-type]
    await bot.session.close()
    return message.message_id


async def _is_paused(database: Database, chat_id: int) -> bool:
    async with database.connection() as connection:
        return chat_id in await chats.pauses(connection)


async def _is(database: Database, chat_id: int, state: str) -> bool:
    async with database.connection() as connection:
        chat = await chats.get(connection, chat_id)
    return chat is not None and chat.state == state


async def _was_tried(database: Database, key: str) -> bool:
    """Whether a row was taken, and has come back."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT FROM outbox WHERE key = %s AND attempts > 0 AND status = 'pending'", [key]
        )
        return cursor.rowcount == 1


async def _has_status(database: Database, key: str, status: str) -> bool:
    async with database.connection() as connection:
        row = await outbox.of_key(connection, key)
    return row is not None and row.status == status
