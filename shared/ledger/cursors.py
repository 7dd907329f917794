"""How far each reader has read each stream; survives every restart."""

from __future__ import annotations

from collections.abc import Mapping

from shared.database import Connection


async def position(tx: Connection, *, reader: str, stream: str) -> int:
    """Return the last position read; 0 when nothing was."""
    cursor = await tx.execute(
        "SELECT position FROM cursors WHERE reader = %s AND stream = %s", [reader, stream]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def step(tx: Connection, *, reader: str, stream: str, past: int, to: int) -> bool:
    """Move a reader forward that stands exactly there; return False where it stands elsewhere.

    Args:
        tx: The transaction of what was done with what comes next.
        reader: Whose cursor.
        stream: Of what.
        past: Where it must stand.
        to: Where it stands then.
    """
    cursor = await tx.execute(
        "UPDATE cursors SET position = %s WHERE reader = %s AND stream = %s AND position = %s",
        [to, reader, stream, past],
    )
    return cursor.rowcount == 1


async def advance(tx: Connection, *, reader: str, to: Mapping[str, int]) -> None:
    """Move a reader forward; never back.

    Args:
        tx: The transaction of what was done with what was read.
        reader: Whose cursors.
        to: The last position that was read, of each stream.
    """
    # In one order, so that two who move the same cursors wait for one another and not in a ring.
    streams = sorted(to)
    await tx.execute(
        """
        INSERT INTO cursors (reader, stream, position)
        SELECT %(reader)s, * FROM unnest(%(streams)s::text[], %(positions)s::bigint[])
        ON CONFLICT (reader, stream) DO UPDATE SET position = GREATEST(cursors.position, excluded.position)
        """,
        {"reader": reader, "streams": streams, "positions": [to[stream] for stream in streams]},
    )
