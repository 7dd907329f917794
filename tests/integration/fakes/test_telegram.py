"""The fake Telegram says to a real aiogram bot what Telegram says: messages, edits, buttons, files, topics."""

from __future__ import annotations

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import (
    BotCommand,
    BotCommandScopeChat,
    BufferedInputFile,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputRichBlockList,
    InputRichBlockListItem,
    InputRichBlockParagraph,
    InputRichBlockSectionHeading,
    InputRichMessage,
    MessageEntity,
    ReplyParameters,
    RichTextBold,
)
from aiogram.utils.formatting import Bold, Code, Text, TextLink

from tests.fakes.telegram import FakeTelegram, Person
from tests.fakes.telegram.methods.editing import NOT_MODIFIED
from tests.fakes.telegram.session import bot_for
from tests.fakes.telegram.validation import Mismatch, check_answer, check_update

STRANGER = 99


def buttons(*labels: str) -> InlineKeyboardMarkup:
    row = [InlineKeyboardButton(text=label, callback_data=label.lower()) for label in labels]
    return InlineKeyboardMarkup(inline_keyboard=[row])


# Sending


async def test_a_sent_message_is_in_the_chat_with_its_entities_and_buttons(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    words = Text(
        "👋 ", Bold("Plan"), " for ", Code("shop"), ", see ", TextLink("here", url="https://a.example")
    )
    sent = await bot.send_message(ann.id, **words.as_kwargs(), reply_markup=buttons("Approve", "Reject"))

    message = telegram.last(ann)
    assert (message.id, message.text) == (sent.message_id, "👋 Plan for shop, see here")
    assert message.buttons == [["Approve", "Reject"]]
    assert [(e["type"], e["offset"], e["length"]) for e in message.entities] == [
        ("bold", 3, 4),
        ("code", 12, 4),
        ("text_link", 22, 4),
    ]


async def test_html_and_markdown_become_entities(bot: Bot, ann: Person) -> None:
    sent = await bot.send_message(
        ann.id, "<b>a &lt;<i>b</i></b>\n<pre><code class='language-py'>x</code></pre>", parse_mode="HTML"
    )
    assert sent.text == "a <b\nx"
    assert [(e.type, e.offset, e.length) for e in sent.entities or []] == [
        ("bold", 0, 4),
        ("italic", 3, 1),
        ("pre", 5, 1),
    ]
    sent = await bot.send_message(ann.id, r"*a\.* `b*` [c](https://a.example)", parse_mode="MarkdownV2")
    assert sent.text == "a. b* c"
    assert [e.type for e in sent.entities or []] == ["bold", "code", "text_link"]


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("<b>open", "HTML", "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
        ("<x>y</x>", "HTML", 'can\'t parse entities: Unsupported start tag "x" at byte offset 0'),
        (
            "<b><i>test</b></i>",
            "HTML",
            'can\'t parse entities: Unmatched end tag at byte offset 10, expected "</i>", found "</b>"',
        ),
        ("a.b", "MarkdownV2", "can't parse entities: Character '.' is reserved and must be escaped"),
        ("*open", "MarkdownV2", "can't parse entities: Can't find end of Bold entity at byte offset 0"),
        ("text", "Nonsense", "unsupported parse_mode"),
        ("   ", None, "text must be non-empty"),
        ("😀" * 2049, None, "message is too long"),
    ],
)
async def test_a_text_that_telegram_refuses_is_refused_in_its_words(
    bot: Bot, ann: Person, text: str, mode: str | None, reason: str
) -> None:
    with pytest.raises(TelegramBadRequest) as refused:
        await bot.send_message(ann.id, text, parse_mode=mode)
    assert refused.value.message.startswith(f"Bad Request: {reason}")


