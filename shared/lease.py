"""One holder at a time of what only one process may do.

The lock is PostgreSQL's advisory one, on a connection of its own: it ends with its process, at
once. The row in `leases` says who holds it. A holder that was paused keeps its connection, but
does not beat; the next one ends that connection and takes over, and the token, which grows with
every holder, fences what the old one still writes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from shared.database import FAILING_FAST, Connection
from shared.errors import TelewrightError

SILENCE_S: Final = 8.0
"""After so long without a beat, by the database's clock, a holder is replaced."""

_BEAT_S = 1.0
_TRY_S = 0.5

_LOCKS = 0x7E1E
"""The first half of the advisory lock's key: leases, among whatever else is locked in this database."""

HELD: Final = """
    released_at IS NULL AND taken_at IS NOT NULL
    AND beat_at > clock_timestamp() - make_interval(secs => silence_s)
"""
"""Whether a row of `leases` says that it is held now."""

log = structlog.get_logger(__name__)


class LeaseLost(TelewrightError):
    """This process no longer holds the lease: another one has taken over."""

    code = "lease_lost"
    advice = "Nothing: the work goes on elsewhere."


@dataclass(frozen=True, slots=True)
class HeldNow:
    """Who holds a lease, as the table shows it to people."""

    name: str
    holder: str
    token: int
    taken_at: datetime


class Held:
    """A lease that is held."""

    def __init__(self, name: str, token: int) -> None:
        self.name = name
        self.token = token
        """What fences the holder's writes; grows with every holder."""
        self.lost = asyncio.Event()
        """Set when it is held no longer."""


class Lease:
    """A lease that processes compete for."""

    def __init__(self, database_url: str, name: str, *, holder: str, silence_s: float = SILENCE_S) -> None:
        """Make it; nothing is opened yet.

        Args:
            database_url: A libpq URL of the server itself: a lock does not live in a pooler's transactions.
            name: What is held.
            holder: Who asks, for people who look at the table.
            silence_s: Seconds after which a holder that does not beat is replaced.
        """
        self._url = database_url
        self._name = name
        self._holder = holder
        self._silence_s = silence_s
        self._answer_s = silence_s / 2
        """A beat that takes longer counts as missed: the holder stops before somebody else takes over."""

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Held]:
        """Wait until the lease is ours, and hold it inside the block.

        Whoever holds it watches `lost`, stops when it is set, and lets `assert_lease` guard its writes.
        """
        connection, held = await self._acquire()
        log.info("lease.taken", lease=self._name, fence=held.token)
        beating = asyncio.create_task(self._beat(connection, held), name=f"lease.{self._name}")
        try:
            yield held
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            # Closing it is what lets the lock go.
            await connection.close()

    async def _acquire(self) -> tuple[Connection, Held]:
        while True:
            try:
                return await self._wait_in_line()
            except psycopg.OperationalError as error:
                log.warning("lease.waiting", lease=self._name, error=str(error))
                await asyncio.sleep(_TRY_S)

    async def _wait_in_line(self) -> tuple[Connection, Held]:
        connection = await self._connect()
        try:
            return connection, await self._take(connection)
        except BaseException:
            await connection.close()
            raise

    async def _connect(self) -> Connection:
        given = conninfo_to_dict(self._url)
        ours: dict[str, str | int] = {
            "application_name": f"telewright {self._name}",
            "connect_timeout": 5,
            **FAILING_FAST,
        }
        conninfo = make_conninfo(self._url, **{key: value for key, value in ours.items() if key not in given})
        return await psycopg.AsyncConnection.connect(conninfo, autocommit=True)

    async def _take(self, connection: Connection) -> Held:
        """Try until the lock is ours, then write who we are."""
        while not await self._lock(connection):
            await self._end_silent_holder(connection)
            await asyncio.sleep(_TRY_S)
        return Held(self._name, await self._sign(connection))

    async def _lock(self, connection: Connection) -> bool:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCKS, _key(self._name)])
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def _end_silent_holder(self, connection: Connection) -> None:
        """End the database session of a holder that does not beat, if it is still the one that holds the lock."""
        cursor = await connection.execute(
            """
            SELECT pg_terminate_backend(leases.backend_pid), leases.holder
              FROM leases
              JOIN pg_locks ON pid = leases.backend_pid AND locktype = 'advisory' AND granted AND objsubid = 2
                   AND classid = %(class)s::bigint::oid AND objid = %(key)s::bigint::oid
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             WHERE leases.name = %(name)s
               AND leases.beat_at < clock_timestamp() - make_interval(secs => %(silence)s)
            """,
            {
                "class": _LOCKS,
                "key": _key(self._name) & 0xFFFFFFFF,
                "name": self._name,
                "silence": self._silence_s,
            },
        )
        for ended, holder in await cursor.fetchall():
            log.warning("lease.holder_ended", lease=self._name, holder=holder, ended=ended)

    async def _sign(self, connection: Connection) -> int:
        async with connection.transaction():
            return await next_token(connection, self._name, holder=self._holder, silence_s=self._silence_s)

    async def _beat(self, connection: Connection, held: Held) -> None:
        """Beat until it is lost."""
        try:
            while not held.lost.is_set():
                await asyncio.sleep(_BEAT_S)
                await self._beat_once(connection, held)
        except psycopg.Error as error:
            log.warning("lease.lost", lease=held.name, token=held.token, error=str(error))
        finally:
            held.lost.set()

    async def _beat_once(self, connection: Connection, held: Held) -> None:
        # A statement may hang for as long as a network keeps silent, and so may calling it off.
        deadline = asyncio.get_running_loop().call_later(self._answer_s, held.lost.set)
        try:
            still_ours = await beat(connection, held.name, held.token)
        finally:
            deadline.cancel()
        if not still_ours:
            log.warning("lease.lost", lease=held.name, token=held.token, error="another one holds it")
            held.lost.set()


