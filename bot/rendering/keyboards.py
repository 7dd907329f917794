"""Buttons under a message, in rows that a thumb can hit on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from wcwidth import width

from bot import texts
from bot.outgoing import Button
from bot.rendering.links import host_to_open
from bot.rendering.text import cut, fitted, isolated, one_line, visible
from graph.conversation.replies import CommandChoice, DecisionChoice, Link, Reply, ReplyChoice

MOST_BUTTONS = 100
"""Buttons of a message that Telegram takes."""

_MOST_LINKS = 4
"""The service, the pull request, the repository and the dashboard."""
_COLUMNS = 60
_UNITS = 200
"""Telegram shortens what does not fit by itself; this keeps a keyboard small."""

_WIDEST = {3: 12, 2: 19}
"""Columns that a label may have so that as many stand in a row."""

_APPROVE, _CHANGE, _REFUSE = "✅", "✏️", "🚫"
_APPROVING = frozenset({"approve", "yes"})
_REFUSING = frozenset({"reject", "decline", "no", "cancel"})


def keyboard(reply: Reply) -> list[list[Button]]:
    """Return the buttons of a reply: its choices in their order, then the addresses to open."""
    links = [button for block in reply.blocks if isinstance(block, Link) for button in _opening(block)]
    links = links[:_MOST_LINKS]
    choices = [_choosing(choice) for choice in reply.choices[: MOST_BUTTONS - len(links)]]
    return _rows(choices) + [[button] for button in links]


def _choosing(choice: ReplyChoice) -> Button:
    return Button(text=_label(choice.label, _mark(choice)), choice=choice)


def _opening(link: Link) -> list[Button]:
    url = one_line(link.url)
    host = host_to_open(url)
    return (
        [Button(text=_label(link.label) if visible(link.label) else texts.open_address(host), url=url)]
        if host
        else []
    )


def _mark(choice: ReplyChoice) -> str:
    match choice:
        case CommandChoice():
            return ""
        case DecisionChoice(asks_comment=True):
            return _CHANGE
        case DecisionChoice(key=key) if key in _APPROVING:
            return _APPROVE
        case DecisionChoice(key=key) if key in _REFUSING:
            return _REFUSE
        case DecisionChoice():
            return ""
    assert_never(choice)


def _label(label: str, mark: str = "") -> str:
    words = cut(fitted(one_line(label), _COLUMNS), _UNITS)
    words = isolated(words) if visible(words) else "…"
    return f"{mark} {words}" if mark else words


def _rows(buttons: Sequence[Button]) -> list[list[Button]]:
    """Fill rows in order: buttons of a row are equally wide, so the widest says how many there are."""
    rows: list[list[Button]] = []
    for button in buttons:
        if rows and _fits([*rows[-1], button]):
            rows[-1].append(button)
        else:
            rows.append([button])
    return rows


def _fits(row: Sequence[Button]) -> bool:
    return max(width(button.text) for button in row) <= _WIDEST.get(len(row), 0)
