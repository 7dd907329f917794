"""Mirrors of GitHub's repositories that are not worth their place on this machine any more.

Each can be fetched again. One that is used every day goes too after some weeks: what it has
gathered of work that was dropped goes with it, and it comes back as small as the repository is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from infrastructure.forge.mirrors import Mirrors, StandingMirror
from shared.database import Database
from shared.ledger import projects

_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S


@dataclass(frozen=True, slots=True)
class MirrorAges:
    """Seconds after which a mirror goes."""

    unknown_s: float = _DAY_S
    """Unused, and of no project: it was removed, or has not recorded its repository yet."""
    unused_s: float = 7 * _DAY_S
    """Unused, of a project."""
    made_s: float = 30 * _DAY_S
    """Since it was fetched, however much it is used."""
    rest_s: float = _HOUR_S
    """Unused, in any case: what is done in several steps is not disturbed."""


async def remove_mirrors(database: Database, mirrors: Mirrors, ages: MirrorAges | None = None) -> int:
    """Remove what is not worth keeping.

    Args:
        database: Says which repositories projects have.
        mirrors: Those of this machine.
        ages: How long they are kept; the usual when left out.

    Returns:
        How many were removed.
    """
    await mirrors.remove_doomed()
    there_are = await mirrors.there_are()
    if not there_are:
        return 0
    async with database.connection() as connection:
        known = await projects.repository_numbers(connection)
    over = [one for one in there_are if _is_over(one, ages or MirrorAges(), known=one.number in known)]
    return sum([await mirrors.remove_unused(one) for one in over])


def _is_over(mirror: StandingMirror, ages: MirrorAges, *, known: bool) -> bool:
    now = time.time()
    unused_s, made_s = now - mirror.used_at, now - mirror.made_at
    if unused_s < ages.rest_s:
        return False
    return unused_s >= (ages.unused_s if known else ages.unknown_s) or made_s >= ages.made_s
