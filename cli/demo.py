"""`telewright demo`: the main job, once, as a person would have it: from a sentence to a service that answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx

from cli.chat import Room, beside, open_room
from cli.terminal.pipe import Pipe
from cli.terminal.stage import Stage
from cli.terminal.standing import Standing
from graph.conversation import Kind, Reply
from graph.conversation.replies import Code, DecisionChoice, Facts, Link, facts
from graph.conversation.texts.words import capitalised, duration, step_name
from infrastructure.embedded import endpoints
from shared.errors import BadInput, TelewrightError
from shared.ledger import events, runs
from shared.settings import ROLE_VARIABLE, Settings

WISH = "Create a web service called hello"
APPROVE = "approve"
UNATTENDED = "(approved unattended by the demo)"

READY = "Telewright is ready."
"""What `telewright up` says when everything stands."""
UP_LOG = "up.log"

READY_S = 60
"""How long the database, the cache and the processes may take to stand."""
WORK_S = 300
"""How long the work may take; the first time, packages are fetched."""
ANSWER_S = 10
"""How long the service may take to answer."""
DRAIN_S = 12
"""How long everything may take to stop in order, before it is told to hurry."""
HURRY_S = 10
"""How long it may take then, before it is killed."""
LOOK_S = 0.05
WORTH_TELLING_S = 0.1
"""Steps that were shorter are left out of the summary."""
TAIL_LINES = 15
HEAD_LINES = 8
"""Lines of the service's page that are shown."""


class DemoFailed(TelewrightError):
    """The demo did not come to its end."""

    code = "demo_failed"
    advice = "See the lines above; `telewright doctor` checks what is needed."


class Stopwatch:
    """What took how long."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.steps: dict[str, float] = {}

    def note(self, step: str) -> None:
        """Note that the first step has ended."""
        self.steps[step] = time.monotonic() - self._began

    def summary(self) -> Facts:
        """Return the steps and the total."""
        told = {
            capitalised(step_name(step)): duration(took)
            for step, took in self.steps.items()
            if took >= WORTH_TELLING_S
        }
        return facts([*told.items(), ("In all", duration(time.monotonic() - self._began))])


async def demo(settings: Settings, *, home: Path | None, keep: bool) -> int:
    """Play the main job in a home of its own, and leave nothing behind unless told to.

    Args:
        settings: What is configured; databases and accounts in it are not used.
        home: Where to keep everything; left out, a temporary directory.
        keep: Whether everything goes on running at the end.

    Returns:
        0: whatever else happens is raised.

    Raises:
        DemoFailed: A step failed or took too long.
    """
    watch, standing = Stopwatch(), Standing()
    with _place(home, keep=keep) as place, _face(standing) as face:
        await face.note(f"Starting everything in {place}.")
        async with _everything(place, keep=keep) as up:
            await _until_ready(up, place)
            watch.note("start")
            own = settings.model_copy(
                update={"telewright_home": place, "database_url": None, "redis_url": None}
            )
            async with open_room(own, await endpoints(own), None) as room:
                url = await _converse(room, face, standing)
                await _fetch(url, face)
                await face.show(Reply(blocks=[await _summary(room, watch)]))
            if keep:
                await face.note(_how_to_go_on(place, up.pid))
    return 0


async def _converse(room: Room, face: Stage | Pipe, standing: Standing) -> str:
    """Say what a person would say, approve what is asked, and return the URL of the service."""
    results = _Results(face)
    correspondence = room.correspondence(results, standing)
    await correspondence.resume()
    try:
        async with asyncio.timeout(WORK_S), beside(correspondence.follow()):
            await correspondence.shown()
            await face.show_said(WISH)
            await correspondence.say(WISH)
            await correspondence.settled()
            while standing.asks:
                choice = _approval(standing.offer)
                await face.show_said(f"{choice.label} {UNATTENDED}")
                await correspondence.say(choice)
                await correspondence.settled()
    except TimeoutError:
        raise DemoFailed(f"The work did not end within {WORK_S} s.") from None
    return results.url()


def _approval(question: Reply | None) -> DecisionChoice:
    """Return the choice that lets the work go on.

    Raises:
        DemoFailed: The question is none of those that the demo expects.
    """
    for choice in question.choices if question else []:
        if isinstance(choice, DecisionChoice) and choice.key == APPROVE:
            return choice
    raise DemoFailed("The demo was asked something that it has no answer to.")


class _Results:
    """Passes everything on to a face, and keeps what the work came to."""

    def __init__(self, face: Stage | Pipe) -> None:
        self._face = face
        self._last: Reply | None = None

    async def show(self, reply: Reply) -> None:
        if reply.kind is Kind.RESULT:
            self._last = reply
        await self._face.show(reply)

    async def show_said(self, text: str) -> None:
        await self._face.show_said(text)

    async def note(self, text: str) -> None:
        await self._face.note(text)

    async def grow(self, lines: str) -> None:
        await self._face.grow(lines)

    def url(self) -> str:
        """Return where the service answers.

        Raises:
            DemoFailed: The work did not come to a service.
        """
        if self._last is None:
            raise DemoFailed("The work was not begun.")
        if self._last.error is not None:
            raise DemoFailed(f"The work failed: {self._last.error}.")
        for block in self._last.blocks:
            if isinstance(block, Link):
                return block.url
        raise DemoFailed("The work ended without a URL.")


async def _fetch(url: str, face: Stage | Pipe) -> None:
    """Fetch the service's page, as a browser would."""
    try:
        async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as client:
            answer = await client.get(url)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise DemoFailed(f"The service does not answer at {url}: {error}") from error
    head = "\n".join(answer.text.splitlines()[:HEAD_LINES])
    title = f"GET {url} answers {answer.status_code} {answer.reason_phrase}:"
    await face.show(Reply(blocks=[Code(title=title, text=head)]))


