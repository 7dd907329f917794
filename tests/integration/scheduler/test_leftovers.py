"""What belongs to nobody goes from this machine, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from infrastructure.attachments import AttachmentStore
from infrastructure.locks import locked
from infrastructure.sandbox import BubblewrapSandbox, SandboxLost
from infrastructure.sandbox.running import running_sandboxes
from infrastructure.workspace import Workspaces
from scheduler.archives import ArchiveAges
from scheduler.leftovers import Leftovers, Removed
from shared.ledger import claims
from shared.ledger.runs import Run
from tests import workflows
from tests.engine import OWNER, Engine, until


@pytest.fixture
def leftovers(engine: Engine, home: Path) -> Leftovers:
    return Leftovers(engine.database, home, ArchiveAges(), grace_s=0)


async def test_workspaces_go_of_runs_that_failed_or_were_cancelled_or_never_were(
    engine: Engine, home: Path, leftovers: Leftovers
) -> None:
    failed, cancelled, live = [
        await engine.accept(build)
        for build in (workflows.build_failing, workflows.build_approval, workflows.build_approval)
    ]
    await engine.drain()
    await _cancel(engine, cancelled)
    workspaces = Workspaces(home)
    for run_id in (failed.id, cancelled.id, uuid4(), live.id):
        (await workspaces.ensure(str(run_id)) / "file").write_text("x")
    (home / "workspaces" / ".doomed-half").mkdir()

    assert await leftovers.remove() == Removed(workspaces=3)

    assert [path.name for path in (home / "workspaces").iterdir()] == [str(live.id)]
    assert await leftovers.remove() == Removed()


async def test_what_has_just_ended_is_left_to_who_is_at_it(engine: Engine, home: Path) -> None:
    run = await engine.accept(workflows.build_failing)
    await engine.drain()
    directory = await Workspaces(home).ensure(str(run.id))

    assert await Leftovers(engine.database, home, ArchiveAges(), grace_s=60).remove() == Removed()
    assert directory.is_dir()


async def test_one_scheduler_of_a_machine_looks_at_a_time(
    engine: Engine, home: Path, leftovers: Leftovers
) -> None:
    await Workspaces(home).ensure(str(uuid4()))
    async with locked(home / "leftovers.lock"):
        assert await leftovers.remove() == Removed()
    assert await leftovers.remove() == Removed(workspaces=1)


async def test_a_sandbox_of_a_run_that_is_over_is_ended_and_that_of_another_goes_on(
    engine: Engine, home: Path, leftovers: Leftovers
) -> None:
    over, live = [await engine.accept(workflows.build_approval) for _ in range(2)]
    await engine.drain()
    workspaces = Workspaces(home)
    up: list[str] = []

    async def hear(line: str) -> None:
        up.append(line)

    running = {
        run.id: asyncio.create_task(
            BubblewrapSandbox().run(
                ["sh", "-c", "echo up; sleep 60"],
                workspace=await workspaces.ensure(str(run.id)),
                on_line=hear,
            )
        )
        for run in (over, live)
    }
    await until(partial(_as_many, up, 2))
    await _cancel(engine, over)

    # The kernel tells the start of a process to the second: a fresh one may seem to begin in a moment.
    assert await until(partial(_ended, leftovers)) == 1

    with pytest.raises(SandboxLost):
        await asyncio.wait_for(running[over.id], 20)
    assert [one.workspace for one in running_sandboxes(home / "workspaces")] == [str(live.id)]
    running[live.id].cancel()
    await asyncio.gather(running[live.id], return_exceptions=True)


async def test_contents_of_files_go_when_no_message_has_them_any_more(
    engine: Engine, home: Path, leftovers: Leftovers
) -> None:
    store = AttachmentStore(home)
    known, unknown, fresh = [await store.keep(name.encode()) for name in ("known", "unknown", "fresh")]
    await _attach(engine, known)
    for sha256 in (known, unknown):
        os.utime(home / "attachments" / sha256[:2] / sha256, (0, 0))

    assert await leftovers.remove() == Removed(attachments=1)

    kept = {path.name for path in (home / "attachments").glob("??/*")}
    assert kept == {known, fresh}


async def test_a_content_that_is_kept_again_is_not_forgotten(home: Path) -> None:
    store = AttachmentStore(home)
    sha256 = await store.keep(b"x")
    os.utime(home / "attachments" / sha256[:2] / sha256, (0, 0))
    before = time.time() - 60
    assert await store.untouched_since(before) == [sha256]

    await store.keep(b"x")

    assert not await store.forget(sha256, untouched_since=before)
    assert await store.read(sha256) == b"x"


async def _cancel(engine: Engine, run: Run) -> None:
    async with engine.database.transaction() as tx:
        await claims.request_cancel(tx, run.id, by=OWNER.id)


async def _as_many(heard: list[str], number: int) -> bool:
    return len(heard) == number


async def _ended(leftovers: Leftovers) -> int:
    return (await leftovers.remove()).sandboxes


async def _attach(engine: Engine, sha256: str) -> None:
    run = await engine.accept(workflows.build_approval)
    async with engine.database.transaction() as tx:
        await tx.execute(
            """
            WITH came AS (
                INSERT INTO inbox (front, external_id, session_id, user_id, payload, trace_id)
                VALUES ('test', 'a', %(session)s, %(user)s, '{}', '') RETURNING id
            )
            INSERT INTO attachments (session_id, inbox_id, name, size, sha256)
            SELECT %(session)s, id, 'a.txt', 1, %(sha256)s FROM came
            """,
            {"session": run.session_id, "user": OWNER.id, "sha256": sha256},
        )
