"""Pieces of documents that are found by their words and, where there are vectors, by what they mean."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from psycopg.rows import class_row

from shared.database import PLANNED_ANEW, Connection
from shared.ids import ProjectId
from shared.storable import storable

_CANDIDATES = 200
"""Chunks whose words' places are looked at; the others have fewer or commoner of the words."""

_FUSION = 60
"""Reciprocal rank fusion's constant (Cormack, Clarke, Büttcher, SIGIR 2009): the first places do not decide all."""

Vector = Sequence[float]


class Kind(StrEnum):
    """What a chunk's words are: names, or a language that people speak."""

    CODE = "code"
    PROSE = "prose"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document and its place in it."""

    symbol: str
    """`Server.start`, or a heading below its headings; empty for what belongs to none."""
    kind: Kind
    first_line: int
    """From 1."""
    last_line: int
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk that has no vector yet."""

    id: int
    path: str
    symbol: str
    content: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found."""

    chunk_id: int
    project_id: ProjectId
    path: str
    symbol: str
    first_line: int
    last_line: int
    content: str
    score: float


_HIT = "chunks.id AS chunk_id, project_id, path, symbol, first_line, last_line, content"


async def replace(
    tx: Connection, project_id: ProjectId, made: Mapping[int, tuple[str, Sequence[Chunk]]]
) -> None:
    """Put documents' chunks in the place of those that they had.

    Args:
        tx: A transaction in which the documents are held.
        project_id: Whose they are.
        made: Path and chunks of each document.
    """
    await tx.execute("DELETE FROM chunks WHERE document_id = ANY(%s)", [list(made)])
    columns = "document_id, project_id, path, ordinal, symbol, kind, first_line, last_line, content"
    async with tx.cursor() as cursor, cursor.copy(f"COPY chunks ({columns}) FROM STDIN") as copy:
        for document_id, (path, pieces) in made.items():
            for ordinal, chunk in enumerate(pieces):
                await copy.write_row(
                    (
                        document_id,
                        project_id,
                        storable(path),
                        ordinal,
                        storable(chunk.symbol),
                        chunk.kind,
                        chunk.first_line,
                        chunk.last_line,
                        storable(chunk.content),
                    )
                )


async def search(
    tx: Connection,
    query: str,
    *,
    projects: Collection[ProjectId],
    limit: int,
    vector: Vector | None = None,
    model: str = "",
) -> list[Hit]:
    """Return the chunks that fit a question best, best first.

    Args:
        tx: Where to look.
        query: Words of people or names of code, in any mixture.
        projects: Whose code is searched.
        limit: The most that are returned.
        vector: The question's vector; left out, words alone count.
        model: The embeddings model that the vector is of.
    """
    await tx.execute(PLANNED_ANEW)
    by_words = await _by_words(tx, query, projects, limit=_CANDIDATES)
    if vector is None:
        return by_words[:limit]
    by_meaning = await _by_meaning(tx, vector, model, projects, limit=_CANDIDATES)
    return _fused(by_words, by_meaning)[:limit]


async def can_have_vectors(tx: Connection) -> bool:
    """Whether this database can keep vectors."""
    cursor = await tx.execute("SELECT to_regclass('chunk_vectors') IS NOT NULL")
    row = await cursor.fetchone()
    return bool(row and row[0])


async def without_vectors(tx: Connection, documents: Collection[int], model: str) -> list[Piece]:
    """Return the chunks of documents that have no vector of a model."""
    async with tx.cursor(row_factory=class_row(Piece)) as cursor:
        await cursor.execute(
            """
            SELECT chunks.id, path, symbol, content FROM chunks
             WHERE document_id = ANY(%s)
               AND NOT EXISTS (SELECT FROM chunk_vectors WHERE chunk_id = chunks.id AND model = %s)
             ORDER BY document_id, ordinal
            """,
            [list(documents), model],
        )
        return await cursor.fetchall()


async def add_vectors(tx: Connection, model: str, vectors: Mapping[int, Vector]) -> None:
    """Keep chunks' vectors; of a chunk that is gone by now, nothing is kept."""
    async with tx.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO chunk_vectors (chunk_id, model, embedding)
            SELECT id, %s, %s::vector FROM chunks WHERE id = %s FOR KEY SHARE
            ON CONFLICT (chunk_id) DO UPDATE SET model = excluded.model, embedding = excluded.embedding
            """,
            [(model, _written(vector), chunk_id) for chunk_id, vector in vectors.items()],
        )


async def _by_words(tx: Connection, query: str, projects: Collection[ProjectId], *, limit: int) -> list[Hit]:
    """Rank by words: the rarer a word among the chunks, and the better its places, the more it counts.

    PostgreSQL's own ranks do not know how rare a word is. So the words' chunks are counted first,
    through the index alone (chunks_words), and the places are looked at in the best of them only.
    """
    async with tx.cursor(row_factory=class_row(Hit)) as cursor:
        await cursor.execute(
            f"""
            WITH words AS (
                SELECT DISTINCT quote_literal(lexeme)::tsquery AS word
                  FROM unnest(to_tsvector('simple', code_words(%(query)s))
                              || to_tsvector('english', identifier_parts(%(query)s)))
                 WHERE to_tsvector('english', lexeme) <> ''::tsvector
            ), found AS MATERIALIZED (
                SELECT chunks.id, word, count(*) OVER (PARTITION BY word) AS chunks_with_it
                  FROM words JOIN chunks ON chunks.words @@ word
                 WHERE project_id = ANY(%(projects)s)
            ), weighed AS MATERIALIZED (
                SELECT word, ln(1 + (SELECT count(DISTINCT id) FROM found) / chunks_with_it::float8) AS weight
                  FROM found GROUP BY word, chunks_with_it
            ), candidates AS (
                SELECT id FROM found JOIN weighed USING (word)
                 GROUP BY id ORDER BY sum(weight) DESC, id LIMIT %(candidates)s
            )
            SELECT {_HIT}, sum(weight * ts_rank(%(weights)s::real[], words, word, 0)) AS score
              FROM candidates JOIN chunks USING (id) JOIN weighed ON words @@ word
             GROUP BY chunks.id
             ORDER BY score DESC, chunks.id LIMIT %(limit)s
            """,
            {
                "query": storable(query),
                "projects": list(projects),
                "candidates": _CANDIDATES,
                "limit": limit,
                # For D, C, B, A: nothing, text, path, symbol.
                "weights": [0.1, 0.3, 0.5, 1.0],
            },
        )
        return await cursor.fetchall()


async def _by_meaning(
    tx: Connection, vector: Vector, model: str, projects: Collection[ProjectId], *, limit: int
) -> list[Hit]:
    """Rank by cosine distance, exactly: an index would want to know the model's dimensions beforehand."""
    async with tx.cursor(row_factory=class_row(Hit)) as cursor:
        await cursor.execute(
            f"""
            SELECT {_HIT}, 1 - (embedding <=> %(vector)s::vector) AS score
              FROM chunk_vectors JOIN chunks ON chunks.id = chunk_id
             WHERE model = %(model)s AND project_id = ANY(%(projects)s)
               AND vector_dims(embedding) = %(dimensions)s
             ORDER BY embedding <=> %(vector)s::vector, chunk_id LIMIT %(limit)s
            """,
            {
                "vector": _written(vector),
                "dimensions": len(vector),
                "model": model,
                "projects": list(projects),
                "limit": limit,
            },
        )
        return await cursor.fetchall()


def _fused(*rankings: Sequence[Hit]) -> list[Hit]:
    """Return the hits of several rankings in the order of their reciprocal ranks' sum."""
    scores: dict[int, float] = {}
    hits: dict[int, Hit] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            hits[hit.chunk_id] = hit
            scores[hit.chunk_id] = scores.get(hit.chunk_id, 0.0) + 1 / (_FUSION + rank)
    return sorted(hits.values(), key=lambda hit: (-scores[hit.chunk_id], hit.chunk_id))


def _written(vector: Vector) -> str:
    """Return a vector as pgvector reads it."""
    return json.dumps([float(number) for number in vector])
