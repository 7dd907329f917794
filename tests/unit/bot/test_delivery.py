"""Content as calls: within Telegram's limits, in plainer forms where it has to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramServerError,
)
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageCaption,
    EditMessageText,
    SendDocument,
    SendMessage,
    SendRichMessage,
    TelegramMethod,
)
from aiogram.types import ForceReply, InlineKeyboardMarkup, InputRichMessage, MessageEntity, User
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery import PLACEHOLDER_LIMIT, TOAST_LIMIT, Form, Shape, editing, posting
from bot.outbox import Row, RowStatus
from bot.outgoing import Button, Document, Outgoing, Toast, Words
from bot.refusals import Refusal, never_arrived, refusal_of
from bot.texts import NOT_TAKEN
from graph.conversation.replies import CommandChoice

BOLD = [MessageEntity(type="bold", offset=0, length=2)]
GO = Button(text="Go", choice=CommandChoice(label="Go", command="/go"), id="id")
RICH = Words(text="hi", entities=BOLD, rich=InputRichMessage(html="<b>hi</b>"), buttons=[[GO]], reply_to=7)


def row(content: Outgoing, *, message_id: int | None = None, thread_id: int | None = None) -> Row:
    return Row(
        id=1,
        key="k",
        chat_id=5,
        thread_id=thread_id,
        session_id=None,
        run_number=None,
        approval_id=None,
        content=content,
        solicited=True,
        revision=1,
        sent_revision=0,
        message_id=message_id,
        status=RowStatus.SENDING,
        attempts=1,
        due_at=None,
        error=None,
        created_at=datetime.now(UTC),
        sent_at=None,
    )


def test_every_shape_is_plainer_than_the_one_before() -> None:
    shape: Shape | None = Shape.best(RICH, rich=True)
    calls: list[TelegramMethod[object]] = []
    while shape is not None:
        calls.append(posting(row(RICH), shape))
        shape = shape.plainer()
    rich, formatted, plain, notice = calls
    assert isinstance(rich, SendRichMessage)
    assert isinstance(formatted, SendMessage)
    assert formatted.entities == BOLD
    assert isinstance(plain, SendMessage)
    assert (plain.text, plain.entities) == ("hi", None)
    assert isinstance(notice, SendMessage)
    assert notice.text == NOT_TAKEN
    for call in calls:
        assert isinstance(call, SendRichMessage | SendMessage)
        assert isinstance(call.reply_markup, InlineKeyboardMarkup)
        assert call.reply_parameters is not None
        assert call.reply_parameters.allow_sending_without_reply


def test_a_server_without_rich_messages_gets_text_from_the_start() -> None:
    assert Shape.best(RICH, rich=False).form is Form.FORMATTED
    assert Shape.best(Words(text="x"), rich=True).form is Form.FORMATTED


def test_text_is_never_parsed_and_shows_no_previews() -> None:
    for call in (
        posting(row(Words(text="<b>")), Shape(Form.FORMATTED)),
        editing(row(Words(text="<b>"), message_id=3), Shape(Form.FORMATTED)),
    ):
        assert isinstance(call, SendMessage | EditMessageText)
        assert call.parse_mode is None
        assert call.link_preview_options is not None


def test_an_edit_without_buttons_takes_those_that_stand_there() -> None:
    call = editing(row(Words(text="decided"), message_id=3), Shape(Form.FORMATTED))
    assert isinstance(call, EditMessageText)
    assert call.reply_markup is None


def test_a_document_is_edited_by_its_caption() -> None:
    document = Document(name="a", content="b", caption="c", entities=BOLD)
    sent, edited = (
        posting(row(document, thread_id=9), Shape(Form.FORMATTED)),
        editing(row(document, message_id=3), Shape(Form.PLAIN)),
    )
    assert isinstance(sent, SendDocument)
    assert sent.message_thread_id == 9
    assert sent.caption_entities == BOLD
    assert isinstance(edited, EditMessageCaption)
    assert (edited.caption, edited.caption_entities) == ("c", None)


@given(st.text(min_size=1))
def test_placeholders_and_toasts_stay_within_their_limits(text: str) -> None:
    asked = posting(row(Words(text="why?", prompt=text)), Shape(Form.FORMATTED))
    assert isinstance(asked, SendMessage)
    assert isinstance(asked.reply_markup, ForceReply)
    assert _units(asked.reply_markup.input_field_placeholder) <= PLACEHOLDER_LIMIT
    toast = posting(row(Toast(query_id="q", text=text)), Shape(Form.FORMATTED))
    assert isinstance(toast, AnswerCallbackQuery)
    assert _units(toast.text) <= TOAST_LIMIT


def test_a_prompt_is_selective_only_where_it_addresses_somebody() -> None:
    named = [
        MessageEntity(type="text_mention", offset=0, length=1, user=User(id=7, is_bot=False, first_name="A"))
    ]

    def selective(words: Words, shape: Shape) -> bool | None:
        asked = posting(row(words), shape)
        assert isinstance(asked, SendMessage)
        assert isinstance(asked.reply_markup, ForceReply)
        return asked.reply_markup.selective

    by_name = Words(text="A?", entities=named, prompt="why")
    by_reply = Words(text="A?", reply_to=3, prompt="why")
    assert selective(by_name, Shape(Form.FORMATTED))
    assert not selective(by_name, Shape(Form.PLAIN))
    assert selective(by_reply, Shape(Form.PLAIN))
    assert not selective(by_reply, Shape(Form.PLAIN, reply=False))


def _units(text: str | None) -> int:
    return len((text or "").encode("utf-16-le", "replace")) // 2


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (TelegramBadRequest, ("Bad Request: message is not modified: specified new", Refusal.NOT_MODIFIED)),
        (TelegramBadRequest, ("Bad Request: message to edit not found", Refusal.MESSAGE_LOST)),
        (TelegramBadRequest, ("Bad Request: message can't be edited", Refusal.MESSAGE_LOST)),
        (TelegramBadRequest, ("Bad Request: chat not found", Refusal.CHAT_GONE)),
        (TelegramBadRequest, ("Bad Request: message thread not found", Refusal.TOPIC_GONE)),
        (TelegramBadRequest, ("Bad Request: not enough rights to send text messages", Refusal.CHAT_BLOCKED)),
        (TelegramBadRequest, ("Bad Request: message to be replied not found", Refusal.REPLY_GONE)),
        (TelegramBadRequest, ("Bad Request: BUTTON_URL_INVALID", Refusal.LINK)),
        (
            TelegramBadRequest,
            ("Bad Request: query is too old and response timeout expired", Refusal.QUERY_OLD),
        ),
        (TelegramBadRequest, ("Bad Request: can't parse entities: whatever", Refusal.CONTENT)),
        (TelegramBadRequest, ("Bad Request: something new", Refusal.CONTENT)),
        (TelegramForbiddenError, ("Forbidden: bot was blocked by the user", Refusal.CHAT_BLOCKED)),
        (TelegramForbiddenError, ("Forbidden: user is deactivated", Refusal.CHAT_GONE)),
        (TelegramForbiddenError, ("Forbidden: bot was kicked from the supergroup chat", Refusal.CHAT_GONE)),
        (TelegramNotFound, ("Not Found", None)),
        (TelegramEntityTooLarge, ("Request Entity Too Large", Refusal.CONTENT)),
        (TelegramServerError, ("Bad Gateway", None)),
        (TelegramNetworkError, ("ServerDisconnectedError", None)),
    ],
)
def test_errors_mean_what_telegram_means_by_them(
    error: type[TelegramAPIError], refusal: tuple[str, Refusal | None]
) -> None:
    text, meaning = refusal
    method: TelegramMethod[Any] = SendMessage(chat_id=5, text="hi")
    assert refusal_of(error(method=method, message=text)) is meaning


def test_only_a_method_that_not_every_server_has_can_be_missing() -> None:
    rich = SendRichMessage(chat_id=5, rich_message=InputRichMessage(html="hi"))
    assert refusal_of(TelegramNotFound(method=rich, message="Not Found")) is Refusal.METHOD
    common = TelegramNotFound(method=SendMessage(chat_id=5, text="hi"), message="Not Found")
    assert refusal_of(common) is None
    assert never_arrived(common)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TelegramBadRequest, "Bad Request: not enough rights to send documents to the chat"),
        (TelegramForbiddenError, "Forbidden: CHAT_SEND_DOCS_FORBIDDEN"),
    ],
)
def test_a_chat_that_takes_no_files_may_still_take_text(error: type[TelegramAPIError], text: str) -> None:
    document = posting(row(Document(name="a", content="b")), Shape(Form.FORMATTED))
    assert refusal_of(error(method=document, message=text)) is Refusal.CONTENT
