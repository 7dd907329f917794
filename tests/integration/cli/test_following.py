"""A log that is followed from a terminal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from cli.chat import _follow_to_the_end, beside, open_room
from cli.terminal.correspondence import Correspondence
from cli.terminal.standing import Standing
from graph.conversation import Conversation, Patience, Reply, Services
from infrastructure.blueprints import catalogue
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from infrastructure.embedded import Endpoints
from shared.ledger import projects
from shared.settings import Settings
from tests.engine import until
from tests.integration.conversation.chat import Server

STOPPED = ServiceStatus(state=ServiceState.STOPPED)


@dataclass
class Paper:
    """A face that keeps what it is shown."""

    shown: list[str] = field(default_factory=list)

    async def show(self, reply: Reply) -> None:
        self.shown.append(reply.plain)

    async def show_said(self, text: str) -> None:
        self.shown.append(f"> {text}")

    async def note(self, text: str) -> None:
        self.shown.append(text)

    async def grow(self, lines: str) -> None:
        self.shown.append(f"log: {lines}")

    async def shows(self, words: str) -> None:
        async def saw() -> bool:
            return any(words in shown for shown in self.shown)

        await until(saw, within_s=20)


@pytest.fixture
def server() -> Server:
    running = ServiceStatus(state=ServiceState.RUNNING, commit="a" * 40)
    return Server(log={"hello": "one\ntwo\n"}, state={"hello": running})


@contextlib.asynccontextmanager
async def sit_down(settings: Settings, server: Server) -> AsyncIterator[tuple[Correspondence, Paper]]:
    """Open the session over a server that says what it is told to; leaving is like closing the terminal."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    parts = Endpoints(settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    async with open_room(settings, parts, None) as room:
        services = Services(catalogue=catalogue, reader=server, patience=Patience(look_every_s=0.01))
        room = replace(room, conversation=Conversation(room.database, room.live, services))
        with contextlib.suppress(projects.NameTaken):
            async with room.database.transaction() as tx:
                project = await projects.create(
                    tx,
                    name="hello",
                    blueprint="web-service",
                    description="",
                    owner_id=room.user.id,
                    session_id=room.session.id,
                )
                await projects.set_service(tx, project.id, "running")
        paper = Paper()
        correspondence = room.correspondence(paper, Standing())
        await correspondence.resume()
        async with beside(correspondence.follow(), correspondence.log.run()):
            yield correspondence, paper


async def test_its_lines_are_shown_until_it_is_stopped(settings: Settings, server: Server) -> None:
    async with sit_down(settings, server) as (correspondence, paper):
        await correspondence.say("/logs hello follow")
        await paper.shows("two")
        assert correspondence.log.stop()
        await paper.shows("Somebody stopped it.")
        assert not correspondence.log.stop()

    shown = [text.partition("\n")[0] for text in paper.shown]
    answered = next(at for at, text in enumerate(shown) if text.startswith("The log of hello, as"))
    assert shown[answered + 1 :] == [
        "log: one",
        "log: two",
        "The log of hello is not followed any more. Somebody stopped it.",
    ]


async def test_whoever_opens_the_terminal_again_is_told_that_it_has_ended(
    settings: Settings, server: Server
) -> None:
    async with sit_down(settings, server) as (correspondence, paper):
        await correspondence.say("/logs hello follow")
        await paper.shows("two")
    async with sit_down(settings, server) as (correspondence, again):
        await again.shows("was closed or started again")
        await correspondence.say("/logs hello follow")
        await again.shows("log: one")


async def test_a_script_is_shown_it_to_the_end(settings: Settings, server: Server) -> None:
    async with sit_down(settings, server) as (correspondence, paper):
        await correspondence.say("/logs hello follow")
        await correspondence.shown()
        following = asyncio.create_task(_follow_to_the_end(correspondence))
        await paper.shows("two")
        assert not following.done()
        server.state["hello"] = STOPPED
        await following

    assert paper.shown[-1].startswith("The log of hello is not followed any more. hello was stopped.")


async def test_ctrl_c_in_a_script_ends_it_and_says_so(settings: Settings, server: Server) -> None:
    async with sit_down(settings, server) as (correspondence, paper):
        await correspondence.say("/logs hello follow")
        await correspondence.shown()
        following = asyncio.create_task(_follow_to_the_end(correspondence))
        await paper.shows("two")
        await asyncio.sleep(0)  # it has begun to wait
        following.cancel()
        await asyncio.wait([following])

    assert following.cancelled()
    assert "Somebody stopped it." in paper.shown[-1]
