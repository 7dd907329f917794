"""What is said stands in the texts of the conversation, and nowhere among the code that says it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_type_hints

import pytest

from graph import conversation
from graph.conversation import texts
from shared.ledger.health import Aspect
from shared.ledger.users import Role

_PACKAGE = Path(conversation.__file__).parent
_TEXTS = Path(texts.__file__).parent
_UNDERSTOOD = _PACKAGE / "sentences.py"
"""What people say: patterns of a language, and nothing that is said to them."""
_CODE = sorted(
    path for path in _PACKAGE.rglob("*.py") if path != _UNDERSTOOD and not path.is_relative_to(_TEXTS)
)
_SUBJECTS = sorted(path for path in _TEXTS.glob("*.py") if path.stem not in {"__init__", "words"})

_GAP = "\0"
"""Where a value is put into a text."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_ARGUMENT = re.compile(r"<[^>]*>|\[[^]]*\]")
"""What belongs behind a command, in its usage."""
_SQL = re.compile(r"[\s(\0]*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b")
_SHOWN = frozenset({"advice", "columns", "label", "summary", "text", "title"})
"""Arguments that a person reads, so that a single word is a text as well."""


@pytest.mark.parametrize("path", _CODE, ids=lambda path: path.stem)
def test_no_sentence_stands_among_the_code(path: Path) -> None:
    found = [f"{path.name}:{line}: {text!r}" for line, text in _said(ast.parse(path.read_text("utf-8")))]

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
        for name in _names(own)
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


@pytest.mark.parametrize(
    "code",
    [
        'say("Nothing waits.")',
        'say(f"run {number}")',
        'say(f"{how_long} ago")',
        'say(head + " and more")',
        'WHY = {State.DOWN: "it is down"}',
        "say(f\"{name}: {'not deployed' if wanted else state}\")",
        'def tell(why: str = "nobody knows"): ...',
        'Text(text="Done")',
        'Table(columns=["project"])',
        'NoSuchRun(advice=f"See {command}")',
    ],
)
def test_what_is_said_is_found(code: str) -> None:
    assert len(list(_said(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"""Says what is read by engineers."""',
        'MOST = 3\n"""Lines that are shown."""',
        'say(f"{first} {second}")',
        'CommandChoice(command=f"/logs {name} stop")',
        'Command(arguments="[project] <question>")',
        're.compile("yes(?: please)?")',
        'NEVER_MIND = frozenset({"never mind"})',
        'tx.execute("SELECT 1 FROM runs")',
        'log.info("run.resumed", run=f"run:{run}")',
        'class Late(Error):\n    """It is late."""\n\n    advice = "Ask again later."',
        'Text(text=f"{done}.")',
    ],
)
def test_what_is_not_said_is_left_alone(code: str) -> None:
    assert list(_said(ast.parse(code))) == []


def _said(node: ast.AST, *, shown: bool = False) -> Iterator[tuple[int, str]]:
    """Yield what reads as something that is said to a person, and where.

    A text has a blank and a word, or is a word where only a person reads it. What is only compared,
    documents, or is the message and the advice of a class of errors is none: docs/decisions/0013-texts.md.
    """
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Set() | ast.MatchValue():
            return
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr="compile")):
            return
        case ast.ClassDef():
            inside: list[ast.AST] = [one for one in node.body if not _is_advice(one)]
        case ast.Constant(value=str(text)) if _reads(text, shown=shown):
            yield node.lineno, text
            return
        case ast.JoinedStr(values=parts):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else _GAP for part in parts)
            if _reads(text, shown=shown):
                yield node.lineno, text
            inside = [part for part in parts if isinstance(part, ast.FormattedValue)]
        case ast.keyword(arg=name, value=value):
            yield from _said(value, shown=name in _SHOWN)
            return
        case ast.List() | ast.Tuple() | ast.IfExp() | ast.BoolOp():
            for child in ast.iter_child_nodes(node):
                yield from _said(child, shown=shown)
            return
        case _:
            inside = list(ast.iter_child_nodes(node))
    for child in inside:
        yield from _said(child)


def _is_advice(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id="advice")]):
            return True
        case _:
            return False


def _reads(text: str, *, shown: bool) -> bool:
    if text.startswith("/") or _SQL.match(text):
        return False
    words = _ARGUMENT.sub("", text)
    return bool(_WORD.search(words)) and (shown or " " in words)


def _names(module: ast.Module) -> list[str]:
    """Return what a module of texts offers."""
    found = []
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)) if name[0] != "_":
                found.append(name)
            case _:
                continue
    return found


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
