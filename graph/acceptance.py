"""Starting a piece of work: a run and the job that does it, in the caller's transaction."""

from __future__ import annotations

from typing import TypeAlias

from graph.orchestrator.version import ENTRYPOINT, VERSION, WORKFLOW
from graph.orchestrator.work import Build, Deploy, Remove, Restart, Rollback, Start, Stop
from shared import queue
from shared.database import Connection
from shared.ids import ProjectId
from shared.ledger import audit, runs, workflows
from shared.ledger.runs import Run
from shared.ledger.sessions import Session
from shared.ledger.users import User, may_change_things

Work: TypeAlias = Build | Deploy | Rollback | Stop | Start | Restart | Remove


async def start_work(
    tx: Connection,
    work: Work,
    *,
    session: Session,
    user: User,
    title: str,
    trace_id: str,
    idempotency_key: str,
) -> Run:
    """Accept a piece of work: once the transaction commits, it will be done.

    Args:
        tx: The transaction that must commit before who asked is answered.
        work: What is to be done.
        session: The conversation it belongs to.
        user: Who asks.
        title: One line for people.
        trace_id: The trace of the message that asks.
        idempotency_key: The same key again is the same run.

    Returns:
        The run, also when it was accepted before.

    Raises:
        ViewersOnlyLook: The person may not change anything.
    """
    may_change_things(user)
    await _take_turns(tx, session)
    run, new = await runs.accept(
        tx,
        workflow_version_id=await _orchestrator(tx),
        session_id=session.id,
        requested_by=user.id,
        title=title,
        input_=work.model_dump(mode="json"),
        trace_id=trace_id,
        project_id=None if isinstance(work, Build) else ProjectId(work.project_id),
        idempotency_key=idempotency_key,
    )
    if new:
        await queue.defer(tx, run)
        await audit.record(
            tx,
            user_id=user.id,
            front=session.front,
            action="run.requested",
            subject=f"run:{run.id}",
            details={"kind": work.kind, "title": title, "number": run.number},
            trace_id=trace_id,
        )
    return run


async def _take_turns(tx: Connection, session: Session) -> None:
    """Let a session's runs commit in the order of their numbers.

    A reader that has seen run 8 end may then forget all before it: no run 7
    can still come to light.
    """
    await tx.execute("SELECT 1 FROM sessions WHERE id = %s FOR NO KEY UPDATE", [session.id])


async def _orchestrator(tx: Connection) -> int:
    """Return the id of the orchestrator's version, which is stored by the first who needs it."""
    cursor = await tx.execute(
        "SELECT id FROM workflow_versions WHERE workflow = %s AND version = %s",
        [WORKFLOW, VERSION],
    )
    if row := await cursor.fetchone():
        return int(row[0])
    stored = await workflows.publish(
        tx, workflow=WORKFLOW, version=VERSION, kind="python", definition={"entrypoint": ENTRYPOINT}
    )
    return stored.id
