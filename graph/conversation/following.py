"""A log that is shown as it grows: begun and ended by turns, and in between pieces that a front shows.

That a session follows a log stands in its spec until the end is said, in one
transaction: the end is said once, whoever finds it first, also after a crash.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from graph.conversation import texts
from graph.conversation.observing import Observation, ServiceReader, logs_of, service_of
from graph.conversation.replies import Block, Code, Followed, Kind, Reply, Text
from graph.conversation.tail import Tail
from graph.conversation.texts.words import duration
from infrastructure.deploy.deployer import ServiceState
from shared import tracing
from shared.database import Connection, Database
from shared.errors import Conflict
from shared.ids import SessionId
from shared.ledger import followings, sessions
from shared.live import Live
from shared.outages import outlast

_READ = 200
"""Lines that are looked at: as many may come between two looks."""
_BEGINNING = 10
"""Lines that were written before, and are shown first."""
LAST_LINES = 20
"""Lines that are left in the end."""
_MOST_LEFT = 3000
"""Characters of these, from the end."""

log = structlog.get_logger(__name__)


class AlreadyFollowed(Conflict):
    """This conversation follows a log already."""

    code = "already_followed"


class NothingToFollow(Conflict):
    """The service does not run: nothing is written that could be followed."""

    code = "nothing_to_follow"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a log is followed, and how closely."""

    look_every_s: float = 1.0
    longest_s: float = 600.0
    silent_s: float = 15.0
    """How long the server may say nothing."""


class Follower:
    """Shows one following's log as pieces, in one process, and says its end."""

    def __init__(
        self,
        database: Database,
        live: Live,
        reader: ServiceReader,
        *,
        session_id: SessionId,
        followed: Followed,
        patience: Patience,
    ) -> None:
        """Put it together; nothing is read yet.

        Args:
            database: Where the session is kept.
            live: Wakes who reads the session, once the end is said.
            reader: Reads the log, secrets hidden.
            session_id: Who follows.
            followed: What.
            patience: For how long.
        """
        self._database = database
        self._live = live
        self._reader = reader
        self._session_id = session_id
        self._followed = followed
        self._patience = patience
        self._tail = Tail(_BEGINNING)
        self._left: deque[str] = deque(maxlen=LAST_LINES)
        self._commit: str | None = None

    async def pieces(self) -> AsyncIterator[str]:
        """Yield what is written, whole lines each, until it ends; the end is said when this returns.

        Nothing is yielded of what has ended already. Who breaks it off calls `stop`.
        """
        begun = heard = time.monotonic()
        while await outlast(self._goes_on):
            status, logs = await self._look()
            now = time.monotonic()
            if status.status is not None and logs.logs is not None:
                heard = now
            over = self._over(status) or self._too_long(begun, heard, now, status.error or logs.error)
            if lines := self._lines(status, logs, last=over is not None):
                yield "".join(f"{line}\n" for line in lines)
            if over is not None:
                await self._end(over)
                return
            await asyncio.sleep(self._patience.look_every_s)

    async def stop(self) -> None:
        """Say the end, because somebody stopped it at the front."""
        await self._end(texts.logs.STOPPED_BY_SOMEBODY)

    async def fail(self) -> None:
        """Say the end, because the front could not go on."""
        await self._end(texts.logs.failed(self._followed.project))

    async def goes_on(self, tx: Connection) -> bool:
        """Whether it is still followed, and stays so until the transaction ends: else nothing may claim so."""
        return await followings.goes_on(tx, self._session_id, self._followed.number)

    async def _goes_on(self) -> bool:
        async with self._database.connection() as connection:
            there = await followings.of_session(connection, self._session_id)
        return there is not None and there.number == self._followed.number

    async def _look(self) -> tuple[Observation, Observation]:
        project = self._followed.project
        return await service_of(self._reader, project), await logs_of(self._reader, project, _READ)

    def _over(self, seen: Observation) -> str | None:
        """Return why there is nothing to follow any more, if so."""
        project = self._followed.project
        match seen.status and seen.status.state:
            case ServiceState.STOPPED:
                return texts.logs.service_stopped(project)
            case ServiceState.ABSENT:
                return texts.logs.service_gone(project)
            case _:
                return None

    def _too_long(self, begun: float, heard: float, now: float, error: Exception | None) -> str | None:
        if now - heard >= self._patience.silent_s:
            return texts.logs.server_unread(str(error))
        if now - begun >= self._patience.longest_s:
            return texts.logs.followed_long_enough(duration(self._patience.longest_s), self._followed.project)
        return None

    def _lines(self, status: Observation, logs: Observation, *, last: bool) -> list[str]:
        """Return what is new, with a line between two releases."""
        lines = self._change_over(status)
        if logs.logs is not None:
            lines += self._tail.news(logs.logs, last=last)
        self._left.extend(lines)
        return lines

    def _change_over(self, seen: Observation) -> list[str]:
        commit = seen.status.commit if seen.status else None
        if commit is None or commit == self._commit:
            return []
        before, self._commit = self._commit, commit
        if before is None:
            return []
        self._tail.restart()
        return [texts.logs.deployed(self._followed.project, commit[:10])]

    async def _end(self, why: str) -> None:
        told = ended(self._followed.project, self._followed.number, why, list(self._left))
        await outlast(lambda: say_end(self._database, self._session_id, told))
        self._live.wake(self._session_id)


def begun(project: str, number: int, patience: Patience) -> Reply:
    """Return the answer with which following begins."""
    text = texts.logs.begun(project, duration(patience.longest_s))
    return Reply(blocks=[Text(text=text)], followed=Followed(number=number, project=project))


def ended(project: str, number: int, why: str, lines: Sequence[str]) -> Reply:
    """Return what is left of a log that was followed: why it ended, and its last lines."""
    text = "\n".join(lines)
    text = text if len(text) <= _MOST_LEFT else f"…{text[-_MOST_LEFT:]}"
    blocks: list[Block] = [Text(text=texts.logs.ended(project, why))]
    return Reply(
        blocks=[*blocks, Code(text=text, title=texts.logs.LAST_LINES)] if text else blocks,
        kind=Kind.NOTICE,
        ended=number,
    )


async def say_end(database: Database, session_id: SessionId, told: Reply) -> None:
    """Say the end of a following, unless that was done."""
    assert told.ended is not None  # noqa: S101 - it is an end
    with tracing.bind(session_id=session_id) as trace_id:
        async with database.transaction() as tx:
            if await followings.end(tx, session_id, told.ended):
                body = told.model_dump(mode="json")
                await sessions.say(tx, session_id, author="telewright", body=body, trace_id=trace_id)


async def say_left_behind(
    database: Database, live: Live, find: Callable[[Connection], Awaitable[Sequence[followings.Following]]]
) -> None:
    """Say the end of what a process that is no more has followed."""
    async with database.connection() as connection:
        found = await find(connection)
    for one in found:
        why = texts.logs.left_behind(one.project)
        await say_end(database, one.session_id, ended(one.project, one.number, why, []))
        live.wake(one.session_id)
        log.info("following.left_behind", session_id=one.session_id, project=one.project)
