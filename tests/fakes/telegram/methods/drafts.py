"""Messages that grow while they are written, and the signs that somebody writes."""

from __future__ import annotations

from tests.fakes.telegram import rich
from tests.fakes.telegram.errors import bad_request
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.records import Draft, Entry
from tests.fakes.telegram.texts import TEXT_LIMIT, formatted, utf16_length
from tests.fakes.telegram.world import World

ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)


@method("sendMessageDraft")
def send_message_draft(world: World, params: Params) -> bool:
    """Show a text that is still being written."""
    text, _ = formatted(params, "text")
    if utf16_length(text) > TEXT_LIMIT:
        raise bad_request("MESSAGE_TOO_LONG")
    _draft(world, params).texts.append(text)
    return True


@method("sendRichMessageDraft")
def send_rich_message_draft(world: World, params: Params) -> bool:
    """Show a rich message that is still being written."""
    message = rich.rich_message(params)
    _draft(world, params).texts.append(rich.plain_text(message))
    return True


@method("sendChatAction")
def send_chat_action(world: World, params: Params) -> bool:
    """Show that the bot is at work; leaves no trace in the transcript."""
    chat = world.open_chat(params.chat_id())
    action = params.text("action") or ""
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    topic = params.integer("message_thread_id")
    if topic is not None and not chat.topic_is_open(topic):
        raise bad_request("message thread not found")
    chat.actions.append((topic, action))
    return True


def _draft(world: World, params: Params) -> Draft:
    chat = world.open_chat(params.chat_id())
    if chat.kind != "private":
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id, topic = params.integer("draft_id"), params.integer("message_thread_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_INVALID")
    if topic is not None and not chat.topic_is_open(topic):
        raise bad_request("message thread not found")
    draft = chat.drafts.get((topic, draft_id))
    if draft is None:
        for other in chat.drafts.values():
            other.shown = other.shown and other.topic != topic
        draft = chat.drafts[topic, draft_id] = Draft(draft_id, topic)
        chat.log.append(Entry("draft", draft_id, topic))
    draft.shown = not draft.stopped
    draft.can_stop, draft.keep_on_stop = params.flag("can_stop"), params.flag("keep_on_stop")
    return draft
