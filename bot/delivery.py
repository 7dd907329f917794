"""What should stand in a chat, as calls of the Bot API, in the best form that the server takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final, Self, assert_never

from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageCaption,
    EditMessageReplyMarkup,
    EditMessageText,
    SendDocument,
    SendMessage,
    SendRichMessage,
    TelegramMethod,
)
from aiogram.types import (
    BufferedInputFile,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
)
from pydantic import BaseModel

from bot import texts
from bot.outbox import Row
from bot.outgoing import Button, Document, Toast, Words

PLACEHOLDER_LIMIT: Final = 64
"""Characters of a reply's placeholder (https://core.telegram.org/bots/api#forcereply)."""

TOAST_LIMIT: Final = 200
"""Characters of an answer to a button press (https://core.telegram.org/bots/api#answercallbackquery)."""

_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)


class Posted(BaseModel):
    """All that is needed of the message that Telegram answers with: reading the rest costs more than the call."""

    message_id: int


class _SendMessage(SendMessage):
    __returning__ = Posted  # type: ignore[assignment]  # of the answer, the session reads this


class _SendRichMessage(SendRichMessage):
    __returning__ = Posted  # type: ignore[assignment]  # of the answer, the session reads this


class _SendDocument(SendDocument):
    __returning__ = Posted  # type: ignore[assignment]  # of the answer, the session reads this


class Form(IntEnum):
    """In how much detail a thing is said; the greater, the plainer."""

    RICH = 0
    """With tables and headings, for servers that know them."""
    FORMATTED = 1
    """Text with entities."""
    PLAIN = 2
    """Text alone."""
    NOTICE = 3
    """That there was something to say."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A form, and what had to be left out."""

    form: Form
    links: bool = True
    """With the buttons that open an address."""
    reply: bool = True
    """As an answer to the message it answers."""

    @classmethod
    def best(cls, content: Words | Document, *, rich: bool) -> Self:
        """Return the first shape to try.

        Args:
            content: What is to be said.
            rich: Whether the server takes rich messages, as far as is known.
        """
        can_be_rich = rich and isinstance(content, Words) and content.rich is not None
        return cls(Form.RICH if can_be_rich else Form.FORMATTED)

    def plainer(self) -> Self | None:
        """Return the next shape to try, None after the plainest."""
        return None if self.form is Form.NOTICE else replace(self, form=Form(self.form + 1))


def posting(row: Row, shape: Shape) -> TelegramMethod[Any]:
    """Return the call that sends a row as a new message, or shows a toast."""
    match row.content:
        case Toast() as toast:
            return AnswerCallbackQuery(
                callback_query_id=toast.query_id,
                text=_within(toast.text, TOAST_LIMIT) or None,
                show_alert=toast.alert or None,
            )
        case Document() as document if shape.form is not Form.NOTICE:
            return _SendDocument(
                **_where(row, shape, document),
                document=BufferedInputFile(document.content.encode(), filename=document.name),
                caption=document.caption or None,
                caption_entities=(document.entities or None) if shape.form is Form.FORMATTED else None,
                parse_mode=None,
                reply_markup=keyboard(document.buttons, links=shape.links),
            )
        case Words(rich=rich) as words if shape.form is Form.RICH and rich is not None:
            return _SendRichMessage(
                **_where(row, shape, words), rich_message=rich, reply_markup=_markup(words, shape)
            )
        case Words() | Document() as content:
            return _SendMessage(
                **_where(row, shape, content),
                text=_text(content, shape),
                entities=_entities(content, shape),
                parse_mode=None,
                link_preview_options=_NO_PREVIEW,
                reply_markup=_markup(content, shape),
            )
        case unknown:
            assert_never(unknown)


