"""`telewright chat`: talk to Telewright from a terminal, or from a script."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from cli.issues import open_issues
from cli.terminal.completion import Known, KnownCommand
from cli.terminal.correspondence import OUTAGE, Correspondence, Face
from cli.terminal.following import FollowedLog
from cli.terminal.person import FRONT, only_terminal, person, session_key
from cli.terminal.pipe import Pipe
from cli.terminal.prompt import TerminalPrompt
from cli.terminal.standing import Standing, picked
from graph.conversation import COMMANDS, Conversation, Feed, Services
from graph.conversation.replies import ReplyChoice
from infrastructure.blueprints import catalogue
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.discretion import DiscreetReader
from infrastructure.embedded import Endpoints, endpoints
from infrastructure.local_server import LocalServer
from infrastructure.search import embedder_of
from infrastructure.secrets import Secrets
from shared import logs
from shared.database import Database
from shared.errors import Unavailable, unwrapped
from shared.ledger import projects, runs
from shared.ledger.sessions import Session
from shared.ledger.users import User
from shared.live import Live
from shared.settings import Settings

SLOW_S = 1.0
"""How long a message may be on its way before the prompt says so."""

LEARN_S = 5.0
"""How often the names that can be completed are read anew."""


class NotPrepared(Unavailable):
    """The database has no tables of Telewright's, or older ones."""

    code = "not_prepared"
    advice = "Run `telewright migrate`, or start `telewright up`, which does it by itself."
    transient = False


@dataclass(frozen=True, slots=True)
class Room:
    """A session that is open in this process, and everything to talk in it."""

    database: Database
    live: Live
    conversation: Conversation
    feed: Feed
    session: Session
    user: User

    def correspondence(self, face: Face, standing: Standing) -> Correspondence:
        """Return the session's correspondence, shown by a face."""
        return Correspondence(
            self.database,
            self.conversation,
            self.feed,
            session_id=self.session.id,
            user=self.user,
            face=face,
            standing=standing,
        )


async def chat(settings: Settings, *, session: str | None = None, wait: bool = False) -> int:
    """Talk, until the person leaves or the input ends.

    Args:
        settings: Say which installation.
        session: Another conversation than the user's usual one.
        wait: Whether a script's chat waits after each message until the work has ended or asks.

    Returns:
        0, or 1 when a script was told of an error.

    Raises:
        Unavailable: Nothing runs for this home, or its database is not prepared.
        OpenElsewhere: The conversation is open in another terminal.
    """
    settings.make_home()
    parts = await endpoints(settings)
    async with open_room(settings, parts, session) as room:
        if sys.stdin.isatty() and sys.stdout.isatty():
            await _talk_with_a_person(room, settings.home)
            return 0
        return await _talk_with_a_script(room, wait=wait)


@contextlib.asynccontextmanager
async def open_room(settings: Settings, parts: Endpoints, session: str | None) -> AsyncIterator[Room]:
    """Open a session of this terminal's user.

    Args:
        settings: Say which installation.
        parts: Where its database and cache are.
        session: Another conversation than the user's usual one.

    Raises:
        NotPrepared: The database's schema is not this version's.
        OpenElsewhere: The conversation is open in another terminal.
    """
    user = person(settings.home)
    key = session_key(user, session)
    with only_terminal(settings.home, key), _log(settings), open_issues(settings) as issues:
        async with Database(parts.database_url, connections=4) as database, Live(parts.redis_url) as live:
            services = Services(
                catalogue=catalogue,
                reader=DiscreetReader(
                    AnsibleDeployer(LocalServer(settings.home / "server")), Secrets(settings.home)
                ),
                issues=issues,
                model=settings.model,
                embedder=embedder_of(settings),
                dashboard=settings.dashboard_url,
            )
            conversation = Conversation(database, live, services)
            try:
                opened = await conversation.open(front=FRONT, external_key=key, user=user)
            except psycopg.ProgrammingError as error:
                raise NotPrepared from error
            feed = Feed(database, live, dashboard=settings.dashboard_url)
            yield Room(database, live, conversation, feed, opened, user)


