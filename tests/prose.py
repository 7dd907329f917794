"""Finds in code what is said to people, for tests of where that may stand: docs/decisions/0013-texts.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_GAP = "\0"
"""Where a value is put into a text."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_ARGUMENT = re.compile(r"<[^>]*>|\[[^]]*\]")
"""What belongs behind a command, in its usage."""
_SQL = re.compile(
    r"^[\s(\0]*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b|%s|%\(|\b(?:AND|OR|CASE WHEN|EXISTS|FOR KEY SHARE|UPDATE)\b"
)
_FOR_ENGINEERS = frozenset({"AssertionError", "BadSetting", "Counter", "Gauge", "Histogram"})
"""What is called with a text that nobody reads in a chat."""
_SHOWN = frozenset({"advice", "columns", "label", "summary", "text", "title"})
"""Arguments that a person reads, so that a single word is a text as well."""


def said(node: ast.AST, *, shown: bool = False) -> Iterator[tuple[int, str]]:
    """Yield what reads as something that is said to a person, and where.

    A text has a blank and a word, or is a word where only a person reads it. What is only compared,
    documents, is for engineers, or is the message and the advice of a class of errors is none:
    docs/decisions/0013-texts.md.
    """
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Set() | ast.MatchValue() | ast.Compare():
            return
        case ast.Call(func=ast.Name(id=called)) if called in _FOR_ENGINEERS:
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
            yield from said(value, shown=name in _SHOWN)
            return
        case ast.List() | ast.Tuple() | ast.IfExp() | ast.BoolOp():
            for child in ast.iter_child_nodes(node):
                yield from said(child, shown=shown)
            return
        case _:
            inside = list(ast.iter_child_nodes(node))
    for child in inside:
        yield from said(child)


def _is_advice(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id="advice")]):
            return True
        case _:
            return False


def _reads(text: str, *, shown: bool) -> bool:
    if text.startswith("/") or _SQL.search(text):
        return False
    words = _ARGUMENT.sub("", text)
    return bool(_WORD.search(words)) and (shown or " " in words)


def names(module: ast.Module) -> list[str]:
    """Return what a module of texts offers."""
    found = []
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)) if name[0] != "_":
                found.append(name)
            case _:
                continue
    return found
