"""What GitHub called the answers whose content is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shared.database import Connection


async def note(
    tx: Connection, number: int | None, etags: Mapping[str, str], *, used: Collection[str] = ()
) -> None:
    """Store the tags of answers whose content is stored in the same transaction.

    Args:
        tx: The transaction.
        number: The repository; None for listings.
        etags: By path.
        used: The paths that were asked for; tags of a repository's others are forgotten.
    """
    if number is not None:
        await tx.execute(
            "DELETE FROM etags WHERE repository_id = %s AND path <> ALL(%s)", [number, sorted(used)]
        )
    await tx.execute(
        """
        INSERT INTO etags (repository_id, path, etag)
        SELECT %(id)s::bigint, * FROM unnest(%(path)s::text[], %(etag)s::text[])
        ON CONFLICT (repository_id, path) DO UPDATE SET etag = excluded.etag WHERE etags.etag <> excluded.etag
        """,
        {"id": number, "path": list(etags), "etag": list(etags.values())},
    )
