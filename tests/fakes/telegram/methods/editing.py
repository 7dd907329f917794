"""Changing and removing messages."""

from __future__ import annotations

import time

from tests.fakes.telegram import rich
from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.keyboards import reply_markup
from tests.fakes.telegram.methods.sending import caption_content, text_content
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.records import Chat, Record, content_of
from tests.fakes.telegram.texts import CAPTION_LIMIT, TEXT_LIMIT, formatted, utf16_length
from tests.fakes.telegram.world import World

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
DELETABLE_FOR_S = 48 * 3600


@method("editMessageText")
def edit_message_text(world: World, params: Params) -> Json:
    """Replace the text, and the keyboard with what is given or nothing."""
    has_rich = params.values.get("rich_message") is not None
    if not has_rich and not params.text("text"):
        raise bad_request("message text is empty")
    chat, record = _editable(world, params)
    if has_rich:
        content: Json = {"rich_message": rich.rich_message(params)}
    else:
        text, entities = formatted(params, "text")
        if not text:
            raise bad_request("text must be non-empty")
        if utf16_length(text) > TEXT_LIMIT:
            raise bad_request("MESSAGE_TOO_LONG")
        content = text_content(params, text, entities)
    if not {"text", "rich_message"} & record.payload.keys():
        raise bad_request("there is no text in the message to edit")
    return _change(world, chat, record, content | _keyboard(params))


@method("editMessageCaption")
def edit_message_caption(world: World, params: Params) -> Json:
    """Replace the caption of a file."""
    chat, record = _editable(world, params)
    if "document" not in record.payload:
        raise bad_request("there is no caption in the message to edit")
    caption, entities = formatted(params, "caption", "caption_entities")
    if utf16_length(caption) > CAPTION_LIMIT:
        raise bad_request("MEDIA_CAPTION_TOO_LONG")
    content: Json = {"document": record.payload["document"]}
    return _change(world, chat, record, content | caption_content(caption, entities) | _keyboard(params))


@method("editMessageReplyMarkup")
def edit_message_reply_markup(world: World, params: Params) -> Json:
    """Replace the keyboard, or take it away."""
    chat, record = _editable(world, params)
    content = content_of(record.payload)
    content.pop("reply_markup", None)
    return _change(world, chat, record, content | _keyboard(params))


@method("deleteMessage")
def delete_message(world: World, params: Params) -> bool:
    """Remove a message for everybody."""
    chat = world.open_chat(params.chat_id())
    _delete(world, chat, params.integer("message_id"))
    return True


@method("deleteMessages")
def delete_messages(world: World, params: Params) -> bool:
    """Remove several messages; those that are gone are passed over."""
    chat = world.open_chat(params.chat_id())
    for message_id in params.parsed("message_ids") or []:
        if message_id in chat.messages and not chat.messages[message_id].deleted:
            _delete(world, chat, message_id)
    return True


def _editable(world: World, params: Params) -> tuple[Chat, Record]:
    chat = world.open_chat(params.chat_id())
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    record = chat.messages.get(message_id)
    if record is None or record.deleted:
        raise bad_request("message to edit not found")
    has_other_keyboard = record.markup is not None and "inline_keyboard" not in record.markup
    if record.sender_id != world.me["id"] or has_other_keyboard:
        raise bad_request("message can't be edited")
    return chat, record


def _keyboard(params: Params) -> Json:
    markup = reply_markup(params, inline_only=True)
    return {"reply_markup": markup} if markup is not None else {}


def _change(world: World, chat: Chat, record: Record, content: Json) -> Json:
    if content_of(content) == content_of(record.payload):
        raise bad_request(NOT_MODIFIED)
    for name in (*content_of(record.payload), "link_preview_options"):
        record.payload.pop(name, None)
    # A changed keyboard alone does not make a message "edited".
    if content_of(content) | {"reply_markup": None} != record.versions[-1] | {"reply_markup": None}:
        record.payload["edit_date"] = int(time.time())
    record.payload.update(content)
    record.markup = content.get("reply_markup")
    record.remember()
    return world.render(chat, record)


def _delete(world: World, chat: Chat, message_id: int | None) -> None:
    record = chat.messages.get(message_id) if message_id is not None else None
    if record is None or record.deleted:
        raise bad_request("message to delete not found")
    is_own = record.sender_id == world.me["id"]
    if not is_own and chat.kind != "private" and chat.bot_status != "administrator":
        raise bad_request("message can't be deleted")
    if time.time() - record.payload["date"] > DELETABLE_FOR_S and (is_own or chat.kind == "private"):
        raise bad_request("message can't be deleted for everyone")
    record.deleted = True