@pytest.mark.parametrize(
    ("entity", "reason"),
    [
        (
            {"type": "bold", "offset": 4, "length": 1},
            "entity begins after the end of the text at UTF-16 offset 4",
        ),
        (
            {"type": "bold", "offset": 0, "length": 9},
            "entity beginning at UTF-16 offset 0 ends after the end",
        ),
        ({"type": "bold", "offset": 1, "length": 1}, "entity begins in a middle of a UTF-16 symbol"),
        ({"type": "bold", "offset": -1, "length": 1}, "receive an entity with incorrect offset -1"),
        (
            {"type": "nonsense", "offset": 0, "length": 2},
            "can't parse MessageEntity: Unsupported type specified",
        ),
        (
            {"type": "text_link", "offset": 0, "length": 2, "url": "nowhere"},
            "entity URL 'nowhere' is invalid",
        ),
    ],
)
async def test_an_entity_outside_of_the_text_is_refused(
    bot: Bot, ann: Person, entity: dict[str, object], reason: str
) -> None:
    with pytest.raises(TelegramBadRequest) as refused:
        await bot.send_message(ann.id, "😀ab", entities=[MessageEntity.model_validate(entity)])
    assert reason in refused.value.message


async def test_4096_utf16_units_are_not_too_long(bot: Bot, ann: Person) -> None:
    assert (await bot.send_message(ann.id, "😀" * 2048 + "  ")).text == "😀" * 2048


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ({"text": "a", "callback_data": "ä" * 33}, "BUTTON_DATA_INVALID"),
        (
            {"text": "a"},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"text": "a", "url": "http://localhost:80"},
            "inline keyboard button URL 'http://localhost:80' is invalid: Wrong HTTP URL",
        ),
    ],
)
async def test_a_button_that_telegram_refuses_is_refused(
    bot: Bot, ann: Person, button: dict[str, str], reason: str
) -> None:
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton.model_validate(button)]])
    with pytest.raises(TelegramBadRequest) as refused:
        await bot.send_message(ann.id, "?", reply_markup=keyboard)
    assert refused.value.message == f"Bad Request: {reason}"