def editing(row: Row, shape: Shape) -> TelegramMethod[Any]:
    """Return the call that makes a message that stands already what it should be."""
    where: dict[str, Any] = {"chat_id": row.chat_id, "message_id": row.message_id}
    match row.content:
        case Document() as document:
            return EditMessageCaption(
                **where,
                caption=(texts.NOT_TAKEN if shape.form is Form.NOTICE else document.caption) or None,
                caption_entities=_entities(document, shape),
                parse_mode=None,
                reply_markup=keyboard(document.buttons, links=shape.links),
            )
        case Words(rich=rich) as words if shape.form is Form.RICH and rich is not None:
            return EditMessageText(
                **where,
                rich_message=rich,
                parse_mode=None,
                link_preview_options=None,
                reply_markup=keyboard(words.buttons, links=shape.links),
            )
        case Words() as words:
            return EditMessageText(
                **where,
                text=_text(words, shape),
                entities=_entities(words, shape),
                parse_mode=None,
                link_preview_options=_NO_PREVIEW,
                reply_markup=keyboard(words.buttons, links=shape.links),
            )
        case Toast():
            raise AssertionError("what only one person saw for a moment is never edited")
        case unknown:
            assert_never(unknown)


def asking(row: Row, message_id: int, *, links: bool = True) -> TelegramMethod[Any]:
    """Return the call that finds out whether a message is this row's: its buttons are what they should be."""
    buttons = [] if isinstance(row.content, Toast) else row.content.buttons
    return EditMessageReplyMarkup(
        chat_id=row.chat_id, message_id=message_id, reply_markup=keyboard(buttons, links=links)
    )


def keyboard(buttons: list[list[Button]], *, links: bool) -> InlineKeyboardMarkup | None:
    """Return buttons as Telegram takes them; None for none, which also takes away those that stand there."""
    lines = [[_button(one) for one in line if links or one.url is None] for line in buttons]
    lines = [line for line in lines if line]
    return InlineKeyboardMarkup(inline_keyboard=lines) if lines else None


def _button(button: Button) -> InlineKeyboardButton:
    if button.url is not None:
        return InlineKeyboardButton(text=button.text, url=button.url)
    return InlineKeyboardButton(text=button.text, callback_data=button.id)


def _where(row: Row, shape: Shape, content: Words | Document) -> dict[str, Any]:
    answered = content.reply_to if shape.reply else None
    return {
        "chat_id": row.chat_id,
        "message_thread_id": row.thread_id,
        "disable_notification": content.silent or None,
        "reply_parameters": None
        if answered is None
        else ReplyParameters(message_id=answered, allow_sending_without_reply=True),
    }


def _text(content: Words | Document, shape: Shape) -> str:
    return content.text if isinstance(content, Words) and shape.form is not Form.NOTICE else texts.NOT_TAKEN


def _entities(content: Words | Document, shape: Shape) -> list[Any] | None:
    return (content.entities or None) if shape.form is Form.FORMATTED else None


def _markup(content: Words | Document, shape: Shape) -> InlineKeyboardMarkup | ForceReply | None:
    """Return the buttons, or the prompt: Telegram takes one of them."""
    buttons = keyboard(content.buttons, links=shape.links)
    if buttons is None and isinstance(content, Words) and content.prompt is not None:
        return ForceReply(
            force_reply=True,
            selective=_addresses_somebody(content, shape) or None,
            input_field_placeholder=_within(content.prompt, PLACEHOLDER_LIMIT) or None,
        )
    return buttons


def _addresses_somebody(words: Words, shape: Shape) -> bool:
    """Whether the message replies to or names a person: a selective prompt asks nobody else."""
    named = shape.form is Form.FORMATTED and any(one.type == "text_mention" for one in words.entities)
    return named or (shape.reply and words.reply_to is not None)


def _within(text: str, limit: int) -> str:
    """Return the text, cut to so many UTF-16 code units, which are never fewer than characters."""
    units = text.encode("utf-16-le", "replace")
    if len(units) <= 2 * limit:
        return text
    return units[: 2 * (limit - 1)].decode("utf-16-le", "ignore").rstrip() + "…"
