"""Keyboards under a message, checked as Telegram checks them."""

from __future__ import annotations

from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.texts import check_url

BUTTONS_LIMIT = 100
DATA_LIMIT_BYTES = 64
ACTIONS = [
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "disabled",
]
OTHER_KINDS = {"keyboard", "remove_keyboard", "force_reply"}


def reply_markup(params: Params, *, inline_only: bool = False) -> Json | None:
    """The keyboard of a call.

    Args:
        params: The call's parameters.
        inline_only: An edit: no other kind is possible.

    Raises:
        ApiError: It is wrong.
    """
    markup = params.parsed("reply_markup", "reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return _inline(markup["inline_keyboard"])
    if inline_only and OTHER_KINDS & markup.keys():
        raise bad_request("inline keyboard expected")
    return markup or None


def _inline(rows: object) -> Json | None:
    if not isinstance(rows, list):
        raise bad_request('field "inline_keyboard" must be of type Array')
    kept = [[_button(button) for button in row] for row in rows if row]
    if sum(map(len, kept)) > BUTTONS_LIMIT:
        raise bad_request("reply markup is too long")
    return {"inline_keyboard": kept} if kept else None


def _button(button: Json) -> Json:
    if not isinstance(button, dict) or not button.get("text"):
        raise bad_request("can't parse inline keyboard button: Can't find field \"text\"")
    if not any(
        button.get(action) or (action.startswith("switch") and action in button) for action in ACTIONS
    ):
        if button.get("pay"):
            raise bad_request("BUTTON_TYPE_INVALID")
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= DATA_LIMIT_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button:
        check_url("inline keyboard button URL", button["url"])
    return button
