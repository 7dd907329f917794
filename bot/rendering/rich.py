"""A reply as a rich message: only where it has a table, since older clients show no rich messages at all."""

from __future__ import annotations

from typing import assert_never

from aiogram.types import (
    InputRichBlockParagraph,
    InputRichBlockPreformatted,
    InputRichBlockTable,
    InputRichMessage,
    RichBlockTableCell,
    RichTextBold,
    RichTextCode,
    RichTextUrl,
)
from aiogram.types.input_rich_block_union import InputRichBlockUnion

from bot.rendering.links import host_to_open
from bot.rendering.text import clean, isolated, one_line, settled, units, visible
from graph.conversation.replies import Block, Code, Facts, File, Link, Reply, Table, Text
from graph.conversation.texts.words import capitalised

_MOST_UNITS = 32_768
_MOST_BLOCKS = 500
"""Blocks and rows together."""
_MOST_COLUMNS = 20


def rich_message(reply: Reply) -> InputRichMessage | None:
    """Return the reply with its tables as tables; nothing without one, or beyond Telegram's limits."""
    tables = [block for block in reply.blocks if isinstance(block, Table) and block.rows and block.columns]
    rows = sum(len(table.rows) + 1 for table in tables)
    wide = any(len(row) > _MOST_COLUMNS for table in tables for row in [table.columns, *table.rows])
    if (
        not tables
        or wide
        or rows + 2 * len(reply.blocks) > _MOST_BLOCKS
        or units(reply.plain) > _MOST_UNITS // 2
    ):
        return None
    return InputRichMessage(blocks=[rich for block in reply.blocks for rich in _blocks(block)])


def _blocks(block: Block) -> list[InputRichBlockUnion]:
    match block:
        case Text(text=text):
            return _paragraph(settled(clean(text).strip()))
        case Code(title=title, text=text):
            return [*_heading(title), *_preformatted(text)]
        case Facts():
            return _facts(block)
        case Table():
            return _table(block)
        case Link(url=url, label=label):
            return _link(one_line(url), one_line(label))
        case File():
            return []
    assert_never(block)


def _paragraph(text: str) -> list[InputRichBlockUnion]:
    return [InputRichBlockParagraph(text=text)] if visible(text) else []


def _heading(title: str) -> list[InputRichBlockUnion]:
    words = isolated(one_line(title))
    return [InputRichBlockParagraph(text=RichTextBold(text=words))] if visible(words) else []


def _preformatted(text: str) -> list[InputRichBlockUnion]:
    lines = clean(text).strip("\n")
    return [InputRichBlockPreformatted(text=lines)] if visible(lines) else []


def _facts(facts: Facts) -> list[InputRichBlockUnion]:
    """Return labels beside their values; as one paragraph, since a fact is a line and no paragraph."""
    parts = [
        part
        for fact in facts.facts
        for part in (
            RichTextBold(text=f"{isolated(capitalised(one_line(fact.label)))}:"),
            f" {isolated(clean(fact.value).strip())}\n",
        )
    ]
    return [InputRichBlockParagraph(text=[*parts])] if parts else []


def _table(table: Table) -> list[InputRichBlockUnion]:
    header = [_cell(column, is_header=True) for column in table.columns]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    for row, link in zip(rows, table.links, strict=False):
        if row and link and host_to_open(link) and visible(str(row[0].text)):
            row[0] = row[0].model_copy(update={"text": RichTextUrl(text=str(row[0].text), url=link)})
    return [InputRichBlockTable(cells=[header, *rows], is_striped=True)] if rows and header else []


def _cell(text: str, *, is_header: bool | None = None) -> RichBlockTableCell:
    return RichBlockTableCell(align="left", valign="top", text=isolated(one_line(text)), is_header=is_header)


def _link(url: str, label: str) -> list[InputRichBlockUnion]:
    if not visible(url):
        return []
    words = isolated(label) if visible(label) else url
    if host_to_open(url):
        return [InputRichBlockParagraph(text=RichTextUrl(text=words, url=url))]
    return [
        InputRichBlockParagraph(
            text=[f"{words}: ", RichTextCode(text=url)] if label else RichTextCode(text=url)
        )
    ]