async def test_a_forced_reply_is_kept_and_the_answer_replies_to_it(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    asked = await bot.send_message(ann.id, "Why?", reply_markup=ForceReply(input_field_placeholder="Reason"))
    ann.say("Too dear", reply_to=asked.message_id)

    assert telegram.last(ann).markup == {"force_reply": True, "input_field_placeholder": "Reason"}
    answer = (await bot.get_updates())[-1].message
    assert answer is not None
    assert answer.reply_to_message is not None
    assert answer.reply_to_message.message_id == asked.message_id
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_text("Well?", chat_id=ann.id, message_id=asked.message_id)


async def test_a_reply_to_what_is_not_there_is_refused_unless_that_is_allowed(bot: Bot, ann: Person) -> None:
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await bot.send_message(ann.id, "x", reply_parameters=ReplyParameters(message_id=4711))
    sent = await bot.send_message(
        ann.id, "x", reply_parameters=ReplyParameters(message_id=4711, allow_sending_without_reply=True)
    )
    assert sent.reply_to_message is None


async def test_a_rich_message_is_read_as_its_blocks_say(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    item = InputRichBlockListItem(
        blocks=[InputRichBlockParagraph(text=["make ", RichTextBold(text="it")])],
        has_checkbox=True,
        is_checked=True,
    )
    blocks = [InputRichBlockSectionHeading(text="Plan", size=1), InputRichBlockList(items=[item])]
    sent = await bot.send_rich_message(ann.id, InputRichMessage(blocks=blocks))  # type: ignore[arg-type]

    assert sent.rich_message is not None
    assert telegram.last(ann).text == "Plan\n[x] make it"


# Editing and deleting


async def test_an_edit_replaces_text_and_buttons_and_the_history_is_kept(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    sent = await bot.send_message(ann.id, "one", reply_markup=buttons("Stop"))
    edited = await bot.edit_message_text("two", chat_id=ann.id, message_id=sent.message_id)

    message = telegram.last(ann)
    assert (message.text, message.texts, message.buttons) == ("two", ["one", "two"], [])
    assert not isinstance(edited, bool)
    assert edited.edit_date is not None


async def test_edits_are_refused_in_telegrams_words(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    sent = await bot.send_message(ann.id, "one", reply_markup=buttons("Stop"))
    theirs = ann.say("mine").id
    wrong = {
        NOT_MODIFIED: ("one", sent.message_id),
        "message to edit not found": ("two", 4711),
        "message can't be edited": ("two", theirs),
        "MESSAGE_TOO_LONG": ("x" * 4097, sent.message_id),
    }
    for reason, (text, message_id) in wrong.items():
        with pytest.raises(TelegramBadRequest) as refused:
            await bot.edit_message_text(
                text, chat_id=ann.id, message_id=message_id, reply_markup=buttons("Stop")
            )
        assert refused.value.message == f"Bad Request: {reason}"
    await bot.edit_message_reply_markup(chat_id=ann.id, message_id=sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await bot.edit_message_reply_markup(chat_id=ann.id, message_id=sent.message_id)
    assert telegram.last(ann).edits == 1


async def test_a_deleted_message_is_gone_for_edits_and_for_a_second_deletion(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    sent = await bot.send_message(ann.id, "one")
    await bot.delete_message(ann.id, sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(ann.id, sent.message_id)
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await bot.edit_message_text("two", chat_id=ann.id, message_id=sent.message_id)
    assert telegram.messages(ann, by_bot=True) == []


# Buttons


async def test_a_press_reaches_the_bot_and_its_answer_the_person(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    await bot.send_message(ann.id, "Do it?", reply_markup=buttons("Approve", "Reject"))
    press = ann.press(telegram.last(ann), "Approve")
    assert press.answer is None

    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    assert (query.data, query.from_user.id) == ("approve", ann.id)
    await bot.answer_callback_query(query.id, "Not yours", show_alert=True)
    assert press.answer is not None
    assert (press.answer.text, press.answer.show_alert) == ("Not yours", True)
    press.expire()
    with pytest.raises(
        TelegramBadRequest, match="query is too old and response timeout expired or query ID is"
    ):
        await bot.answer_callback_query(query.id)


async def test_a_button_that_an_edit_took_away_may_still_be_on_a_screen(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    sent = await bot.send_message(ann.id, "Do it?", reply_markup=buttons("Approve"))
    await bot.edit_message_text("Done", chat_id=ann.id, message_id=sent.message_id)
    assert ann.press(telegram.last(ann), "Approve").update_id is not None
    with pytest.raises(LookupError):
        ann.press(telegram.last(ann), "Never there")


# Chats


async def test_only_who_has_started_the_bot_can_be_written_to(telegram: FakeTelegram, bot: Bot) -> None:
    bea = telegram.user(12, "Bea")
    for chat_id in (bea.id, STRANGER):
        with pytest.raises(TelegramBadRequest, match="chat not found"):
            await bot.send_message(chat_id, "hello")
    bea.say("/start")
    await bot.send_message(bea.id, "hello")


async def test_a_blocked_bot_is_told_and_may_write_again_after_that(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    ann.block_bot()
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
        await bot.send_message(ann.id, "hello")
    change = (await bot.get_updates())[-1].my_chat_member
    assert change is not None
    assert change.new_chat_member.status == "kicked"
    ann.unblock_bot()
    await bot.send_message(ann.id, "hello")


async def test_a_migrated_group_names_the_new_one(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    group = telegram.group("Team", ann)
    new = group.migrate()
    with pytest.raises(TelegramMigrateToChat) as moved:
        await bot.send_message(group.id, "hello")
    assert moved.value.migrate_to_chat_id == new.id
    await bot.send_message(new.id, "hello")
    told = [u.message for u in await bot.get_updates() if u.message]
    assert (told[-2].migrate_to_chat_id, told[-1].migrate_from_chat_id) == (new.id, group.id)


async def test_a_group_that_is_gone_or_closed_to_the_bot_says_so(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    kicked, deleted, left = (telegram.supergroup(title, ann) for title in ("A", "B", "C"))
    kicked.kick_bot()
    deleted.delete()
    await bot.leave_chat(left.id)
    for group, reason in (
        (kicked, "bot was kicked from the supergroup chat"),
        (deleted, "the group chat was deleted"),
        (left, "bot is not a member of the supergroup chat"),
    ):
        with pytest.raises(TelegramForbiddenError, match=reason):
            await bot.send_message(group.id, "hello")


async def test_message_ids_count_per_account_and_per_supergroup(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    group, forum = telegram.group("Team", ann), telegram.supergroup("Big", ann)
    private, basic = await bot.send_message(ann.id, "a"), await bot.send_message(group.id, "b")
    assert basic.message_id == private.message_id + 1
    assert (await bot.send_message(forum.id, "c")).message_id == 1


async def test_a_chat_and_its_members_can_be_looked_up(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    group = telegram.forum("Team", ann)
    sent = await bot.send_message(group.id, "read me")
    await bot.pin_chat_message(group.id, sent.message_id)
    chat = await bot.get_chat(group.id)
    assert (chat.title, chat.is_forum) == ("Team", True)
    assert chat.pinned_message is not None
    assert (await bot.get_chat_member(group.id, ann.id)).status == "creator"
    assert (await bot.get_chat_member(group.id, bot.id)).status == "administrator"


async def test_commands_in_a_group_are_entities_with_the_bots_name(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    ann.say("/help@telewright_bot me", chat=telegram.group("Team", ann))
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert [(e.type, e.offset, e.length) for e in message.entities or []] == [("bot_command", 0, 20)]


# Topics


async def test_messages_of_a_topic_carry_it_and_the_general_topic_has_none(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    forum = telegram.forum("Team", ann)
    opened = await bot.create_forum_topic(forum.id, "shop")
    ann.say("in general", chat=forum)
    ann.say("in the topic", chat=forum, topic=opened.message_thread_id)
    answer = await bot.send_message(forum.id, "answer", message_thread_id=opened.message_thread_id)

    general, inside = [u.message for u in await bot.get_updates() if u.message][-2:]
    assert (general.message_thread_id, general.is_topic_message) == (None, None)
    assert (inside.message_thread_id, inside.is_topic_message) == (opened.message_thread_id, True)
    assert inside.reply_to_message is not None  # as Telegram has it: the message that opened the topic
    assert inside.reply_to_message.forum_topic_created is not None
    assert answer.is_topic_message
    assert [m.text for m in telegram.messages(forum, opened.message_thread_id)][1:] == [
        "in the topic",
        "answer",
    ]


async def test_a_reply_outside_of_topics_has_a_thread_that_cannot_be_written_to(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    forum = telegram.forum("Team", ann)
    said = await bot.send_message(forum.id, "question")
    ann.say("reply", chat=forum, reply_to=said.message_id)
    reply = (await bot.get_updates())[-1].message
    assert reply is not None
    assert (reply.message_thread_id, reply.is_topic_message) == (said.message_id, None)
    for thread in (reply.message_thread_id, 1, 4711):
        with pytest.raises(TelegramBadRequest, match="message thread not found"):
            await bot.send_message(forum.id, "x", message_thread_id=thread)


async def test_topics_are_renamed_closed_and_deleted(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    forum = telegram.forum("Team", ann)
    topic = forum.topic("shop")
    await bot.edit_forum_topic(forum.id, topic.id, name="store")
    with pytest.raises(TelegramBadRequest, match="TOPIC_NOT_MODIFIED"):
        await bot.edit_forum_topic(forum.id, topic.id, name="store")
    assert [t.name for t in forum.topics] == ["store"]

    forum.promote_bot("member")
    topic.close(by=ann)
    with pytest.raises(TelegramBadRequest, match="TOPIC_CLOSED"):
        await bot.send_message(forum.id, "x", message_thread_id=topic.id)
    topic.delete()
    with pytest.raises(TelegramBadRequest, match="message thread not found"):
        await bot.send_message(forum.id, "x", message_thread_id=topic.id)


async def test_a_private_chat_has_topics_when_the_bot_has_them(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    assert (await bot.me()).has_topics_enabled
    topic = ann.topic("shop")
    ann.say("hello", topic=topic)
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert (message.message_thread_id, message.is_topic_message) == (topic.id, True)
    group = telegram.group("Team", ann)
    with pytest.raises(TelegramBadRequest, match="the chat is not a forum"):
        await bot.create_forum_topic(group.id, "x")


# Drafts


async def test_a_draft_grows_is_stopped_and_goes_when_the_message_comes(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    for text in ("", "Half", "Half a sentence"):
        await bot.send_message_draft(ann.id, 5, text=text, can_stop=True)
    update_id = ann.stop_draft()
    stopped = (await bot.get_updates())[-1]
    assert stopped.update_id == update_id
    assert stopped.stopped_message_generation is not None
    assert stopped.stopped_message_generation.draft_id == 5

    await bot.send_message_draft(ann.id, 6, text="Again")
    assert [draft["shown"] for draft in telegram.drafts(ann)] == [False, True]
    await bot.send_message(ann.id, "Again.")
    assert not any(draft["shown"] for draft in telegram.drafts(ann))
    await bot.send_message_draft(ann.id, 6, text="More")
    assert [draft["shown"] for draft in telegram.drafts(ann)] == [False, True]


async def test_drafts_are_for_private_chats_and_have_a_limit(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    group = telegram.supergroup("Team", ann)
    with pytest.raises(TelegramBadRequest, match="TEXTDRAFT_PEER_INVALID"):
        await bot.send_message_draft(group.id, 5, text="x")
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await bot.send_message_draft(ann.id, 5, text="x" * 4097)


# Files


async def test_documents_travel_both_ways(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    sent = await bot.send_document(ann.id, BufferedInputFile(b"# Plan", "plan.md"), caption="read")
    assert telegram.last(ann).document == ("plan.md", b"# Plan")
    await bot.edit_message_caption(chat_id=ann.id, message_id=sent.message_id, caption="read this")
    assert telegram.last(ann).text == "read this"
    assert sent.document is not None
    await bot.send_document(ann.id, sent.document.file_id)

    ann.send_document("data.csv", b"a,b", "take this")
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert message.document is not None
    assert message.caption == "take this"
    content = await bot.download(message.document)
    assert content is not None
    assert content.read() == b"a,b"


async def test_photos_and_voice_messages_arrive(bot: Bot, ann: Person) -> None:
    ann.send_photo(b"\xff\xd8" * 1000, "look")
    ann.send_voice()
    photo, voice = [u.message for u in (await bot.get_updates())[-2:]]
    assert photo is not None
    assert voice is not None
    assert len(photo.photo or []) == 2
    assert voice.voice is not None
    assert (await bot.get_file(voice.voice.file_id)).file_path == "voice/file_2.ogg"


# Menu, token, methods


async def test_commands_are_kept_per_scope_and_language(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    scope = BotCommandScopeChat(chat_id=ann.id)
    await bot.set_my_commands([BotCommand(command="help", description="What I can do")])
    await bot.set_my_commands([BotCommand(command="users", description="People")], scope, "de")
    assert [c.command for c in await bot.get_my_commands()] == ["help"]
    assert [c.command for c in await bot.get_my_commands(scope, "de")] == ["users"]
    assert await bot.get_my_commands(scope) == []
    await bot.delete_my_commands()
    assert telegram.commands() is None
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(command="Upper", description="x")])


async def test_a_wrong_token_and_an_unknown_method_are_refused(telegram: FakeTelegram, bot: Bot) -> None:
    with pytest.raises(TelegramNotFound):
        await bot.send_dice(1)
    async with bot_for(telegram, token="1:wrong") as stranger:
        with pytest.raises(TelegramUnauthorizedError):
            await stranger.get_me()


def test_what_aiogram_does_not_know_is_a_mismatch() -> None:
    with pytest.raises(Mismatch, match=r"User\.nonsense"):
        check_answer("getme", {"id": 1, "is_bot": True, "first_name": "Bot", "nonsense": 1})
    with pytest.raises(Mismatch):
        check_update({"update_id": 1, "message": {"message_id": 1}})
