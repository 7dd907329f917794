"""Rich messages: blocks of text, lists, tables, taken as blocks, HTML or Markdown."""

from __future__ import annotations

import html
import re

from tests.fakes.telegram.errors import Json, Value, bad_request
from tests.fakes.telegram.params import Params

TEXT_LIMIT = 32_768
MEDIA = frozenset({"animation", "audio", "document", "photo", "video", "voice_note"})


def rich_message(params: Params) -> Json:
    """The `RichMessage` of a call.

    Raises:
        ApiError: It has not exactly one form, is empty or too long.
    """
    given = params.parsed("rich_message", "rich message")
    if not isinstance(given, dict):
        raise bad_request("rich message must be an object")
    if sum(given.get(form) is not None for form in ("html", "markdown", "blocks")) != 1:
        raise bad_request("rich message must have exactly one of html, markdown and blocks")
    blocks = [_block(block) for block in given["blocks"]] if given.get("blocks") else _paragraphs(given)
    message: Json = {"blocks": blocks}
    if given.get("is_rtl"):
        message["is_rtl"] = True
    text = plain_text(message)
    if not blocks:
        raise bad_request("message text is empty")
    if len(text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return message


def plain_text(message: Json) -> str:
    """A rich message as somebody reads it aloud."""
    return "\n".join(line for block in message["blocks"] for line in _lines(block))


def buttons(message: Json) -> list[Json]:
    """The buttons in a rich message, their labels as plain words."""
    found: list[Json] = []
    for block in message.get("blocks", []):
        found.extend({**button, "text": _words(button["text"])} for button in block.get("buttons", []))
        found.extend(buttons(block))
    return found


def _paragraphs(given: Json) -> list[Json]:
    # A rough reading: the fake's transcript shows the words, and nothing depends on their looks.
    text = given.get("html") or given.get("markdown") or ""
    if given.get("html"):
        text = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</(p|h\d|li|tr|pre)>|<br/?>", "\n\n", text)))
    return [
        {"type": "paragraph", "text": part.strip()} for part in re.split(r"\n\s*\n", text) if part.strip()
    ]


def _block(block: Json) -> Json:
    if block.get("type") in MEDIA:
        raise bad_request("media in rich messages is not modelled by this server")
    shown = dict(block)
    if "blocks" in shown:
        shown["blocks"] = [_block(inner) for inner in shown["blocks"]]
    if shown.get("type") == "list":
        shown["items"] = [_item(item, number) for number, item in enumerate(shown["items"], 1)]
    return shown


def _item(item: Json, number: int) -> Json:
    ordered = item.get("type") is not None or item.get("value") is not None
    label = f"{item.get('value') or number}." if ordered else "•"
    return {**item, "label": label, "blocks": [_block(block) for block in item["blocks"]]}


def _lines(block: Json) -> list[str]:
    match block.get("type"):
        case "list":
            return [line for item in block["items"] for line in _item_lines(item)]
        case "table":
            return [" | ".join(_words(cell.get("text", "")) for cell in row) for row in block["cells"]]
        case "details":
            inner = [line for part in block["blocks"] for line in _lines(part)]
            return [f"▸ {_words(block['summary'])}", *(f"  {line}" for line in inner)]
        case "divider":
            return ["———"]
        case "buttons":
            return [" ".join(f"[{_words(button['text'])}]" for button in block["buttons"])]
        case "blockquote" | "expandable_blockquote":
            return [f"> {line}" for part in block.get("blocks", []) for line in _lines(part)]
        case _:
            return _words(block.get("text", "")).split("\n")


def _item_lines(item: Json) -> list[str]:
    mark = item["label"]
    if item.get("has_checkbox"):
        mark = "[x]" if item.get("is_checked") else "[ ]"
    first, *rest = [line for part in item["blocks"] for line in _lines(part)] or [""]
    return [f"{mark} {first}", *(f"  {line}" for line in rest)]


def _words(text: Value) -> str:
    if isinstance(text, list):
        return "".join(_words(part) for part in text)
    if isinstance(text, dict):
        return _words(text.get("text", text.get("alternative_text", text.get("expression", ""))))
    return str(text)
