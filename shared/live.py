"""Wake-ups over Valkey: "look again", never what there is to see.

PostgreSQL is the truth. A wake-up only makes a reader look sooner than it
would have: lose every one of them, and readers look every second instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Self
from uuid import UUID, uuid4

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_CHANNEL = "telewright:session:"
_POLL_S = 1.0
"""How long a reader sleeps when no wake-up comes."""
_PAUSE_S = 1.0
"""How long nothing is tried after Valkey did not answer, so that its absence costs nothing."""
_PUBLISHED_WITHIN_S = 0.5

log = structlog.get_logger()


class Watch:
    """One reader's way to sleep until there may be something new in a session."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()

    async def wait(self) -> None:
        """Return when the session was woken since the last time, or after a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await self.woken.wait()
        self.woken.clear()


class WatchOfAll:
    """One reader's way to sleep until there may be something new in any session."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._sessions: set[UUID] = set()

    def wake(self, session_id: UUID) -> None:
        """Note that a session was woken."""
        self._sessions.add(session_id)
        self._woken.set()

    async def wait(self) -> set[UUID]:
        """Return the sessions that were woken since the last time; none after a second without any."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await self._woken.wait()
        self._woken.clear()
        sessions, self._sessions = self._sessions, set()
        return sessions


class Live:
    """Wakes readers of a session, here and in other processes, and is woken by them."""

    def __init__(self, redis_url: str) -> None:
        """Make it; nothing is opened yet.

        Args:
            redis_url: Redis ≥ 7 or Valkey. Nothing needs to answer there.
        """
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=None,
            socket_connect_timeout=1,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        self._watches: defaultdict[UUID, set[Watch]] = defaultdict(set)
        self._watches_of_all: set[WatchOfAll] = set()
        self._name = uuid4().hex
        """By which we know what we have said ourselves."""
        self._tasks: list[asyncio.Task[None]] = []
        self._unpublished: set[UUID] = set()
        """Sessions that others have not been told of."""
        self._stirred = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._listen(), name="live.listen"),
            asyncio.create_task(self._publish_all(), name="live.publish"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._publish()
        await self._redis.aclose()

    @property
    def redis(self) -> redis.Redis:
        """The client. It waits for an answer as long as it takes: whoever uses it names a limit."""
        return self._redis

    def wake(self, session_id: UUID, *, all_of_them: bool = True) -> None:
        """Tell the readers of a session to look; called after the commit.

        Other processes are told when Valkey answers: nobody waits for that.

        Args:
            session_id: Where something is new.
            all_of_them: Whether those of every session look as well, in this process; else only
                this session's, and whoever is in another process.
        """
        self._wake_here(session_id, all_of_them=all_of_them)
        self._unpublished.add(session_id)
        self._stirred.set()

    @contextlib.contextmanager
    def watching(self, session_id: UUID) -> Iterator[Watch]:
        """Watch a session; what happens from here on wakes the reader."""
        watch, watches = Watch(), self._watches[session_id]
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(session_id, None)

    @contextlib.contextmanager
    def watching_all(self) -> Iterator[WatchOfAll]:
        """Watch every session; what happens in any from here on wakes the reader, and says in which."""
        watch = WatchOfAll()
        self._watches_of_all.add(watch)
        try:
            yield watch
        finally:
            self._watches_of_all.discard(watch)

    def _wake_here(self, session_id: UUID, *, all_of_them: bool = True) -> None:
        for watch in self._watches.get(session_id, ()):
            watch.woken.set()
        for watch_of_all in self._watches_of_all if all_of_them else ():
            watch_of_all.wake(session_id)

    def _hear(self, channel: str) -> None:
        # Whoever else uses this Valkey may publish whatever they like.
        with contextlib.suppress(ValueError):
            self._wake_here(UUID(channel.removeprefix(_CHANNEL)))

    async def _publish_all(self) -> None:
        """Tell other processes, for ever: together what comes while Valkey is told."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            if not await self._publish():
                await asyncio.sleep(_PAUSE_S)

    async def _publish(self) -> bool:
        """Tell other processes what they were not told yet; return whether Valkey took it."""
        sessions, self._unpublished = self._unpublished, set()
        if not sessions:
            return True
        try:
            async with (
                asyncio.timeout(_PUBLISHED_WITHIN_S),
                self._redis.pipeline(transaction=False) as together,
            ):
                for session_id in sessions:
                    together.publish(f"{_CHANNEL}{session_id}", self._name)
                await together.execute()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(f"{_CHANNEL}*")
                    async for message in pubsub.listen():
                        # What we say ourselves was heard here when it was said.
                        if message["type"] == "pmessage" and message["data"] != self._name:
                            self._hear(message["channel"])
            except (RedisError, OSError) as error:
                log.warning("live.lost", error=str(error), polling_every_s=_POLL_S)
            await asyncio.sleep(_PAUSE_S)
