"""Files that came with what people said, and the work that they were given to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import RunId, SessionId


@dataclass(frozen=True, slots=True)
class Attached:
    """One file, as the ledger has it; its content is below the home, by its digest."""

    name: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime


_COLUMNS = "name, media_type, size, sha256, created_at"


async def record(
    tx: Connection,
    *,
    session_id: SessionId,
    inbox_id: int,
    name: str,
    media_type: str,
    size: int,
    sha256: str,
) -> None:
    """Note a file, in the transaction that stores the message it came with."""
    await tx.execute(
        """
        INSERT INTO attachments (session_id, inbox_id, name, media_type, size, sha256)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [session_id, inbox_id, name, media_type, size, sha256],
    )


async def give(tx: Connection, inbox_id: int, run_id: RunId) -> None:
    """Give a message's files to the work that it starts."""
    await tx.execute("UPDATE attachments SET run_id = %s WHERE inbox_id = %s", [run_id, inbox_id])


async def of_run(tx: Connection, run_id: RunId) -> list[Attached]:
    """Return the files that were given to a run, in the order in which they came (index attachments_of_run)."""
    async with tx.cursor(row_factory=class_row(Attached)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM attachments WHERE run_id = %s ORDER BY id", [run_id])
        return await cursor.fetchall()


async def of_session(tx: Connection, session_id: SessionId, *, limit: int = 20) -> list[Attached]:
    """Return a session's files, the newest first (index attachments_of_session)."""
    async with tx.cursor(row_factory=class_row(Attached)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM attachments WHERE session_id = %s ORDER BY id DESC LIMIT %s",
            [session_id, limit],
        )
        return await cursor.fetchall()