async def _summary(room: Room, watch: Stopwatch) -> Facts:
    """Return how long each step took, and all of it."""
    async with room.database.connection() as connection:
        for run in reversed(await runs.of_session(connection, room.session.id)):
            for event in await events.after(connection, run.id, 0):
                if event.type == events.STEP_FINISHED:
                    watch.steps[str(event.data.get("step"))] = float(event.data.get("took_s", 0))
    return watch.summary()


def _how_to_go_on(place: Path, pid: int) -> str:
    return (
        f"The service goes on running. Talk: TELEWRIGHT_HOME={place} telewright chat. "
        f"Stop everything: kill {pid}. Then remove {place}."
    )


@contextlib.contextmanager
def _place(home: Path | None, *, keep: bool) -> Iterator[Path]:
    """Have a home for the demo; a temporary one is removed when nothing is to be kept."""
    if home is not None:
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BadInput(
                f"{home} cannot be made: {error.strerror}.", advice="Name another directory."
            ) from error
        yield home.absolute()
        return
    place = Path(tempfile.mkdtemp(prefix="telewright-demo-"))
    try:
        yield place
    finally:
        if not keep or sys.exc_info()[0] is not None:
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _face(standing: Standing) -> Iterator[Stage | Pipe]:
    if not sys.stdout.isatty():
        yield Pipe(notes=sys.stdout)
        return
    with Stage(standing) as stage:
        yield stage


@contextlib.asynccontextmanager
async def _everything(place: Path, *, keep: bool) -> AsyncIterator[Process]:
    """Run `telewright up` on the demo's home; it is stopped at the end unless all went well and is to be kept."""
    with (place / UP_LOG).open("wb") as log:
        up = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            "up",
            cwd=place,  # where no .env of somebody's is read
            env={**_neutral_environment(), "TELEWRIGHT_HOME": str(place), "LOG_FORMAT": "console"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the demo, which stops this in order.
            start_new_session=True,
        )
    try:
        yield up
    except BaseException:
        await _stop(up)
        raise
    if not keep:
        await _stop(up)


def _neutral_environment() -> dict[str, str]:
    """Return the environment without the settings of this machine's own Telewright."""
    ours = {name.upper() for name in Settings.model_fields}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not ROLE_VARIABLE.fullmatch(name)
    }


async def _until_ready(up: Process, place: Path) -> None:
    """Wait until everything stands.

    Raises:
        DemoFailed: It does not; the error quotes the end of its log.
    """
    log, deadline = place / UP_LOG, time.monotonic() + READY_S
    while READY not in (written := log.read_text(errors="replace")):
        if up.returncode is not None or time.monotonic() > deadline:
            last = "\n".join(written.splitlines()[-TAIL_LINES:])
            raise DemoFailed(f"Telewright did not start:\n{last}")
        await asyncio.sleep(LOOK_S)


async def _stop(up: Process) -> None:
    """Stop everything in order; what has to be told twice hurries, and what does not listen is killed.

    A second Ctrl-C does not cut this short: it would leave processes behind.
    """
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    for number, patience_s in (
        (signal.SIGTERM, DRAIN_S),
        (signal.SIGTERM, HURRY_S),
        (signal.SIGKILL, HURRY_S),
    ):
        with contextlib.suppress(ProcessLookupError):
            up.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await up.wait()
                return
