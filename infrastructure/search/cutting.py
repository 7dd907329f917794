"""How a file is cut into chunks: by symbols, by headings, or by lines."""

from __future__ import annotations

from typing import cast

from tree_sitter_language_pack import SupportedLanguage

from infrastructure.search.headings import sections
from infrastructure.search.languages import MARKDOWN, PROSE, SYMBOLS
from infrastructure.search.lines import chunks_of
from infrastructure.search.symbols import symbols
from shared.ledger.chunks import Chunk, Kind


def cut(language: str, content: bytes) -> list[Chunk]:
    """Return a file's chunks; its parser may be made to take for ever, so see `Cutter`."""
    lines = lines_of(content)
    if language == MARKDOWN:
        return sections(lines)
    if language in SYMBOLS:
        return symbols(cast("SupportedLanguage", language), content, lines)
    return cut_by_lines(language, content)


def cut_by_lines(language: str, content: bytes) -> list[Chunk]:
    """Return a file's chunks without a look at its meaning: this always ends soon."""
    lines = lines_of(content)
    kind = Kind.PROSE if language in PROSE else Kind.CODE
    return list(chunks_of(lines, 0, len(lines) - 1, kind=kind))


def lines_of(content: bytes) -> list[str]:
    """Return a file's lines as git and parsers count them: at line feeds alone."""
    lines = [line.rstrip("\r") for line in content.decode(errors="replace").split("\n")]
    # The last line's end begins no other line.
    return lines if lines[-1] else lines[:-1]
