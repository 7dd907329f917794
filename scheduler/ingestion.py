"""Keeps the search index what the projects' heads are.

A pass has two halves. Planning compares each head that has moved with the documents of its project,
by hash, and queues what differs. Working takes documents from the queue until it is empty or the
pass has lasted long enough. Either may be killed anywhere: the next pass looks again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

import structlog

from graph.orchestrator.world import DEFAULT_BRANCH, repository_of
from infrastructure.forge import FileInfo, Reading
from infrastructure.search import (
    Cut,
    Cutter,
    Embedder,
    language_of,
    skipped_by_content,
    skipped_by_name,
)
from scheduler.timetable import PeriodicJob
from shared.database import Connection, Database
from shared.errors import TelewrightError
from shared.ids import ProjectId
from shared.lease import LeaseLost
from shared.ledger import chunks, documents, projects
from shared.ledger.documents import Document, Planned, Wanted
from shared.ledger.projects import Project
from shared.locks import HeldLock
from shared.storable import REFUSED

EVERY_MINUTE: Final = "* * * * *"

BATCH: Final = 48
"""Documents that are read with one git and stored in one transaction."""

PASS_S: Final = 60.0
"""A pass that has lasted so long takes no more documents: others may wait for the lock."""

MOST_FILES: Final = 50_000
"""Of one project; what comes behind, by path, is skipped."""

HeadOf: TypeAlias = Callable[[Project], Awaitable[str | None]]

_EMBEDDED_AT_ONCE: Final = 64
_LONGEST_EMBEDDED: Final = 4000

log = structlog.get_logger(__name__)


def ingestion(
    database: Database,
    forge: Reading,
    *,
    embedder: Embedder | None = None,
    head_of: HeadOf | None = None,
    cron: str = EVERY_MINUTE,
) -> PeriodicJob:
    """Return the job.

    Args:
        database: The ledgers.
        forge: Where the projects' code is read.
        embedder: Makes vectors of what is indexed; left out, words alone are searched.
        head_of: Says where a project's default branch stands, when that is known without asking the forge.
        cron: When; every project's head is looked at each time.
    """
    body = partial(ingest, database, forge, embedder=embedder, head_of=head_of)
    return PeriodicJob("ingest", cron, ttl_s=30, body=body)


@dataclass(slots=True)
class Ingested:
    """What one pass has done."""

    planned: int = 0
    """Projects whose head had moved."""
    queued: int = 0
    gone: int = 0
    """Documents that left the index."""
    indexed: int = 0
    skipped: int = 0
    postponed: int = 0
    """Documents that went wrong, and are tried again or are dead."""
    out_of_reach: list[str] = field(default_factory=list)
    """Projects whose repository could not be looked at."""

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self != Ingested()


@dataclass(frozen=True, slots=True)
class _World:
    """What a pass works with."""

    database: Database
    forge: Reading
    held: HeldLock
    cutter: Cutter
    embedder: Embedder | None
    head_of: HeadOf

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Open a transaction that only the holder of the lock can commit."""
        return self.held.transaction(self.database)


async def ingest(
    database: Database,
    forge: Reading,
    held: HeldLock,
    *,
    embedder: Embedder | None = None,
    head_of: HeadOf | None = None,
    pass_s: float = PASS_S,
) -> Ingested:
    """Make one pass.

    Args:
        database: The ledgers.
        forge: Where the projects' code is read.
        held: The lock under which this runs; every write is fenced by its token.
        embedder: Makes vectors of what is indexed; left out, words alone are searched.
        head_of: Says where a project's default branch stands, when that is known without asking the forge.
        pass_s: Seconds after which no more documents are taken up.

    Returns:
        What was done.

    Raises:
        LeaseLost: Another process holds the lock now; nothing was written since.
    """
    done = Ingested()
    ends_at = time.monotonic() + pass_s
    async with Cutter() as cutter:
        world = _World(
            database, forge, held, cutter, await _usable(database, embedder), head_of or _asked_of(forge)
        )
        await _plan_all(world, done)
        while time.monotonic() < ends_at and await _work(world, done):
            pass
    if done.changed:
        log.info(
            "index.updated",
            projects=done.planned,
            queued=done.queued,
            gone=done.gone,
            indexed=done.indexed,
            skipped=done.skipped,
            postponed=done.postponed,
        )
    return done


async def plan(
    database: Database, forge: Reading, held: HeldLock, project: Project, commit: str | None
) -> Planned:
    """Queue what differs between a commit and a project's documents; None is a project without one.

    Raises:
        NoCommit: The repository has no such commit.
        LeaseLost: Another process holds the lock now.
    """
    files = await forge.files(repository_of(project), commit) if commit else []
    wanted = [_wanted(file, number) for number, file in enumerate(files)]
    async with held.transaction(database) as tx:
        return await documents.plan(tx, project.id, commit or "", wanted)


def _asked_of(forge: Reading) -> HeadOf:
    return lambda project: forge.head(repository_of(project), DEFAULT_BRANCH)


async def _usable(database: Database, embedder: Embedder | None) -> Embedder | None:
    """Return the embedder if the database can keep what it makes."""
    if embedder is None:
        return None
    async with database.connection() as connection:
        return embedder if await chunks.can_have_vectors(connection) else None


async def _plan_all(world: _World, done: Ingested) -> None:
    async with world.transaction() as tx:
        await documents.forget_removed(tx)
        await documents.bury(tx)
        if world.embedder is not None:
            done.queued += await documents.queue_unembedded(tx, world.embedder.model)
        known = await projects.all_of_them(tx)
        planned = await documents.plans(tx)
    for project in known:
        if project.repository is None:
            continue
        try:
            head = await world.head_of(project)
            if planned.get(project.id) != (head or ""):
                _count(done, await plan(world.database, world.forge, world.held, project, head))
        except LeaseLost:
            raise
        except TelewrightError as error:
            _postpone_plan(project, error.message, done)
        except REFUSED as error:
            _postpone_plan(project, f"PostgreSQL refuses it: {error}", done)


