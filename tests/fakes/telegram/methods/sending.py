"""Messages the bot sends: text, rich blocks, documents."""

from __future__ import annotations

from tests.fakes.telegram import rich
from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.keyboards import reply_markup
from tests.fakes.telegram.methods.files import take_document
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.records import Chat
from tests.fakes.telegram.texts import CAPTION_LIMIT, TEXT_LIMIT, formatted, utf16_length
from tests.fakes.telegram.world import World


@method("sendMessage")
def send_message(world: World, params: Params) -> Json:
    """Send a text."""
    if not params.text("text"):
        raise bad_request("message text is empty")
    chat = world.open_chat(params.chat_id())
    text, entities = formatted(params, "text")
    if not text:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return send(world, params, chat, text_content(params, text, entities))


@method("sendRichMessage")
def send_rich_message(world: World, params: Params) -> Json:
    """Send headings, lists, tables and the like."""
    chat = world.open_chat(params.chat_id())
    return send(world, params, chat, {"rich_message": rich.rich_message(params)})


@method("sendDocument")
def send_document(world: World, params: Params) -> Json:
    """Send a file."""
    chat = world.open_chat(params.chat_id())
    caption, entities = formatted(params, "caption", "caption_entities")
    if utf16_length(caption) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    content: Json = {"document": take_document(world, params)}
    return send(world, params, chat, content | caption_content(caption, entities))


def text_content(params: Params, text: str, entities: list[Json]) -> Json:
    """The fields of a text message."""
    content: Json = {"text": text}
    if entities:
        content["entities"] = entities
    if preview := params.parsed("link_preview_options"):
        content["link_preview_options"] = preview
    return content


def caption_content(caption: str, entities: list[Json]) -> Json:
    """The fields of a caption."""
    content: Json = {"caption": caption} if caption else {}
    if entities:
        content["caption_entities"] = entities
    return content


def send(world: World, params: Params, chat: Chat, content: Json) -> Json:
    """Put a message of the bot into a chat."""
    markup = reply_markup(params)
    reply_to, quote = _replied(world, params, chat)
    topic = _topic(params, chat, reply_to)
    if params.flag("protect_content"):
        content["has_protected_content"] = True
    if quote is not None:
        content["quote"] = quote
    record = world.add_message(chat, world.me, content, topic=topic, reply_to=reply_to, markup=markup)
    return world.render(chat, record)


def _replied(world: World, params: Params, chat: Chat) -> tuple[int | None, Json | None]:
    reply = params.parsed("reply_parameters", "reply parameters")
    if reply is None:
        old_style = params.integer("reply_to_message_id")
        reply = {"message_id": old_style} if old_style else None
    if reply is None:
        return None, None
    if "message_id" not in reply:
        raise bad_request('can\'t find field "message_id"')
    found = chat.messages.get(int(reply["message_id"]))
    if found is None or found.deleted:
        if reply.get("allow_sending_without_reply") or params.flag("allow_sending_without_reply"):
            return None, None
        raise bad_request("message to be replied not found")
    quote = None
    if quoted := reply.get("quote"):
        text = found.payload.get("text") or found.payload.get("caption") or ""
        if quoted not in text:
            raise bad_request("QUOTE_TEXT_INVALID")
        quote = {"text": quoted, "position": utf16_length(text[: text.index(quoted)]), "is_manual": True}
    return found.id, quote


def _topic(params: Params, chat: Chat, reply_to: int | None) -> int | None:
    thread = params.integer("message_thread_id")
    if thread is None:
        replied = chat.messages.get(reply_to) if reply_to is not None else None
        return replied.topic if replied is not None else None
    if chat.topic_is_open(thread):
        if chat.topics[thread].closed and chat.bot_status != "administrator":
            raise bad_request("TOPIC_CLOSED")
        return thread
    # Also for a thread of replies, whose id messages outside of topics carry.
    raise bad_request("message thread not found")
