"""Whatever a person says or pushes: a clear answer, nothing lost, and what runs keeps running.

Two `telewright up` on one home are held to it in tests/integration/cli/test_up.py.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from graph.conversation import Kind
from shared.ledger import approvals, projects, releases
from tests.acceptance.main_job import hostile
from tests.acceptance.main_job.full_disk import small_disk
from tests.acceptance.main_job.person import Ending, Person, person_at
from tests.acceptance.main_job.repository import Repository, page
from tests.acceptance.main_job.visitors import heading_at
from tests.installation import Installation

pytestmark = pytest.mark.timeout(180)

NAMES = ("../../etc", "🚀🚀", "\N{RIGHT-TO-LEFT OVERRIDE}مرحبا", "<b>bold</b>", "{{ 7*7 }}", "-rf")


@dataclass(frozen=True)
class Hello:
    """A project that is live."""

    url: str
    repository: Repository
    installation: Installation

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port
        return port

    async def releases(self) -> int:
        async with self.installation.ledgers() as tx:
            return len(await releases.of_project(tx, (await projects.by_name(tx, "hello")).id))


@pytest.fixture(scope="module")
def hello(running: Installation) -> Hello:
    """The project that the tests of this module do bad things to."""

    async def build() -> str:
        async with person_at(running) as petra:
            built = await petra.gets("/new static-site hello")
            assert built.run.result is not None, built.reply.plain
            return str(built.run.result["url"])

    return Hello(asyncio.run(build()), Repository(running.home, "hello"), running)


async def test_a_message_of_100_kb_is_refused_while_work_goes_on(petra: Person, hello: Hello) -> None:
    await hello.repository.push(page("After the long message"))
    queued = await petra.say("/deploy hello")
    refused = await petra.say("x" * 100_000)

    assert refused.error == "too_long"
    assert "16 kB" in refused.plain
    assert queued.run_number is not None
    assert (await petra.sees_the_end_of(queued.run_number)).run.status == "succeeded"
    assert await heading_at(hello.url) == "After the long message"


async def test_names_that_cannot_be_are_explained_and_asked_for_again(petra: Person, hello: Hello) -> None:
    petra.chooses = ()
    for name in NAMES:
        petra.names, before = deque(["Still Bad!"]), len(petra.heard)
        ended = await petra.gets(f"/new static-site {name}")

        asked = [one.plain for one in petra.heard[before:] if one.kind is Kind.QUESTION]
        assert len(asked) == 2, asked
        assert all("What shall the project be called?" in one for one in asked)
        assert all("cannot be a project's name: " in one for one in asked), asked
        assert (ended.run.status, ended.run.reason) == ("cancelled", "Nothing was made.")
    async with hello.installation.ledgers() as tx:
        assert not {one.name for one in await projects.all_of_them(tx)} & {"etc", "bold", "still-bad"}
    made = {one.name for one in (hello.installation.home / "repositories").glob("*.git")}
    assert not made & {"etc.git", "bold.git", "still-bad.git"}


async def test_a_broken_contract_is_refused_field_by_field(petra: Person, hello: Hello) -> None:
    broken = hostile.CONTRACT.replace("version: 1", "version: 7").replace("path: /health", "path: ../../etc")
    ended = await _fails(petra, hello, {"deploy.yaml": broken + "environment: {PATH: {description: x}}\n"})

    assert ended.reply.error == "bad_contract"
    assert "version: " in ended.reply.plain
    assert "health.path: " in ended.reply.plain
    assert "Correct the fields named above in deploy.yaml." in ended.reply.plain


async def test_failing_tests_end_the_run_with_their_output(petra: Person, hello: Hello) -> None:
    ended = await _fails(petra, hello, hostile.project_with(hostile.FAILS))

    assert ended.reply.error == "tests_failed"
    assert "1 failed, 2 passed" in ended.reply.plain
    assert "expected 4, got 5" in petra.was_shown


async def test_tests_that_fork_without_end_are_stopped_and_other_work_goes_on(
    petra: Person, hello: Hello
) -> None:
    failing = asyncio.create_task(_fails(petra, hello, hostile.project_with(hostile.FORKS)))
    while not failing.done():
        began = time.monotonic()
        await petra.say("/status")
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.5)
    ended = await failing

    assert ended.reply.error == "tests_failed"
    assert "too many processes" in ended.reply.plain
    assert "forking" in petra.was_shown


async def test_tests_that_print_a_gigabyte_are_stopped(petra: Person, hello: Hello) -> None:
    ended = await _fails(petra, hello, hostile.project_with(hostile.PRINTS))

    assert ended.reply.error == "tests_failed"
    assert "printed too much" in ended.reply.plain
    assert "a gigabyte was printed" not in petra.was_shown
    assert len(petra.was_shown) < 100_000


async def test_tests_reach_neither_the_network_nor_the_hosts_files(petra: Person, hello: Hello) -> None:
    home = hello.installation.home
    checks = hostile.trying(home=home, database=home.parent, port=hello.port)
    ended = await _fails(petra, hello, hostile.project_with(checks))

    assert ended.reply.error == "tests_failed"
    assert petra.was_shown.count(": refused") == 6, petra.was_shown
    assert ": DONE" not in petra.was_shown


async def test_a_port_that_a_foreign_program_took_is_named_and_the_next_try_works(
    petra: Person, hello: Hello
) -> None:
    await hello.repository.push(_with_passing_tests(page("After the foreign program")))
    await hello.installation.server.stop()
    with _foreign_program(hello.port):
        petra.chooses = ("approve", "leave")
        ended = await petra.gets("/deploy hello")
    assert ended.run.status == "failed"
    assert ended.reply.error == "deployment_failed"
    assert f"port {hello.port} is taken by another program" in ended.reply.plain
    assert "Stop the program that listens on that port" in ended.reply.plain

    again = await petra.gets("/deploy hello")
    assert again.run.status == "succeeded", again.reply.plain
    assert await heading_at(hello.url) == "After the foreign program"


@pytest.mark.parametrize(
    ("directory", "kib"),
    [("workspaces", 16), ("releases", 64)],
)
async def test_a_full_disk_is_named_with_what_to_do(
    petra: Person, hello: Hello, directory: str, kib: int
) -> None:
    with small_disk(hello.installation.home / directory, kib=kib):
        full = await petra.gets(f"/new static-site too-big-for-{directory}")
    assert full.run.status == "failed"
    assert full.reply.error == "disk_full", full.reply.plain
    assert "Make room on the disk" in full.reply.plain
    assert await heading_at(hello.url)
    assert not (hello.installation.home / "workspaces" / str(full.run.id)).exists()


async def _fails(petra: Person, hello: Hello, files: dict[str, str]) -> Ending:
    """Push these files, deploy, and see that the run fails and nothing comes of it."""
    live, before = await heading_at(hello.url), await hello.releases()
    await hello.repository.push(files)
    ended = await petra.gets("/deploy hello")
    assert ended.run.status == "failed", ended.reply.plain
    assert ended.run.advice
    assert await hello.releases() == before
    assert await heading_at(hello.url) == live
    async with hello.installation.ledgers() as tx:
        assert await approvals.of_run(tx, ended.run.id) == []
    assert not (hello.installation.home / "workspaces" / str(ended.run.id)).exists()
    assert all(process.poll() is None for each in hello.installation.processes.values() for process in each)
    return ended


def _with_passing_tests(files: dict[str, str]) -> dict[str, str]:
    """Return these files with tests that pass."""
    return {**hostile.project_with("print('1 passed')\n"), **files}


@contextmanager
def _foreign_program(port: int) -> Iterator[None]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(5)
        yield
