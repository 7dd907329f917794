"""How far the listings of all of an owner's repositories on GitHub were read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Listing:
    """How far the listings of all repositories were read."""

    repositories: int | None
    pushed_at: datetime | None
    updated_at: datetime | None
    listed_at: datetime | None
    listed_s: float | None
    """Seconds since they were read last; None when they never were."""
    swept_s: float | None
    """Seconds since everything was listed."""
    rests_until: datetime | None
    """GitHub takes no requests until then; None when it does."""


async def read(tx: Connection) -> tuple[Listing, dict[str, str]]:
    """Return how far the listings were read, and their tags by path."""
    async with tx.cursor(row_factory=class_row(Listing)) as cursor:
        await cursor.execute(
            """
            SELECT repositories, pushed_at, updated_at, listed_at,
                   extract(epoch FROM clock_timestamp() - listed_at)::float AS listed_s,
                   extract(epoch FROM clock_timestamp() - swept_at)::float AS swept_s,
                   CASE WHEN rests_until > clock_timestamp() THEN rests_until END AS rests_until
              FROM github_listing
            """
        )
        found = await cursor.fetchone() or Listing(None, None, None, None, None, None, None)
    tags = await tx.execute("SELECT path, etag FROM etags WHERE repository_id IS NULL")
    return found, dict(await tags.fetchall())


async def note(
    tx: Connection,
    *,
    repositories: int,
    pushed_at: datetime | None,
    updated_at: datetime | None,
    swept: bool,
) -> None:
    """Store how far the listings were read."""
    await tx.execute(
        """
        INSERT INTO github_listing (repositories, pushed_at, updated_at, listed_at, swept_at)
        VALUES (%(repositories)s, %(pushed_at)s, %(updated_at)s, clock_timestamp(),
                CASE WHEN %(swept)s THEN clock_timestamp() END)
        ON CONFLICT (one_row) DO UPDATE
           SET repositories = excluded.repositories, pushed_at = excluded.pushed_at,
               updated_at = excluded.updated_at, listed_at = excluded.listed_at,
               swept_at = COALESCE(excluded.swept_at, github_listing.swept_at)
        """,
        {"repositories": repositories, "pushed_at": pushed_at, "updated_at": updated_at, "swept": swept},
    )


async def note_rest(tx: Connection, until: datetime) -> None:
    """Store that GitHub takes no requests until a moment."""
    await tx.execute(
        """
        INSERT INTO github_listing (rests_until) VALUES (%s)
        ON CONFLICT (one_row) DO UPDATE SET rests_until = excluded.rests_until
        """,
        [until],
    )
