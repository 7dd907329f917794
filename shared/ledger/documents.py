"""Files of projects' repositories on their way into the index: the queue, and the record of what is in it.

A row is a file of a project's head. Whoever takes one up gets its content's hash and an attempt
number; what is written afterwards holds only while both still stand, so that a worker that was
paused, killed or doubled changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, LiteralString

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import ProjectId
from shared.storable import storable

MOST_ATTEMPTS: Final = 8
"""After so many a document is dead, until its content changes or somebody retries it."""

_TAKEN_S = 120
"""A document that was taken up and not heard of for so long may be taken up by another worker."""

_FIRST_PAUSE_S = 10
_PAUSE_GROWTH = 4
_LONGEST_PAUSE_S = 6 * 3600
"""10 s, 40 s, 3 min, 11 min, 43 min, 3 h, 6 h: with eight attempts, half a night of trouble is outlived."""

_LONGEST_ERROR = 500

_LONGEST_PATH = 2000
"""In bytes. PostgreSQL refuses a row of an index that is longer than 2,704, and all that is stored with it."""


class State(StrEnum):
    """Where a document is on its way."""

    QUEUED = "queued"
    INDEXED = "indexed"
    SKIPPED = "skipped"
    """It is not worth indexing; its reason says why."""
    DEAD = "dead"
    """It was tried too often; its error says what went wrong last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a project's head has."""

    path: str
    blob_sha: str
    size: int
    language: str
    skipped: str | None
    """Why it is not worth indexing, as far as its name and size tell."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What differs between a head and the documents before."""

    queued: int
    skipped: int
    gone: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file that somebody has taken up."""

    id: int
    project_id: ProjectId
    path: str
    blob_sha: str
    size: int
    indexed_sha: str | None
    language: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many documents of a project are in which state."""

    project_id: ProjectId
    commit_sha: str
    indexed: int
    queued: int
    skipped: int
    dead: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A document that is dead, or tried again."""

    path: str
    state: State
    attempts: int
    error: str


async def plans(tx: Connection) -> dict[ProjectId, str]:
    """Return the commit that each project was last planned at."""
    cursor = await tx.execute("SELECT project_id, commit_sha FROM document_plans")
    return {ProjectId(project_id): commit for project_id, commit in await cursor.fetchall()}


async def plan(tx: Connection, project_id: ProjectId, commit: str, wanted: Collection[Wanted]) -> Planned:
    """Bring a project's documents to what its head has: changed ones are queued, missing ones leave.

    The project's plan is locked first, so that two planners take turns.
    """
    # Names may have been made so that PostgreSQL refuses them, and be the same without what it refuses.
    by_path = {_filed(one.path): one for one in wanted}
    await tx.execute(
        """
        INSERT INTO document_plans (project_id, commit_sha) VALUES (%s, %s)
        ON CONFLICT (project_id) DO UPDATE SET commit_sha = excluded.commit_sha, planned_at = now()
        """,
        [project_id, commit],
    )
    cursor = await tx.execute(
        """
        WITH head AS (
            SELECT * FROM unnest(%(paths)s::text[], %(shas)s::text[], %(sizes)s::bigint[],
                                 %(languages)s::text[], %(reasons)s::text[])
                          AS head (path, blob_sha, size, language, reason)
        ), gone AS (
            DELETE FROM documents
             WHERE project_id = %(project_id)s AND NOT EXISTS (SELECT FROM head WHERE head.path = documents.path)
            RETURNING id
        ), changed AS (
            INSERT INTO documents (project_id, path, blob_sha, size, language, state, reason)
            SELECT %(project_id)s, path, blob_sha, size, language,
                   CASE WHEN reason IS NULL THEN 'queued' ELSE 'skipped' END, reason
              FROM head
             WHERE NOT EXISTS (
                   SELECT FROM documents
                    WHERE project_id = %(project_id)s AND path = head.path AND blob_sha = head.blob_sha)
            ON CONFLICT (project_id, path) DO UPDATE
               SET blob_sha = excluded.blob_sha, size = excluded.size, language = excluded.language,
                   state = excluded.state, reason = excluded.reason,
                   attempts = 0, due_at = now(), error = NULL, updated_at = now()
            RETURNING id, state
        )
        SELECT (SELECT count(*) FROM gone),
               (SELECT count(*) FROM changed WHERE state = 'queued'),
               (SELECT COALESCE(array_agg(id), '{}') FROM changed WHERE state = 'skipped')
        """,
        {
            "project_id": project_id,
            "paths": list(by_path),
            "shas": [one.blob_sha for one in by_path.values()],
            "sizes": [one.size for one in by_path.values()],
            "languages": [one.language for one in by_path.values()],
            "reasons": [one.skipped for one in by_path.values()],
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101
    gone, queued, skipped = row
    await _forget_chunks(tx, skipped)
    return Planned(queued=queued, skipped=len(skipped), gone=gone)


async def forget_removed(tx: Connection) -> int:
    """Let the documents of removed projects leave the index.

    Returns:
        How many projects that were.
    """
    cursor = await tx.execute(
        """
        DELETE FROM document_plans USING projects
         WHERE projects.id = document_plans.project_id AND projects.removed_at IS NOT NULL
        RETURNING project_id
        """
    )
    removed = [row[0] for row in await cursor.fetchall()]
    await tx.execute("DELETE FROM documents WHERE project_id = ANY(%s)", [removed])
    return len(removed)


async def queue_unembedded(tx: Connection, model: str) -> int:
    """Queue what was indexed without this embeddings model; its words stay searchable meanwhile."""
    cursor = await tx.execute(
        """
        UPDATE documents SET state = 'queued', attempts = 0, due_at = now(), error = NULL
         WHERE state = 'indexed' AND embedded_by IS DISTINCT FROM %s
        """,
        [model],
    )
    return cursor.rowcount


async def take(tx: Connection, limit: int) -> list[Document]:
    """Take up documents that are due, which nobody else gets for a while (index documents_due).

    Those that went wrong before come last, and one by one: they must not take others with them.
    One that was taken up too often without an end is left to `bury`.
    """
    return await _take(tx, "attempts = 0", limit) or await _take(tx, "attempts > 0", 1)


async def bury(tx: Connection) -> int:
    """Give up on documents whose last attempt ended without a word, as when it kills its worker."""
    cursor = await tx.execute(
        """
        UPDATE documents SET state = 'dead', updated_at = now(),
               error = COALESCE(error, 'Whoever read it did not come to an end.')
         WHERE state = 'queued' AND due_at <= now() AND attempts >= %s
        """,
        [MOST_ATTEMPTS],
    )
    return cursor.rowcount


async def hold(tx: Connection, taken: Sequence[Document]) -> set[int]:
    """Lock those of some documents that are still ours until the transaction ends, and return their ids."""
    cursor = await tx.execute(
        """
        SELECT documents.id FROM documents
          JOIN unnest(%s::bigint[], %s::text[], %s::int[]) AS taken (id, blob_sha, attempts) USING (id)
         WHERE state = 'queued' AND documents.blob_sha = taken.blob_sha AND documents.attempts = taken.attempts
         ORDER BY documents.id
           FOR UPDATE OF documents
        """,
        [[one.id for one in taken], [one.blob_sha for one in taken], [one.attempts for one in taken]],
    )
    return {row[0] for row in await cursor.fetchall()}


async def note_read(tx: Connection, remarks: Mapping[int, str | None]) -> None:
    """Note that documents' words are in the index, with what is to be said of how each was read."""
    await tx.execute(
        """
        UPDATE documents SET indexed_sha = blob_sha, reason = read.remark, updated_at = now()
          FROM unnest(%s::bigint[], %s::text[]) AS read (id, remark)
         WHERE documents.id = read.id
        """,
        [list(remarks), list(remarks.values())],
    )


