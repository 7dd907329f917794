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

_SESSION = "telewright:session:"
_INBOX = "telewright:inbox:"
_POLL_S = 1.0
"""How long a reader sleeps when no wake-up comes."""
_PAUSE_S = 1.0
"""How long nothing is tried after Valkey did not answer, so that its absence costs nothing."""
_PUBLISHED_WITHIN_S = 0.5
_GATHERED_S = 0.02
"""Other processes are told so far apart: what comes within this time is told together."""

log = structlog.get_logger()


class Watch:
    """One reader's way to sleep until there may be something new in a session, or an inbox."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()

    async def wait(self) -> bool:
        """Return when the reader was woken since the last time, or after a second; and whether it was woken."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S):
                await self.woken.wait()
        woken = self.woken.is_set()
        self.woken.clear()
        return woken


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
    """Wakes readers of a session or an inbox, here and in other processes, and is woken by them."""

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
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        """By their channels."""
        self._watches_of_all: set[WatchOfAll] = set()
        self._name = uuid4().hex
        """By which we know what we have said ourselves."""
        self._tasks: list[asyncio.Task[None]] = []
        self._unpublished: set[str] = set()
        """Channels of what others have not been told of."""
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
        self._wake_here(f"{_SESSION}{session_id}")
        if all_of_them:
            self._wake_all_here(session_id)
        self._tell_others(f"{_SESSION}{session_id}")

    def wake_inbox(self, front: str) -> None:
        """Tell whoever handles what came in by a front to look; called after the commit.

        Other processes are told when Valkey answers: nobody waits for that.
        """
        self._wake_here(f"{_INBOX}{front}")
        self._tell_others(f"{_INBOX}{front}")

    def watching(self, session_id: UUID) -> contextlib.AbstractContextManager[Watch]:
        """Watch a session; what happens from here on wakes the reader."""
        return self._watching(f"{_SESSION}{session_id}")

    def watching_inbox(self, front: str) -> contextlib.AbstractContextManager[Watch]:
        """Watch what comes in by a front; what comes from here on wakes the reader."""
        return self._watching(f"{_INBOX}{front}")

    @contextlib.contextmanager
    def watching_all(self) -> Iterator[WatchOfAll]:
        """Watch every session; what happens in any from here on wakes the reader, and says in which."""
        watch = WatchOfAll()
        self._watches_of_all.add(watch)
        try:
            yield watch
        finally:
            self._watches_of_all.discard(watch)

    @contextlib.contextmanager
    def _watching(self, channel: str) -> Iterator[Watch]:
        watch, watches = Watch(), self._watches[channel]
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(channel, None)

    def _wake_here(self, channel: str) -> None:
        for watch in self._watches.get(channel, ()):
            watch.woken.set()

    def _wake_all_here(self, session_id: UUID) -> None:
        for watch in self._watches_of_all:
            watch.wake(session_id)

    def _tell_others(self, channel: str) -> None:
        self._unpublished.add(channel)
        self._stirred.set()

    def _hear(self, channel: str) -> None:
        self._wake_here(channel)
        if channel.startswith(_SESSION):
            # Whoever else uses this Valkey may publish whatever they like.
            with contextlib.suppress(ValueError):
                self._wake_all_here(UUID(channel.removeprefix(_SESSION)))

    async def _publish_all(self) -> None:
        """Tell other processes, for ever: at once what comes alone, and together what comes after it."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await asyncio.sleep(_GATHERED_S if await self._publish() else _PAUSE_S)

    async def _publish(self) -> bool:
        """Tell other processes what they were not told yet; return whether Valkey took it."""
        channels, self._unpublished = self._unpublished, set()
        if not channels:
            return True
        try:
            async with (
                asyncio.timeout(_PUBLISHED_WITHIN_S),
                self._redis.pipeline(transaction=False) as together,
            ):
                for channel in channels:
                    together.publish(channel, self._name)
                await together.execute()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(f"{_SESSION}*", f"{_INBOX}*")
                    async for message in pubsub.listen():
                        # What we say ourselves was heard here when it was said.
                        if message["type"] == "pmessage" and message["data"] != self._name:
                            self._hear(message["channel"])
            except (RedisError, OSError) as error:
                log.warning("live.lost", error=str(error), polling_every_s=_POLL_S)
            await asyncio.sleep(_PAUSE_S)