async def next_token(tx: Connection, name: str, *, holder: str, silence_s: float) -> int:
    """Make somebody the holder, and return the token that fences whoever was it before.

    It waits for what the old holder is writing; see `assert_lease`.

    Args:
        tx: A transaction on the connection that holds the advisory lock, if one does.
        name: What is held.
        holder: Who holds it from now on, for people.
        silence_s: Seconds without a beat after which nobody holds it any more.
    """
    await tx.execute("SELECT FROM leases WHERE name = %s FOR UPDATE", [name])
    cursor = await tx.execute(
        """
        INSERT INTO leases (name, token, holder, backend_pid, taken_at, beat_at, silence_s)
        VALUES (%(name)s, 1, %(holder)s, pg_backend_pid(), clock_timestamp(), clock_timestamp(), %(silence_s)s)
        ON CONFLICT (name) DO UPDATE
           SET token = leases.token + 1, holder = excluded.holder, backend_pid = excluded.backend_pid,
               taken_at = excluded.taken_at, beat_at = excluded.beat_at, silence_s = excluded.silence_s,
               released_at = NULL
        RETURNING token
        """,
        {"name": name, "holder": holder, "silence_s": silence_s},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


async def beat(connection: Connection, name: str, token: int) -> bool:
    """Tell that a holder lives. Returns whether it still is the holder."""
    cursor = await connection.execute(
        "UPDATE leases SET beat_at = clock_timestamp() WHERE name = %s AND token = %s", [name, token]
    )
    return cursor.rowcount == 1


async def release(connection: Connection, name: str, token: int) -> None:
    """Note that a holder holds it no longer, unless it has a new one."""
    await connection.execute(
        "UPDATE leases SET released_at = clock_timestamp() WHERE name = %s AND token = %s", [name, token]
    )


async def held_now(tx: Connection) -> list[HeldNow]:
    """Return what is held, by name; the table has a row for each name there is."""
    async with tx.cursor(row_factory=class_row(HeldNow)) as cursor:
        await cursor.execute(f"SELECT name, holder, token, taken_at FROM leases WHERE {HELD} ORDER BY name")
        return await cursor.fetchall()


async def assert_lease(tx: Connection, name: str, token: int) -> None:
    """Make sure that the lease is held by this token until the transaction ends.

    The next holder's token waits for it; beats do not, since they change no key.

    Raises:
        LeaseLost: Another process holds it.
    """
    cursor = await tx.execute(
        "SELECT FROM leases WHERE name = %s AND token = %s FOR KEY SHARE", [name, token]
    )
    if await cursor.fetchone() is None:
        raise LeaseLost


def _key(name: str) -> int:
    """Return the second half of the advisory lock's key, a signed 32-bit number."""
    number = zlib.crc32(name.encode())
    return number - 2**32 if number >= 2**31 else number