async def note_indexed(tx: Connection, held: Collection[int], *, embedded_by: str | None) -> None:
    """Note that nothing is left to do for documents.

    Args:
        tx: A transaction in which `hold` returned them.
        held: The documents, read before.
        embedded_by: The model that all their chunks have vectors of.
    """
    await tx.execute(
        """
        UPDATE documents SET state = 'indexed', embedded_by = %s, error = NULL, updated_at = now()
         WHERE id = ANY(%s)
        """,
        [embedded_by, list(held)],
    )


async def skip(tx: Connection, held: int, reason: str) -> None:
    """Note that a document is not worth indexing, as its content tells; it leaves the index."""
    await tx.execute(
        """
        UPDATE documents
           SET state = 'skipped', reason = %s, indexed_sha = NULL, embedded_by = NULL, error = NULL, updated_at = now()
         WHERE id = %s
        """,
        [reason, held],
    )
    await _forget_chunks(tx, [held])


async def postpone(tx: Connection, held: Collection[int], error: str) -> None:
    """Try documents again after a pause that grows, or give up on them when they were tried too often."""
    await tx.execute(
        """
        UPDATE documents
           SET state = CASE WHEN attempts >= %(most)s THEN 'dead' ELSE 'queued' END,
               due_at = now() + make_interval(
                   secs => least(%(longest_s)s, %(first_s)s * %(growth)s ^ (attempts - 1))),
               error = %(error)s, updated_at = now()
         WHERE id = ANY(%(held)s)
        """,
        {
            "most": MOST_ATTEMPTS,
            "first_s": _FIRST_PAUSE_S,
            "growth": _PAUSE_GROWTH,
            "longest_s": _LONGEST_PAUSE_S,
            "error": storable(error)[:_LONGEST_ERROR],
            "held": list(held),
        },
    )


