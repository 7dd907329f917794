"""Telegram's HTML and MarkdownV2, taken apart into a text and its entities."""

from __future__ import annotations

import html
import re

from tests.fakes.telegram.errors import Json, bad_request

TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][\w-]*)(?P<rest>[^>]*)>")
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
SIMPLE_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
}
MARKERS = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler", "`": "code"}
NAMES = {"bold": "Bold", "italic": "Italic", "underline": "Underline", "strikethrough": "Strikethrough"}
RESERVED = "_*[]()~`>#+-=|{}.!"


def parse(text: str, mode: str) -> tuple[str, list[Json]]:
    """Take a marked-up text apart.

    Raises:
        ApiError: The markup is wrong, or is one that Telegram does not have.
    """
    if mode == "html":
        return _parse_html(text)
    if mode == "markdownv2":
        return _parse_markdown(text)
    raise bad_request("unsupported parse_mode")


class _Output:
    """The plain text so far, and its length in UTF-16 units."""

    def __init__(self) -> None:
        self.text = ""
        self.length = 0
        self.entities: list[Json] = []

    def add(self, text: str) -> None:
        self.text += text
        self.length += len(text.encode("utf-16-le")) // 2

    def close(self, entity: Json) -> None:
        entity["length"] = self.length - entity["offset"]
        if entity["length"] and entity["type"]:
            self.entities.append(entity)

    def result(self) -> tuple[str, list[Json]]:
        return self.text, sorted(self.entities, key=lambda e: (e["offset"], -e["length"]))


def _fail(reason: str) -> Exception:
    return bad_request(f"can't parse entities: {reason}")


def _byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode())


def _parse_html(text: str) -> tuple[str, list[Json]]:
    out, stack, position = _Output(), list[tuple[str, Json]](), 0
    for tag in TAG.finditer(text):
        out.add(html.unescape(text[position : tag.start()]))
        position = tag.end()
        name, at = tag["name"].lower(), _byte_offset(text, tag.start())
        if tag["end"]:
            if not stack:
                raise _fail(f"Unexpected end tag at byte offset {at}")
            opened, entity = stack.pop()
            if opened != name:
                raise _fail(
                    f'Unmatched end tag at byte offset {at}, expected "</{opened}>", found "</{name}>"'
                )
            out.close(entity)
        else:
            stack.append((name, _html_entity(name, tag["rest"], out, stack, at)))
    if "<" in text[position:]:
        at = _byte_offset(text, text.index("<", position))
        raise _fail(f'Unsupported start tag "" at byte offset {at}')
    out.add(html.unescape(text[position:]))
    if stack:
        raise _fail(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    return out.result()


def _html_entity(name: str, rest: str, out: _Output, stack: list[tuple[str, Json]], at: int) -> Json:
    attributes = {key: html.unescape(a or b) for key, a, b in ATTRIBUTE.findall(rest)}
    entity: Json = {"type": SIMPLE_TAGS.get(name, ""), "offset": out.length}
    if name == "a":
        entity |= {"type": "text_link", "url": attributes.get("href", "")}
    elif name == "blockquote":
        entity["type"] = "expandable_blockquote" if "expandable" in rest else "blockquote"
    elif name == "span" and attributes.get("class") == "tg-spoiler":
        entity["type"] = "spoiler"
    elif name == "tg-emoji":
        entity |= {"type": "custom_emoji", "custom_emoji_id": attributes.get("emoji-id", "")}
    elif name == "code" and stack and stack[-1][0] == "pre":
        # <pre><code class="language-python"> is one entity: the code only names the language.
        entity["type"] = ""
        if language := attributes.get("class", "").removeprefix("language-"):
            stack[-1][1]["language"] = language
    elif name not in SIMPLE_TAGS:
        raise _fail(f'Unsupported start tag "{name}" at byte offset {at}')
    return entity


def _parse_markdown(text: str) -> tuple[str, list[Json]]:
    out, stack, i = _Output(), list[tuple[str, Json, int]](), 0
    while i < len(text):
        verbatim = bool(stack) and stack[-1][0] in {"`", "```"}
        marker = _marker(text, i, stack)
        if text[i] == "\\" and i + 1 < len(text) and ord(text[i + 1]) < 127:
            out.add(text[i + 1])
            i += 2
        elif marker and (not verbatim or stack[-1][0] == marker):
            i = _toggle(text, i, marker, stack, out)
        elif text[i] == "[" and not verbatim:
            stack.append(("[", {"type": "text_link", "offset": out.length}, i))
            i += 1
        elif text[i] == "]" and stack and stack[-1][0] == "[":
            link = re.compile(r"\]\(((?:[^)\\]|\\.)*)\)").match(text, i)
            if link is None:
                raise _fail("Can't find end of a URL")
            entity = stack.pop()[1] | {"url": re.sub(r"\\(.)", r"\1", link[1])}
            out.close(entity)
            i = link.end()
        elif text[i] in RESERVED and not verbatim:
            raise _fail(f"Character '{text[i]}' is reserved and must be escaped with the preceding '\\'")
        else:
            out.add(text[i])
            i += 1
    if stack:
        _, entity, start = stack[-1]
        name = NAMES.get(entity["type"], entity["type"].title())
        raise _fail(f"Can't find end of {name} entity at byte offset {_byte_offset(text, start)}")
    return out.result()


def _marker(text: str, i: int, stack: list[tuple[str, Json, int]]) -> str | None:
    if stack and stack[-1][0] == "`":  # inside of code nothing but its end is a marker
        return "`" if text[i] == "`" else None
    return next((m for m in ("```", "__", "||", "*", "_", "~", "`") if text.startswith(m, i)), None)


def _toggle(text: str, i: int, marker: str, stack: list[tuple[str, Json, int]], out: _Output) -> int:
    end = i + len(marker)
    if stack and stack[-1][0] == marker:
        out.close(stack.pop()[1])
        return end
    entity: Json = {"type": MARKERS.get(marker, "pre"), "offset": out.length}
    if marker == "```" and (language := re.compile(r"(\w+)\n").match(text, end)):
        entity["language"] = language[1]
        end = language.end()
    stack.append((marker, entity, i))
    return end
