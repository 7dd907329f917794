"""What the bot wants to stand in a chat: one message each, within Telegram's limits."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from aiogram.types import InputRichMessage, MessageEntity
from pydantic import BaseModel, ConfigDict, Field

from graph.conversation.replies import ReplyChoice

TEXT_LIMIT = 4096
"""UTF-16 code units of a message's text (https://core.telegram.org/bots/api#sendmessage)."""

CAPTION_LIMIT = 1024
"""UTF-16 code units of a document's caption."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Button(_Frozen):
    """One inline button: a choice, or an address to open."""

    text: str
    choice: ReplyChoice | None = None
    url: str | None = None
    id: str = ""
    """What Telegram carries for the choice; given when the row is written."""


class Words(_Frozen):
    """A text message."""

    type: Literal["words"] = "words"
    text: str
    entities: list[MessageEntity] = []
    rich: InputRichMessage | None = None
    """The same with tables and headings, for servers that know such messages."""
    buttons: list[list[Button]] = []
    prompt: str | None = None
    """The placeholder of the reply that is asked for (force reply)."""
    reply_to: int | None = None
    """The message it answers, where that is not plain."""
    silent: bool = False


class Document(_Frozen):
    """A text that is sent as a file."""

    type: Literal["document"] = "document"
    name: str
    content: str
    caption: str = ""
    entities: list[MessageEntity] = []
    buttons: list[list[Button]] = []
    reply_to: int | None = None
    silent: bool = False


class Toast(_Frozen):
    """What somebody who pressed a button is told, and only they see; at most 200 characters."""

    type: Literal["toast"] = "toast"
    query_id: str
    text: str = ""
    alert: bool = False
    """Whether it has to be closed, as what went wrong does."""


Outgoing: TypeAlias = Annotated[Words | Document | Toast, Field(discriminator="type")]
