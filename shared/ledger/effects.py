"""Changes to the outside world, each recorded before and after it is made.

An effect is "ensure", not "do": it may be made again after a crash between
the effect and its record, and must then find what it made before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from shared.database import Connection
from shared.errors import Conflict
from shared.ids import ProjectId, RunId
from shared.storable import storable_json


class EffectChanged(Conflict):
    """This step was begun before with something else to do."""

    code = "effect_changed"
    advice = "Start the work anew: what was approved for this run no longer holds."


@dataclass(frozen=True, slots=True)
class Effect:
    """One change to the outside world, by run and step."""

    run_id: RunId
    key: str
    kind: str
    request: str
    status: str
    result: dict[str, Any] | None
    attempts: int
    started_at: datetime
    done_at: datetime | None


_COLUMNS = "run_id, key, kind, request, status, result, attempts, started_at, done_at"


async def begin(tx: Connection, run_id: RunId, token: int, *, key: str, kind: str, request: str) -> Effect:
    """Store that an effect is about to be made, or return what it came to before.

    Args:
        tx: A transaction that commits before the effect is made.
        run_id: The run that makes it.
        token: The run's claim.
        key: Which effect of the run: the step, and what in it.
        kind: What it changes: `repository`, `commit`, `release`, `deployment`.
        request: Digest of what is asked for (`questions.digest_of`).

    Returns:
        The effect; when its status is `done` it is not to be made again.

    Raises:
        ClaimLost: (SQLSTATE TW001) the token is not the run's any more.
        EffectChanged: It was begun before with another request.
    """
    await tx.execute("SELECT assert_claim(%s, %s)", [run_id, token])
    async with tx.cursor(row_factory=class_row(Effect)) as cursor:
        await cursor.execute(
            f"""
            INSERT INTO effects (run_id, key, kind, request, status)
            VALUES (%(run_id)s, %(key)s, %(kind)s, %(request)s, 'started')
            ON CONFLICT (run_id, key) DO UPDATE
               SET attempts = effects.attempts + (effects.status = 'started')::int
            RETURNING {_COLUMNS}
            """,
            {"run_id": run_id, "key": key, "kind": kind, "request": request},
        )
        effect = await cursor.fetchone()
    assert effect is not None  # noqa: S101
    if effect.request != request:
        raise EffectChanged
    return effect


async def finish(tx: Connection, run_id: RunId, token: int, *, key: str, result: dict[str, Any]) -> None:
    """Store that an effect has been made, and what it came to.

    Raises:
        ClaimLost: (SQLSTATE TW001) the token is not the run's any more.
    """
    await tx.execute("SELECT assert_claim(%s, %s)", [run_id, token])
    await tx.execute(
        """
        UPDATE effects SET status = 'done', result = %s, done_at = clock_timestamp()
         WHERE run_id = %s AND key = %s AND status = 'started'
        """,
        [storable_json(result), run_id, key],
    )


async def of_run(tx: Connection, run_id: RunId) -> list[Effect]:
    """Return what a run has changed, oldest first."""
    async with tx.cursor(row_factory=class_row(Effect)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM effects WHERE run_id = %s ORDER BY started_at", [run_id]
        )
        return await cursor.fetchall()


async def was_made(tx: Connection, project_id: ProjectId, *, kind: str, request: str, fact: str) -> bool:
    """Return whether any run of a project has made an effect (index runs_of_project, then effects' key).

    Args:
        tx: A connection.
        project_id: Whose runs.
        kind: What it changes.
        request: Digest of what was asked for.
        fact: What its result has when it was made; what was refused is done without.
    """
    cursor = await tx.execute(
        """
        SELECT EXISTS (
            SELECT FROM runs JOIN effects ON effects.run_id = runs.id
             WHERE runs.project_id = %(project_id)s AND kind = %(kind)s AND request = %(request)s
               AND effects.status = 'done' AND effects.result ? %(fact)s)
        """,
        {"project_id": project_id, "kind": kind, "request": request, "fact": fact},
    )
    [(made,)] = await cursor.fetchall()
    return bool(made)
