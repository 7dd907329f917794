"""Messages as a phone shows them, in plain letters that a person can read in a file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from aiogram.types import MessageEntity

from bot.outgoing import Button, Document, Outgoing, Toast, Words

WIDTH = 44
"""Letters of an ordinary size in a line of a bubble."""

_AROUND = {"bold": ("*", "*"), "italic": ("_", "_"), "code": ("`", "`"), "date_time": ("⟨", "⟩")}
_BEFORE_LINES = {"pre": "▒ ", "blockquote": "❙ "}


def shown(messages: Iterable[Outgoing]) -> str:
    """Return messages one below the other."""
    return "\n".join(_message(message) for message in messages)


def _message(message: Outgoing) -> str:
    match message:
        case Words():
            mark = "🔕 " if message.silent else ""
            lines = _bubble(mark + _text(message.text, message.entities), _rows(message.buttons))
            return lines if message.prompt is None else f"{lines}\n   ↩ {message.prompt}"
        case Document():
            size = len(message.content.encode())
            head = f"📄 {message.name}  ({size} bytes)"
            return _bubble("\n".join(filter(None, [head, message.caption])), _rows(message.buttons))
        case Toast():
            return f"  ({'!' if message.alert else ' '} {message.text} )"


def _text(text: str, entities: Sequence[MessageEntity]) -> str:
    """Write entities as signs, and frames as lines of their own before which a sign stands."""
    at: dict[int, str] = {}
    framed: list[tuple[int, int, str]] = []
    for one in entities:
        first, last = one.offset, one.offset + one.length
        if one.type in _BEFORE_LINES:
            framed.append((first, last, _BEFORE_LINES[one.type]))
            continue
        before, after = _AROUND.get(one.type, ("[", f"]({one.url})"))
        at[first] = at.get(first, "") + before
        at[last] = after + at.get(last, "")
    drawn: list[str] = []
    place = 0
    for letter in [*text, ""]:
        if place == 0 or drawn[-1] == "\n":
            drawn.extend(sign for first, last, sign in framed if first <= place < last)
        drawn.extend([at.get(place, ""), letter])
        place += 2 if letter > "\uffff" else 1
    return "".join(drawn).replace("\u2068", "⟪").replace("\u2069", "⟫")


def _bubble(text: str, rows: Sequence[str]) -> str:
    lines = [part for line in text.split("\n") for part in _wrapped(line)]
    return "\n".join(["╭", *(f"│ {line}".rstrip() for line in lines), "╰", *rows])


def _wrapped(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    frame = line[:2] if line[:2] in _BEFORE_LINES.values() else ""
    return textwrap.wrap(line, WIDTH, subsequent_indent=frame)


def _rows(buttons: Sequence[Sequence[Button]]) -> list[str]:
    return [
        "  " + " ".join(f"[ {button.text}{' ↗' if button.url else ''} ]" for button in row) for row in buttons
    ]