async def _talk_with_a_person(room: Room, home: Path) -> None:
    standing, known = Standing(), _names()
    prompt = TerminalPrompt(standing, known, home / "chat" / "history")
    correspondence = room.correspondence(prompt, standing)
    await correspondence.resume()
    outbox: asyncio.Queue[str | ReplyChoice] = asyncio.Queue()
    async with beside(
        correspondence.follow(),
        correspondence.log.run(),
        _send(correspondence, outbox, prompt),
        _learn_names(room, known),
        prompt.keep_moving(),
    ):
        await _listen(prompt, outbox, correspondence.log)
    await _say_goodbye(prompt, standing, outbox)


async def _listen(
    prompt: TerminalPrompt, outbox: asyncio.Queue[str | ReplyChoice], followed: FollowedLog
) -> None:
    """Take what is said until the person leaves; nothing that was typed waits for anything."""
    while True:
        try:
            said = await prompt.read()
        except KeyboardInterrupt:
            if followed.stop():
                continue
            await prompt.note("Ctrl-D leaves; /cancel stops a run.")
            continue
        except EOFError:
            return
        if not isinstance(said, str) or said.strip():
            outbox.put_nowait(said)


async def _send(
    correspondence: Correspondence, outbox: asyncio.Queue[str | ReplyChoice], prompt: TerminalPrompt
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        said = await outbox.get()
        late = loop.call_later(SLOW_S, prompt.set_pending, "on its way …")
        try:
            await correspondence.say(said)
        finally:
            late.cancel()
            prompt.set_pending("")
            outbox.task_done()


async def _say_goodbye(
    prompt: TerminalPrompt, standing: Standing, outbox: asyncio.Queue[str | ReplyChoice]
) -> None:
    if not outbox.empty():
        await prompt.note(f"Not sent, since the database did not answer: {outbox.qsize()}.")
    if standing.progress or standing.asks:
        await prompt.note("The work goes on without this window. `telewright chat` shows what you missed.")


async def _talk_with_a_script(room: Room, *, wait: bool) -> int:
    standing, pipe = Standing(), Pipe()
    correspondence = room.correspondence(pipe, standing)
    await correspondence.resume()
    async with beside(correspondence.follow(), correspondence.log.run()):
        async for line in pipe.read():
            await correspondence.say(picked(standing.offer, line) or line)
            await correspondence.shown()
            if wait:
                await correspondence.settled()
        await correspondence.shown()
        if wait:
            await correspondence.settled()
        await _follow_to_the_end(correspondence)
    return 1 if pipe.failed else 0


async def _follow_to_the_end(correspondence: Correspondence) -> None:
    """Show the log that the input's last line follows, until it ends or Ctrl-C stops it, and its end."""
    try:
        await correspondence.log.ended()
    except asyncio.CancelledError:
        correspondence.log.stop()
        await correspondence.log.ended()
        await correspondence.shown()
        raise
    await correspondence.shown()


@contextlib.asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do endless work while the block runs; if one piece fails, the block is cancelled and the error raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failed:
        raise unwrapped(failed) from None


def _names() -> Known:
    return Known(
        commands={command.name: KnownCommand(command.summary, command.arguments) for command in COMMANDS},
        blueprints={blueprint.name: blueprint.summary for blueprint in catalogue()},
    )


async def _learn_names(room: Room, known: Known) -> None:
    """Keep what can be completed up to date; during an outage it stays as it was."""
    while True:
        with contextlib.suppress(*OUTAGE):
            async with room.database.connection() as connection:
                newest = await runs.of_session(connection, room.session.id)
                there_are = await projects.all_of_them(connection)
            known.runs = {str(run.number): run.title for run in newest}
            known.projects = {project.name: project.description for project in there_are}
        await asyncio.sleep(LEARN_S)


@contextlib.contextmanager
def _log(settings: Settings) -> Iterator[None]:
    """Write the log to a file: the terminal belongs to the conversation."""
    path = settings.home / "chat" / "chat.log"
    with open(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a", encoding="utf-8") as stream:  # noqa: PTH123 - opened with its mode
        logs.configure(settings, stream=stream)
        yield
