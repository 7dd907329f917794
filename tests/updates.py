"""Updates of every kind that aiogram knows, from anybody, anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiogram.types import Update
from hypothesis import strategies as st

from tests.receiving import GROUP_ID, GUEST_ID, OWNER_ID

Json = dict[str, Any]

STRANGER_ID = 666
DATE = 1_790_000_000

PEOPLE = (OWNER_ID, GUEST_ID, STRANGER_ID)
CHATS = (OWNER_ID, GUEST_ID, STRANGER_ID, GROUP_ID, -6, -1_000_000_000_009)


def person(number: int, *, is_bot: bool = False) -> Json:
    """Somebody."""
    return {"id": number, "is_bot": is_bot, "first_name": f"Person {number}"}


def chat(number: int, kind: str) -> Json:
    """A chat of some kind."""
    named = {"first_name": "Person"} if kind == "private" else {"title": "Chat"}
    return {"id": number, "type": kind, **named}


def _message(where: Json, who: Json, more: Json) -> Json:
    return {"message_id": 5, "date": DATE, "chat": where, "from": who, "text": "hello", **more}


def _member_changed(where: Json, who: Json, _: Json) -> Json:
    member = {"status": "member", "user": who}
    return {
        "chat": where,
        "from": who,
        "date": DATE,
        "old_chat_member": member,
        "new_chat_member": {"status": "kicked", "user": who, "until_date": 0},
    }


def _callback(where: Json, who: Json, more: Json) -> Json:
    return {
        "id": "1",
        "from": who,
        "chat_instance": "1",
        "data": "x",
        "message": _message(where, person(99, is_bot=True), {}),
        **more,
    }


def _poll(_where: Json, _who: Json, _: Json) -> Json:
    options = [{"persistent_id": "1", "text": "a", "voter_count": 1}]
    return {
        "id": "1",
        "question": "?",
        "options": options,
        "total_voter_count": 1,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": False,
        "members_only": False,
    }


_ADDRESS = {
    "country_code": "DE",
    "state": "",
    "city": "",
    "street_line1": "",
    "street_line2": "",
    "post_code": "",
}


def _boost(where: Json, who: Json, _: Json) -> Json:
    source = {"source": "premium", "user": who}
    boost = {"boost_id": "1", "add_date": DATE, "expiration_date": DATE, "source": source}
    return {"chat": where, "boost": boost}


KINDS: dict[str, Callable[[Json, Json, Json], Json]] = {
    "message": _message,
    "edited_message": _message,
    "channel_post": _message,
    "edited_channel_post": _message,
    "business_message": _message,
    "edited_business_message": _message,
    "guest_message": _message,
    "callback_query": _callback,
    "my_chat_member": _member_changed,
    "chat_member": _member_changed,
    "stopped_message_generation": lambda where, who, _: {"chat": where, "draft_id": 1},
    "inline_query": lambda _, who, __: {"id": "1", "from": who, "query": "", "offset": ""},
    "chosen_inline_result": lambda _, who, __: {"result_id": "1", "from": who, "query": ""},
    "shipping_query": lambda _, who, __: {
        "id": "1",
        "from": who,
        "invoice_payload": "",
        "shipping_address": _ADDRESS,
    },
    "pre_checkout_query": lambda _, who, __: {
        "id": "1",
        "from": who,
        "currency": "EUR",
        "total_amount": 1,
        "invoice_payload": "",
    },
    "purchased_paid_media": lambda _, who, __: {"from": who, "paid_media_payload": ""},
    "poll": _poll,
    "poll_answer": lambda _, who, __: {
        "poll_id": "1",
        "user": who,
        "option_ids": [0],
        "option_persistent_ids": ["1"],
    },
    "chat_join_request": lambda where, who, _: {
        "chat": where,
        "from": who,
        "user_chat_id": who["id"],
        "date": DATE,
    },
    "message_reaction": lambda where, who, _: {
        "chat": where,
        "user": who,
        "message_id": 5,
        "date": DATE,
        "old_reaction": [],
        "new_reaction": [],
    },
    "message_reaction_count": lambda where, _, __: {
        "chat": where,
        "message_id": 5,
        "date": DATE,
        "reactions": [],
    },
    "chat_boost": _boost,
    "removed_chat_boost": lambda where, who, _: {
        "chat": where,
        "boost_id": "1",
        "remove_date": DATE,
        "source": {"source": "premium", "user": who},
    },
    "business_connection": lambda _, who, __: {
        "id": "1",
        "user": who,
        "user_chat_id": who["id"],
        "date": DATE,
        "is_enabled": True,
    },
    "deleted_business_messages": lambda where, _, __: {
        "business_connection_id": "1",
        "chat": where,
        "message_ids": [1],
    },
    "managed_bot": lambda _, who, __: {"user": who, "bot": person(98, is_bot=True)},
    "subscription": lambda _, who, __: {"user": who, "invoice_payload": "", "state": "active"},
}
"""How an update of each kind is made, of a chat, a person, and what else a message has."""

MORE: list[Json] = [
    {},
    {"sender_chat": chat(GROUP_ID, "supergroup")},
    {"sender_chat": chat(-77, "channel")},
    {"business_connection_id": "1"},
    {"guest_query_id": "1"},
    {"forward_origin": {"type": "user", "date": DATE, "sender_user": person(OWNER_ID)}},
    {"reply_to_message": _message(chat(OWNER_ID, "private"), person(OWNER_ID), {})},
    {"via_bot": person(98, is_bot=True)},
    {"is_automatic_forward": True, "sender_chat": chat(-77, "channel")},
    {"message_thread_id": 3, "is_topic_message": True},
    {"migrate_to_chat_id": -1_000_000_000_009},
    {"migrate_from_chat_id": GROUP_ID},
    {"migrate_from_chat_id": -6},
]


def update(kind: str, where: Json, who: Json, more: Json | None = None, *, number: int = 1) -> Update:
    """An update of some kind."""
    return Update.model_validate({"update_id": number, kind: KINDS[kind](where, who, more or {})})


@st.composite
def updates(draw: st.DrawFn, people: st.SearchStrategy[int] | None = None) -> Update:
    """Updates of all kinds, of these people or anybody, in chats of all kinds."""
    who = person(draw(st.sampled_from(PEOPLE) if people is None else people), is_bot=draw(st.booleans()))
    where = chat(
        draw(st.sampled_from((*CHATS, who["id"]))),
        draw(st.sampled_from(("private", "group", "supergroup", "channel"))),
    )
    kind = draw(st.sampled_from(sorted(KINDS)))
    more = draw(st.sampled_from(MORE)) if KINDS[kind] is _message else {}
    return update(kind, where, who, more, number=draw(st.integers(1, 2**31)))
