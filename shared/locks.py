"""Locks over Redis, for work that any replica may do and only one at a time may.

The lock keeps replicas from each other's way, and PostgreSQL keeps them from harm: with the lock
comes a fencing token from `leases`, and every transaction of the body asserts it. A body that was
paused past its time, or cut off from Redis, may go on for a moment, and writes nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import psycopg
import structlog
from prometheus_client import Counter
from redis.asyncio.lock import Lock
from redis.exceptions import LockError, RedisError

from shared import lease
from shared.database import Connection, Database
from shared.errors import Conflict, Unavailable
from shared.lease import LeaseLost, assert_lease
from shared.live import Live
from shared.outages import OUTAGE

_KEY = "telewright:lock:"

_SAFE: Final = 0.9
"""The part of a lock's time after which the body is stopped, so that it stands still when the time is over."""

_ANSWER_S = 1.0
"""How long Redis may take to answer whoever begins or ends; a renewal may take a quarter of the lock's time."""

_SILENT = (RedisError, OSError, TimeoutError)
"""How it shows that Redis does not answer."""

REFUSED: Final = Counter(
    "telewright_lock_refused_total", "Times that a lock was not to be had, by reason", ["name", "reason"]
)
LOST: Final = Counter("telewright_lock_lost_total", "Locks that were lost while they were needed", ["name"])

log = structlog.get_logger(__name__)


class LockTaken(Conflict):
    """Another process is at the same work."""

    code = "lock_taken"
    advice = "Nothing: it is done there. /locks says by whom and since when."


class LocksUnavailable(Unavailable):
    """Redis does not answer, so nothing begins that needs a lock."""

    code = "locks_unavailable"


class LockLost(LeaseLost):
    """The lock was lost, or could not be renewed in time."""

    code = "lock_lost"


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock that is held."""

    name: str
    token: int
    """What fences the holder's writes; grows with every holder."""

    @asynccontextmanager
    async def transaction(self, database: Database) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction that only the holder can commit.

        Raises:
            LeaseLost: Another process holds the lock.
        """
        async with database.transaction() as tx:
            await assert_lease(tx, self.name, self.token)
            yield tx


@asynccontextmanager
async def redis_lock(live: Live, database: Database, name: str, *, ttl_s: float) -> AsyncIterator[HeldLock]:
    """Hold a lock while the block runs; do not wait for it.

    It is renewed all the while. When it is lost, or Redis does not answer for so long that
    somebody else might have it, the block is cancelled.

    Args:
        live: Whose Redis keeps the lock.
        database: Where the fencing token is from.
        name: What is locked; leases have the same names.
        ttl_s: Seconds after which somebody else may go on for a holder that has fallen silent.

    Raises:
        LockTaken: Another process holds it.
        LocksUnavailable: Redis does not answer.
        LockLost: The block was cancelled.
        LeaseLost: Another process holds it, as a transaction of the block found.
        psycopg.OperationalError: The database does not answer.
    """
    lock = Lock(live.redis, f"{_KEY}{name}", timeout=ttl_s, blocking=False, thread_local=False)
    term = _Term(ttl_s)
    await _acquire(lock, name)
    try:
        async with term.limit:
            keeping = asyncio.create_task(_keep(lock, name, term), name=f"lock.{name}")
            try:
                async with _signed(lock, database, name, term) as held:
                    yield held
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
    except TimeoutError as error:
        if not term.limit.expired():
            raise
        LOST.labels(name).inc()
        log.warning("lock.lost", lock=name)
        raise LockLost from error
    finally:
        # What cannot be released now ends by itself.
        with suppress(*_SILENT):
            async with asyncio.timeout(_ANSWER_S):
                await lock.release()


class _Term:
    """How long a lock is ours at least, whatever happens: counted from before Redis was asked."""

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self.limit = asyncio.timeout_at(asyncio.get_running_loop().time() + ttl_s * _SAFE)

    def renewed(self, asked: float) -> None:
        """Go on: Redis was asked at that time of the loop, and has answered."""
        if not self.limit.expired():
            self.limit.reschedule(asked + self.ttl_s * _SAFE)

    def over(self) -> None:
        """Stop the block now."""
        if not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time())


async def _acquire(lock: Lock, name: str) -> None:
    try:
        async with asyncio.timeout(_ANSWER_S):
            acquired = await lock.acquire()
    except _SILENT as error:
        REFUSED.labels(name, "unavailable").inc()
        raise LocksUnavailable from error
    if not acquired:
        REFUSED.labels(name, "taken").inc()
        raise LockTaken


async def _keep(lock: Lock, name: str, term: _Term) -> None:
    """Renew a lock until it is lost; the term ends by itself where Redis stays silent."""
    loop, pause_s = asyncio.get_running_loop(), term.ttl_s / 3
    while True:
        await asyncio.sleep(pause_s)
        asked = loop.time()
        try:
            async with asyncio.timeout(term.ttl_s / 4):
                await lock.reacquire()
        except LockError:
            return term.over()
        except _SILENT as error:
            log.warning("lock.unrenewed", lock=name, error=str(error) or type(error).__name__)
            pause_s = term.ttl_s / 10
        else:
            term.renewed(asked)
            pause_s = term.ttl_s / 3


@asynccontextmanager
async def _signed(lock: Lock, database: Database, name: str, term: _Term) -> AsyncIterator[HeldLock]:
    """Take the next token, and say that we live for as long as the block runs."""
    held = await _sign(lock, database, name, term.ttl_s)
    log.debug("lock.taken", lock=name, token=held.token)
    beating = asyncio.create_task(_beat(database, held, term), name=f"lock.{name}.beat")
    try:
        yield held
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        with suppress(*OUTAGE, TimeoutError):
            async with asyncio.timeout(_ANSWER_S), database.connection() as connection:
                await lease.release(connection, name, held.token)


async def _sign(lock: Lock, database: Database, name: str, ttl_s: float) -> HeldLock:
    """Become the holder.

    Raises:
        LockTaken: What the old holder is writing takes too long.
        LockLost: The lock was lost meanwhile, as by a process that was paused here.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}"
    try:
        async with database.transaction() as tx:
            await tx.execute("SELECT set_config('lock_timeout', %s, true)", [f"{int(ttl_s * 1000)}ms"])
            token = await lease.next_token(tx, name, holder=holder, silence_s=ttl_s)
            # A token taken by who has no lock would fence the one who has.
            if not await lock.owned():
                raise LockLost
    except psycopg.errors.LockNotAvailable as error:
        REFUSED.labels(name, "taken").inc()
        raise LockTaken from error
    except RedisError as error:
        raise LocksUnavailable from error
    return HeldLock(name, token)


async def _beat(database: Database, held: HeldLock, term: _Term) -> None:
    """Show people that the holder lives, and learn of another one."""
    while True:
        await asyncio.sleep(term.ttl_s / 3)
        try:
            async with database.connection() as connection:
                still_ours = await lease.beat(connection, held.name, held.token)
        except OUTAGE as error:
            log.warning("lock.beat_missed", lock=held.name, error=str(error).partition("\n")[0])
            continue
        if not still_ours:
            return term.over()
