"""Texts as Telegram takes them: trimmed, counted in UTF-16 code units, their entities checked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tests.fakes.telegram import markup
from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.params import Params

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
ENTITIES_KEPT = 100
BLANK = " \t\r\n\u200b\u00a0"
ENTITY_TYPES = frozenset(
    [
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    ]
)
DETECTED = re.compile(
    r"(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<url>https?://[^\s<>]*[^\s<>.,;:!?)\]])"
    r"|(?P<mention>(?<!\w)@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w))"
)


def utf16_length(text: str) -> int:
    """The length that entities and limits are counted in."""
    return len(text.encode("utf-16-le")) // 2


def formatted(params: Params, name: str, entities_name: str = "entities") -> tuple[str, list[Json]]:
    """A text with its entities, after parsing, trimming and detection.

    Raises:
        ApiError: The markup or an entity is wrong.
    """
    text = params.text(name) or ""
    mode = (params.text("parse_mode") or "").lower()
    if mode:
        text, entities = markup.parse(text, mode)
    else:
        entities = checked(text, params.parsed(entities_name, "entities") or [])
    return detect(*trimmed(text, entities))


def checked(text: str, entities: object) -> list[Json]:
    """Entities that lie inside the text.

    Raises:
        ApiError: One does not, or is of no known kind.
    """
    if not isinstance(entities, list):
        raise bad_request("can't parse entities: Expected an Array")
    length = utf16_length(text)
    starts = _boundaries(text)
    for entity in entities:
        _check_entity(entity, length, starts)
    return [{**e} for e in entities if e["length"] > 0][:ENTITIES_KEPT]


def _check_entity(entity: Json, length: int, starts: set[int]) -> None:
    kind, offset, size = entity.get("type"), entity.get("offset"), entity.get("length")
    if kind not in ENTITY_TYPES:
        raise bad_request("can't parse MessageEntity: Unsupported type specified")
    if not isinstance(offset, int) or not isinstance(size, int):
        raise bad_request("can't parse MessageEntity: Can't find field \"offset\"")
    if not 0 <= offset <= 1_000_000:
        raise bad_request(f"receive an entity with incorrect offset {offset}")
    if not 0 <= size <= 1_000_000:
        raise bad_request(f"receive an entity with incorrect length {size}")
    if size and offset >= length:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
    if offset + size > length:
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} ends after the end of the text "
            f"at UTF-16 offset {offset + size}"
        )
    if offset not in starts:
        raise bad_request(f"entity begins in a middle of a UTF-16 symbol at byte offset {offset}")
    if offset + size not in starts:
        raise bad_request(f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol")
    if kind == "text_link":
        check_url("entity URL", entity.get("url") or "")


def check_url(what: str, url: str) -> None:
    """Refuse what is no address for the web.

    Raises:
        ApiError: Telegram would not take it.
    """
    if not url:
        raise bad_request(f"{what} '' is invalid: URL host is empty")
    parts = urlsplit(url if "://" in url or url.startswith("tg:") else f"http://{url}")
    if parts.scheme not in {"http", "https", "tg", "ton", "tonsite"}:
        raise bad_request(f"{what} '{url}' is invalid: Unsupported URL protocol")
    host = parts.hostname or ""
    if parts.scheme in {"http", "https"} and "." not in host:
        raise bad_request(f"{what} '{url}' is invalid: Wrong HTTP URL")


def trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Without blanks around the text; entities move and shrink along."""
    text = text.replace("\r\n", "\n")
    without = text.strip(BLANK)
    cut = utf16_length(text[: text.index(without)]) if without else 0
    length = utf16_length(without)
    kept: list[Json] = []
    for entity in entities:
        start = max(0, entity["offset"] - cut)
        end = min(length, entity["offset"] + entity["length"] - cut)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return without, kept


def detect(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Add the commands, links and mentions that a client shows as such."""
    found = [
        {
            "type": str(match.lastgroup),
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match.group()),
        }
        for match in DETECTED.finditer(text)
    ]
    opaque = [
        e for e in entities if e["type"] in {"code", "pre", "text_link", "url", "bot_command", "mention"}
    ]
    new = [f for f in found if not any(_overlap(f, e) for e in opaque)]
    return text, sorted([*entities, *new], key=lambda e: (e["offset"], -e["length"]))


def _overlap(one: Json, other: Json) -> bool:
    return bool(
        one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"]
    )


def _boundaries(text: str) -> set[int]:
    offsets, position = {0}, 0
    for character in text:
        position += 2 if ord(character) > 0xFFFF else 1
        offsets.add(position)
    return offsets