async def retry(tx: Connection, project_id: ProjectId) -> int:
    """Queue a project's dead and postponed documents for now, and return how many those are."""
    cursor = await tx.execute(
        """
        UPDATE documents SET state = 'queued', attempts = 0, due_at = now(), error = NULL, updated_at = now()
         WHERE project_id = %s AND (state = 'dead' OR state = 'queued' AND error IS NOT NULL)
        """,
        [project_id],
    )
    return cursor.rowcount


async def tallies(tx: Connection) -> list[Tally]:
    """Return how far the index of each project is."""
    async with tx.cursor(row_factory=class_row(Tally)) as cursor:
        await cursor.execute(
            """
            SELECT document_plans.project_id, document_plans.commit_sha,
                   count(*) FILTER (WHERE state = 'indexed') AS indexed,
                   count(*) FILTER (WHERE state = 'queued') AS queued,
                   count(*) FILTER (WHERE state = 'skipped') AS skipped,
                   count(*) FILTER (WHERE state = 'dead') AS dead
              FROM document_plans LEFT JOIN documents USING (project_id)
             GROUP BY document_plans.project_id
            """
        )
        return await cursor.fetchall()


async def skipped_for(tx: Connection, project_id: ProjectId) -> list[tuple[str, int]]:
    """Return why documents of a project are skipped, with how many, the commonest first."""
    cursor = await tx.execute(
        """
        SELECT reason, count(*) FROM documents
         WHERE project_id = %s AND state = 'skipped' GROUP BY reason ORDER BY count(*) DESC, reason
        """,
        [project_id],
    )
    return [(str(reason), int(count)) for reason, count in await cursor.fetchall()]


async def troubles(tx: Connection, project_id: ProjectId, *, limit: int) -> list[Trouble]:
    """Return documents of a project that went wrong, dead ones first."""
    async with tx.cursor(row_factory=class_row(Trouble)) as cursor:
        await cursor.execute(
            """
            SELECT path, state, attempts, error FROM documents
             WHERE project_id = %s AND (state = 'dead' OR state = 'queued' AND error IS NOT NULL)
             ORDER BY state, path LIMIT %s
            """,
            [project_id, limit],
        )
        return [
            Trouble(row.path, State(row.state), row.attempts, row.error) for row in await cursor.fetchall()
        ]


async def _take(tx: Connection, which: LiteralString, limit: int) -> list[Document]:
    async with tx.cursor(row_factory=class_row(Document)) as cursor:
        await cursor.execute(
            f"""
            UPDATE documents
               SET attempts = attempts + 1, due_at = now() + make_interval(secs => %(taken_s)s)
             WHERE id IN (
                   SELECT id FROM documents
                    WHERE state = 'queued' AND due_at <= now() AND attempts < %(most)s AND {which}
                    ORDER BY due_at, id LIMIT %(limit)s
                      FOR UPDATE SKIP LOCKED)
            RETURNING id, project_id, path, blob_sha, size, indexed_sha, language, attempts
            """,
            {"taken_s": _TAKEN_S, "most": MOST_ATTEMPTS, "limit": limit},
        )
        return await cursor.fetchall()


def _filed(path: str) -> str:
    """Return a path as PostgreSQL takes it: of one that is too long the beginning, and a hash of all of it."""
    stored = storable(path)
    if len(stored.encode()) <= _LONGEST_PATH:
        return stored
    beginning = stored.encode()[: _LONGEST_PATH // 2].decode(errors="ignore")
    return f"{beginning}…{hashlib.sha256(stored.encode()).hexdigest()}"


async def _forget_chunks(tx: Connection, document_ids: Sequence[int]) -> None:
    await tx.execute("DELETE FROM chunks WHERE document_id = ANY(%s)", [list(document_ids)])
