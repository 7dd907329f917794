"""Answers to pressed buttons."""

from __future__ import annotations

import time

from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.texts import utf16_length
from tests.fakes.telegram.world import World

ANSWER_LIMIT = 200
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@method("answerCallbackQuery")
def answer_callback_query(world: World, params: Params) -> bool:
    """Say something to whoever pressed a button, or only stop its spinner."""
    query = world.queries.get(params.text("callback_query_id") or "")
    if query is None or query.expired or time.monotonic() - query.asked_at > world.callback_lifetime_s:
        raise bad_request(TOO_OLD)
    text = params.text("text") or ""
    if utf16_length(text) > ANSWER_LIMIT:
        raise bad_request("MESSAGE_TOO_LONG")
    answer: Json = {"text": text, "show_alert": params.flag("show_alert"), "url": params.text("url")}
    query.answers.append(answer)
    return True
