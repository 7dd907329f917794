"""Finding places in the projects' code: what `/ask` answers from, and what agents look things up with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from shared.database import Connection
from shared.hostile import clean
from shared.ids import ProjectId
from shared.ledger import chunks
from shared.ledger.chunks import Vector
from shared.redaction import Redactor

_OF_ONE_FILE: Final = 3
"""Places of the same file that are named: the others would hide the next file."""


@dataclass(frozen=True, slots=True)
class Place:
    """Some lines of a project's code."""

    project_id: ProjectId
    path: str
    symbol: str
    """The function, class or heading that they belong to; empty where there is none."""
    first_line: int
    """From 1."""
    last_line: int
    content: str
    """What stands there, without secrets; as many lines as stand there."""

    @property
    def lines(self) -> list[str]:
        """The content's lines without anything that steers, counted as git counts them: at line feeds alone."""
        # What else breaks a line becomes a line feed when it is cleaned, and would shift all numbers below.
        return [clean(line).replace("\n", " ") for line in self.content.split("\n")]


async def search_code(
    tx: Connection,
    query: str,
    *,
    projects: Collection[ProjectId],
    limit: int = 10,
    vector: Vector | None = None,
    model: str = "",
) -> list[Place]:
    """Return the places that fit a question best, best first; none when no word of it is found.

    Args:
        tx: Where to look.
        query: A question in words, names of code, or both.
        projects: Whose code is searched.
        limit: The most places that are returned.
        vector: What an `Embedder` made of the question, if one is configured.
        model: That embedder's model.
    """
    hits = await chunks.search(
        tx, query, projects=projects, limit=limit * _OF_ONE_FILE, vector=vector, model=model
    )
    places: list[Place] = []
    redactor = Redactor()
    for hit in hits:
        same_file = [one for one in places if (one.project_id, one.path) == (hit.project_id, hit.path)]
        if len(same_file) < _OF_ONE_FILE and len(places) < limit:
            places.append(
                Place(
                    hit.project_id,
                    hit.path,
                    hit.symbol,
                    hit.first_line,
                    hit.last_line,
                    redactor.text(hit.content, lines_kept=True),
                )
            )
    return places
