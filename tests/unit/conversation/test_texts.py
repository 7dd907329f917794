"""What is said stands in the texts of the conversation, and nowhere among the code that says it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_type_hints

import pytest

from graph import conversation
from graph.conversation import texts
from shared.ledger.health import Aspect
from shared.ledger.users import Role
from tests.prose import names, said

_PACKAGE = Path(conversation.__file__).parent
_TEXTS = Path(texts.__file__).parent
_UNDERSTOOD = _PACKAGE / "sentences.py"
"""What people say: patterns of a language, and nothing that is said to them."""
_CODE = sorted(
    path for path in _PACKAGE.rglob("*.py") if path != _UNDERSTOOD and not path.is_relative_to(_TEXTS)
)
_SUBJECTS = sorted(path for path in _TEXTS.glob("*.py") if path.stem not in {"__init__", "words"})


@pytest.mark.parametrize("path", _CODE, ids=lambda path: path.stem)
def test_no_sentence_stands_among_the_code(path: Path) -> None:
    found = [f"{path.name}:{line}: {text!r}" for line, text in said(ast.parse(path.read_text("utf-8")))]

    assert not found, "These belong into graph/conversation/texts:\n" + "\n".join(found)


@pytest.mark.parametrize("path", _SUBJECTS, ids=lambda path: path.stem)
def test_no_text_is_left_that_nobody_says(path: Path) -> None:
    code = "\n".join(one.read_text("utf-8") for one in _CODE)
    own = ast.parse(path.read_text("utf-8"))
    put_in_others = {
        node.id for node in ast.walk(own) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    unsaid = [
        name
        for name in names(own)
        if name not in put_in_others
        and not re.search(rf"\btexts\.{path.stem}(?:\.| import .*\b){name}\b", code)
    ]

    assert not unsaid


@pytest.mark.parametrize("subject", texts.__all__)
def test_a_text_says_all_that_is_put_into_it(subject: str) -> None:
    for say in _functions(subject):
        for number in range(4):
            given = _examples(say, number)
            text = say(**given)
            # A choice's key is looked up, and not said.
            values = [value for name, value in given.items() if type(value) is str and name != "choice"]

            assert all(value in text for value in values), say
            assert None not in given.values() or "None" not in text, say
            assert not re.search(r"[{}]|  | [.,;:]", text), say


def _functions(subject: str) -> list[Callable[..., str]]:
    """Return the texts of a subject that have gaps."""
    module = getattr(texts, subject)
    there = [one for one in vars(module).values() if inspect.isfunction(one)]
    return [one for one in there if one.__module__ == module.__name__ and not one.__name__.startswith("_")]


def _examples(say: Callable[..., str], number: int) -> dict[str, object]:
    """Return something to put into a text; what may be missing is so for every other number."""
    is_there = number % 2 == 1

    def example(name: str, hint: object) -> object:
        examples: dict[object, object] = {
            str: f"<{name}>",
            str | None: f"<{name}>" if is_there else None,
            Sequence[str]: ["<one>", "<another>"][: number + 1],
            int: number,
            float: number / 2,
            bool: is_there,
            Role: list(Role)[number % len(Role)],
            Aspect: (Aspect.MANAGER, Aspect.DISK, Aspect.MEMORY, Aspect.LOAD)[number],
        }
        return examples[hint]

    return {name: example(name, hint) for name, hint in get_type_hints(say).items() if name != "return"}
