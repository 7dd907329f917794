"""What the bot says in its own words stands in `bot/texts.py`, and nowhere among the code that says it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from bot import texts
from tests.prose import names, said

_TEXTS = Path(texts.__file__)
_UNDERSTOOD = _TEXTS.parent / "refusals.py"
"""What Telegram says to the bot."""
_CODE = sorted(path for path in _TEXTS.parent.rglob("*.py") if path not in {_TEXTS, _UNDERSTOOD})

_REASONS = frozenset(
    {
        "it cannot be read",
        "the bot may not write there",
        "the bot was removed from the group",
        "nobody knows whether it was shown",
        "Its sender is not let in any more.",
        "Process after process has ended over it.",
        "An update cannot be read: \0 of its fields are wrong.",
        "another process fetches updates with this token, or a webhook is set: \0",
        "Telegram does not know TELEGRAM_BOT_TOKEN: \0",
        "an answer",
        "HTTP \0",
        "\0, and not in the words of the Bot API",
    }
)
"""What stands in the log, or as the `error` of a row: for whoever runs the bot, and in no chat."""


@pytest.mark.parametrize(
    "path", _CODE, ids=lambda path: path.relative_to(_TEXTS.parent).with_suffix("").as_posix()
)
def test_no_sentence_stands_among_the_code(path: Path) -> None:
    found = [
        f"{path.name}:{line}: {text!r}"
        for line, text in said(ast.parse(path.read_text("utf-8")))
        if text not in _REASONS
    ]

    assert not found, "These belong into bot/texts.py:\n" + "\n".join(found)


def test_no_text_is_left_that_nobody_says() -> None:
    code = "\n".join(path.read_text("utf-8") for path in _CODE)
    own = ast.parse(_TEXTS.read_text("utf-8"))
    put_in_others = {
        node.id for node in ast.walk(own) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }

    assert [
        name
        for name in names(own)
        if name not in put_in_others and not re.search(rf"\btexts\.{name}\b", code)
    ] == []


def test_no_reason_is_left_that_nobody_gives() -> None:
    given = {text for path in _CODE for _, text in said(ast.parse(path.read_text("utf-8")))}

    assert given >= _REASONS
