"""How far each reader has read each stream; survives every restart."""

from __future__ import annotations

from shared.database import Connection


async def position(tx: Connection, *, reader: str, stream: str) -> int:
    """Return the last position read; 0 when nothing was."""
    cursor = await tx.execute(
        "SELECT position FROM cursors WHERE reader = %s AND stream = %s", [reader, stream]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def advance(tx: Connection, *, reader: str, stream: str, to: int) -> None:
    """Move a reader forward; never back."""
    await tx.execute(
        """
        INSERT INTO cursors (reader, stream, position) VALUES (%s, %s, %s)
        ON CONFLICT (reader, stream) DO UPDATE SET position = GREATEST(cursors.position, excluded.position)
        """,
        [reader, stream, to],
    )
