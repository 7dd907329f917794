"""A reply's blocks as text with entities, made by aiogram's formatting: no markup, so nothing to escape."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import assert_never

from aiogram.utils.formatting import Bold, Italic, Pre, TextLink, as_key_value, as_list
from aiogram.utils.formatting import Code as Fixed
from aiogram.utils.formatting import Text as Node

from bot.rendering.links import host_to_open
from bot.rendering.tables import table_node
from bot.rendering.text import clean, cut, isolated, one_line, settled, visible
from graph.conversation.replies import Block, Code, Fact, Facts, File, Kind, Link, Reply, Table, Text
from graph.conversation.texts.words import capitalised

_HEADLINE = 160
"""Characters of a first line or sentence that are set bold; a longer one is a paragraph."""

_ONE_THOUGHT = 60
"""Characters of a first line that stands out as a whole; of a longer one its first sentence does."""

_LABEL = 200
"""UTF-16 code units of a label, a title or a link's words."""

_FIRST_SENTENCE = re.compile(r".{1,160}?[.?!](?=\s|$)")

_DIGEST = re.compile(r"[0-9a-f]{7,64}|[a-z0-9]+:[0-9a-f]{16,64}")
"""A commit or a digest: copied by a tap when set in a fixed width."""

_FAILED, _CANCELLED = "❌ ", "🚫 "


def body(reply: Reply) -> Node:
    """Return what a reply says, without its files and buttons."""
    told = [block for block in reply.blocks if not isinstance(block, File)]
    nodes: list[Node | str] = []
    for place, block in enumerate(told):
        node = _first(reply, block) if place == 0 else _block(block, quiet=reply.error is not None)
        if shows(node):
            nodes.extend([_gap(told[place - 1], block) if nodes else "", node])
    return Node(*nodes)


def plain(blocks: Iterable[Block], gap: str = "\n\n") -> str:
    """Return blocks as lines without entities."""
    return gap.join(plain_text(_block(block)).strip("\n") for block in blocks)


def shows(node: Node) -> bool:
    """Whether there is anything to see in a node."""
    return any(shows(part) if isinstance(part, Node) else visible(str(part)) for part in node)


def plain_text(node: Node) -> str:
    """Return the text of a node."""
    text, _ = node.render(_collect_entities=False)
    return text


def _first(reply: Reply, block: Block) -> Node:
    """Return the block that a reply begins with: what is asked or has become of a run stands out."""
    if not isinstance(block, Text) or reply.kind not in {Kind.QUESTION, Kind.RESULT}:
        return _block(block)
    text = _paragraph(block.text)
    mark = _mark(reply) if reply.kind is Kind.RESULT else ""
    line, break_, rest = text.partition("\n")
    if len(line) > _ONE_THOUGHT and (sentence := _FIRST_SENTENCE.match(line)):
        line, break_, rest = sentence[0], "", text[sentence.end() :]
    if len(line) > _HEADLINE:
        return Node(mark, text)
    return Node(mark, Bold(line), break_, rest)


def _mark(result: Reply) -> str:
    if result.cancelled:
        return _CANCELLED
    return _FAILED if result.error is not None else ""


def _gap(before: Block, block: Block) -> str:
    """Return what stands between two blocks: output belongs to the words that announce it."""
    announced = isinstance(before, Text) and isinstance(block, Code) and not visible(block.title)
    return "\n" if announced else "\n\n"


def _block(block: Block, *, quiet: bool = False) -> Node:
    match block:
        case Text(text=text):
            paragraph = _paragraph(text)
            return Italic(paragraph) if quiet else Node(paragraph)
        case Code(title=title, text=text):
            return _output(one_line(title), clean(text).strip("\n"))
        case Facts(facts=facts):
            told = [_fact(fact) for fact in facts if visible(fact.label) or visible(fact.value)]
            return as_list(*told) if told else Node()
        case Table():
            return table_node(block)
        case Link(url=url, label=label):
            return _link(one_line(url), one_line(label))
        case File(name=name, content=content):
            return _output(one_line(name), clean(content))
    assert_never(block)


def _paragraph(text: str) -> str:
    return settled(clean(text).strip())


def _output(title: str, text: str) -> Node:
    if not visible(text):
        return Bold(title)
    return Node(Bold(isolated(cut(title, _LABEL))), "\n", Pre(text)) if title else Pre(text)


def _fact(fact: Fact) -> Node:
    label = isolated(cut(capitalised(one_line(fact.label)), _LABEL))
    value = clean(fact.value).strip()
    if _DIGEST.fullmatch(value):
        return as_key_value(label, Fixed(value))
    if "\n" in value:
        return Node(Bold(label, ":"), "\n", isolated(value))
    return as_key_value(label, isolated(value))


def _link(url: str, label: str) -> Node:
    words = isolated(cut(label, _LABEL))
    if host_to_open(url):
        return TextLink(words or cut(url, _LABEL), url=url)
    return Node(Bold(words, ":"), " ", Fixed(url)) if label else Fixed(url)