def _postpone_plan(project: Project, reason: str, done: Ingested) -> None:
    done.out_of_reach.append(project.name)
    log.warning("index.plan_postponed", project=project.name, error=reason)


def _wanted(file: FileInfo, number: int) -> Wanted:
    reason = skipped_by_name(file.path, file.size)
    if number >= MOST_FILES:
        reason = reason or f"the project has more than {MOST_FILES} files"
    return Wanted(file.path, file.blob_sha, file.size, language_of(file.path), reason)


def _count(done: Ingested, planned: Planned) -> None:
    done.planned += 1
    done.queued += planned.queued
    done.skipped += planned.skipped
    done.gone += planned.gone


async def _work(world: _World, done: Ingested) -> bool:
    """Take some documents and index them.

    Returns:
        Whether there were any.
    """
    async with world.transaction() as tx:
        taken = await documents.take(tx, BATCH)
    by_project: dict[ProjectId, list[Document]] = defaultdict(list)
    for document in taken:
        by_project[document.project_id].append(document)
    for project_id, batch in by_project.items():
        try:
            await _index(world, project_id, batch, done)
        except LeaseLost:
            raise
        except TelewrightError as error:
            await _postpone(world, batch, error.message, done)
        except REFUSED as error:
            # One of them is the reason, and is found when each is taken alone.
            await _postpone(world, batch, f"PostgreSQL refuses it: {error}", done)
    return bool(taken)


async def _index(world: _World, project_id: ProjectId, batch: Sequence[Document], done: Ingested) -> None:
    """Index documents of one project: read them, cut them, store the pieces, and give these vectors."""
    fresh = [document for document in batch if document.indexed_sha != document.blob_sha]
    read = await _read(world, project_id, fresh, done)
    stored = await _store(world, project_id, read, done)
    known = [document for document in batch if document.indexed_sha == document.blob_sha]
    if world.embedder is not None and (left := stored + known):
        await _embed(world, world.embedder, left)
        done.indexed += len(left)


async def _read(
    world: _World, project_id: ProjectId, fresh: Sequence[Document], done: Ingested
) -> list[tuple[Document, Cut]]:
    """Return documents with their chunks; what turns out not to be worth it, or to be missing, is noted."""
    if not fresh:
        return []
    async with world.database.connection() as connection:
        project = await projects.get(connection, project_id)
    contents = await world.forge.contents(repository_of(project), {document.blob_sha for document in fresh})
    missing = [document for document in fresh if document.blob_sha not in contents]
    if missing:
        await _postpone(world, missing, "The repository does not have its content.", done)
    read: list[tuple[Document, Cut]] = []
    unworthy: list[tuple[Document, str]] = []
    for document in fresh:
        content = contents.get(document.blob_sha)
        if content is None:
            continue
        if reason := skipped_by_content(content):
            unworthy.append((document, reason))
        else:
            read.append((document, await world.cutter.cut(document.language, content)))
    await _skip(world, unworthy, done)
    return read


async def _store(
    world: _World, project_id: ProjectId, read: Sequence[tuple[Document, Cut]], done: Ingested
) -> list[Document]:
    """Store documents' chunks, and return the documents that are still ours."""
    if not read:
        return []
    async with world.transaction() as tx:
        held = await documents.hold(tx, [document for document, _ in read])
        ours = [(document, cut) for document, cut in read if document.id in held]
        made = {document.id: (document.path, cut.chunks) for document, cut in ours}
        await chunks.replace(tx, project_id, made)
        await documents.note_read(tx, {document.id: cut.remark for document, cut in ours})
        if world.embedder is None:
            await documents.note_indexed(tx, held, embedded_by=None)
            done.indexed += len(held)
    return [document for document, _ in ours]


async def _embed(world: _World, embedder: Embedder, read: Sequence[Document]) -> None:
    """Give documents' chunks vectors; no transaction is open while the model thinks."""
    ids = [document.id for document in read]
    async with world.database.connection() as connection:
        pieces = await chunks.without_vectors(connection, ids, embedder.model)
    vectors: dict[int, chunks.Vector] = {}
    for start in range(0, len(pieces), _EMBEDDED_AT_ONCE):
        some = pieces[start : start + _EMBEDDED_AT_ONCE]
        made = await embedder.embed([_told(piece) for piece in some])
        vectors |= {piece.id: vector for piece, vector in zip(some, made, strict=True)}
    async with world.transaction() as tx:
        held = await documents.hold(tx, read)
        await chunks.add_vectors(tx, embedder.model, vectors)
        await documents.note_indexed(tx, held, embedded_by=embedder.model)


def _told(piece: chunks.Piece) -> str:
    """Return what a model is told of a chunk: where it is says much of what it means."""
    return f"{piece.path} {piece.symbol}\n{piece.content}"[:_LONGEST_EMBEDDED]


async def _skip(world: _World, unworthy: Sequence[tuple[Document, str]], done: Ingested) -> None:
    if not unworthy:
        return
    async with world.transaction() as tx:
        held = await documents.hold(tx, [document for document, _ in unworthy])
        for document, reason in unworthy:
            if document.id in held:
                await documents.skip(tx, document.id, reason)
    done.skipped += len(held)


async def _postpone(world: _World, batch: Sequence[Document], why: str, done: Ingested) -> None:
    async with world.transaction() as tx:
        held = await documents.hold(tx, batch)
        await documents.postpone(tx, held, why)
    done.postponed += len(held)
    log.warning("document.postponed", documents=len(held), path=batch[0].path, error=why)
