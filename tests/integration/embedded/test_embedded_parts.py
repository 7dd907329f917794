"""PostgreSQL and Valkey that Telewright brings along: found again, never twice, whatever was killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey, embedded, endpoints, revive
from infrastructure.embedded.sockets import find_socket_directory, socket_directory
from shared.errors import Conflict, Unavailable
from shared.settings import Settings
from tests.parts import stop_servers

Part = EmbeddedPostgres | EmbeddedValkey
BOTH = pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])


def settings_for(home: Path) -> Settings:
    return Settings(telewright_home=home, _env_file=None)


def server_of(part: Part, home: Path) -> psutil.Process:
    pid_file = "postgres/data/postmaster.pid" if isinstance(part, EmbeddedPostgres) else "valkey/pid"
    return psutil.Process(int((home / pid_file).read_text().split()[0]))


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a server's process, those it started, and what it was started under."""
    above = [each for each in process.parents() if each.name() == "bwrap"]
    return [process, *process.children(recursive=True), *above]


def works_in(process: psutil.Process, directory: Path) -> bool:
    try:
        return process.cwd() == str(directory)
    except psutil.Error:
        return False


def ask(part: Part) -> object:
    if isinstance(part, EmbeddedPostgres):
        with psycopg.connect(part.url) as connection:
            return connection.execute("SELECT 1").fetchone()
    with Redis.from_url(part.url) as client:
        return client.ping()


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@BOTH
def test_it_starts_once_and_a_second_start_attaches(kind: type[Part], home: Path) -> None:
    part = kind(home)
    part.start()
    first = server_of(part, home)
    kind(home).start()
    assert server_of(part, home) == first
    assert ask(part)


@BOTH
def test_it_stops_without_a_trace_and_starts_again(kind: type[Part], home: Path) -> None:
    part = kind(home)
    part.start()
    process = server_of(part, home)
    part.stop()
    assert not part.running()
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(timeout=30)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    part.start()
    assert ask(part)


@BOTH
def test_a_daemon_keeps_nothing_of_our_environment(
    kind: type[Part], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", secrets.token_hex())
    part = kind(home)

    part.start()

    for process in family(server_of(part, home)):
        # PostgreSQL ends some of its processes soon after the start.
        with contextlib.suppress(psutil.NoSuchProcess):
            assert "SOME_TOKEN" not in process.environ()


@BOTH
def test_stopping_what_never_ran_does_nothing(kind: type[Part], home: Path) -> None:
    kind(home).stop()


@BOTH
def test_a_killed_server_is_started_again(kind: type[Part], home: Path) -> None:
    part = kind(home)
    part.start()
    server_of(part, home).kill()
    wait_until(lambda: not part.running())
    kind(home).start()
    assert ask(part)


@BOTH
def test_a_pid_file_that_names_a_stranger_harms_nobody(kind: type[Part], home: Path) -> None:
    part = kind(home)
    part.start()
    pid_file = home / ("postgres/data/postmaster.pid" if kind is EmbeddedPostgres else "valkey/pid")
    written = pid_file.read_text()
    server_of(part, home).kill()
    wait_until(lambda: not part.running())
    pid_file.write_text(written.replace(written.split()[0], str(os.getpid()), 1))
    part.stop()
    part.start()
    assert ask(part)


@BOTH
def test_it_outlives_a_starter_that_is_killed(kind: type[Part], home: Path) -> None:
    program = (
        f"import os, pathlib; from infrastructure.embedded import {kind.__name__};"
        f"{kind.__name__}(pathlib.Path({str(home)!r})).start(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[3], timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert kind(home).running()
    assert ask(kind(home))


@BOTH
@pytest.mark.parametrize("name", ["x" * 150, "with space, comma and ünïcode", "50%?host=elsewhere&x#y"])
def test_a_long_or_odd_home_works_and_every_process_finds_it(
    kind: type[Part], tmp_path: Path, name: str
) -> None:
    home = tmp_path / name
    try:
        kind(home).start()
        assert kind(home).running()
        assert ask(kind(home))
    finally:
        stop_servers(home)


def test_the_sockets_lie_where_only_their_user_may_go(tmp_path: Path) -> None:
    for home in (Path("/tmp") / f"telewright-tests-short-{os.getpid()}", tmp_path / ("x" * 150)):
        try:
            directory = socket_directory(home)
            assert directory.stat().st_mode & 0o777 == 0o700
            assert directory.stat().st_uid == os.geteuid()
            assert find_socket_directory(home) == socket_directory(home) == directory
        finally:
            stop_servers(home)
            shutil.rmtree(home)


def test_a_directory_that_others_may_enter_or_that_belongs_to_a_copy_is_not_used(tmp_path: Path) -> None:
    home, copy = tmp_path / ("x" * 150), tmp_path / ("y" * 150)
    directory = socket_directory(home)
    shutil.copytree(home, copy, symlinks=True)
    try:
        assert find_socket_directory(copy) is None
        assert socket_directory(copy) != directory
        directory.chmod(0o755)
        assert find_socket_directory(home) is None
        assert socket_directory(home) != directory
    finally:
        shutil.rmtree(directory)
        stop_servers(home)
        stop_servers(copy)


def test_nothing_listens_on_the_network(home: Path) -> None:
    for part in (EmbeddedPostgres(home), EmbeddedValkey(home)):
        part.start()
        sockets = server_of(part, home).net_connections("all")
        listening = [each for each in sockets if each.family != socket.AF_UNIX]
        assert listening == []


def test_work_is_durable(home: Path) -> None:
    postgres = EmbeddedPostgres(home)
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)
        connection.execute("CREATE TABLE kept ()")
    server_of(postgres, home).kill()
    wait_until(lambda: not postgres.running())
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        connection.execute("SELECT * FROM kept")


def test_another_versions_data_is_left_alone(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(Conflict, match="PostgreSQL 16") as refused:
        EmbeddedPostgres(home).start()
    assert "Dump" in refused.value.advice


def test_a_start_that_was_killed_while_making_the_data_directory_is_made_up_for(home: Path) -> None:
    fresh = home / "postgres" / "data.new"
    fresh.mkdir(parents=True)
    (fresh / "PG_VERSION").write_text("18\n")
    EmbeddedPostgres(home).start()
    assert ask(EmbeddedPostgres(home))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB, mounted where the machine lets us."""
    home = tmp_path / "small"
    home.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(home)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting needs root")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_full_disk_is_named_as_the_reason(small_disk: Path) -> None:
    with pytest.raises(Unavailable, match="the disk is full") as refused:
        EmbeddedPostgres(small_disk).start()
    assert "Free some space" in refused.value.advice
    assert not (small_disk / "postgres" / "data").exists()


async def test_both_parts_run_inside_the_block_and_only_there(home: Path) -> None:
    settings = settings_for(home)
    async with embedded(settings) as inside:
        assert await endpoints(settings) == inside
    with pytest.raises(Unavailable, match="Nothing runs") as refused:
        await endpoints(settings)
    assert "telewright up" in refused.value.advice


async def test_a_home_is_run_by_one_process_at_a_time(home: Path) -> None:
    async with embedded(settings_for(home)):
        with pytest.raises(Conflict, match=rf"pid {os.getpid()}\b"):
            async with embedded(settings_for(home)):
                pass
        assert EmbeddedPostgres(home).running()
        assert EmbeddedValkey(home).running()


async def test_what_a_killed_process_left_is_taken_over_and_stopped(home: Path) -> None:
    postgres = EmbeddedPostgres(home)
    await asyncio.to_thread(postgres.start)
    left = server_of(postgres, home)
    async with embedded(settings_for(home)):
        assert server_of(postgres, home) == left
    assert not postgres.running()


async def test_a_part_that_died_is_revived(home: Path) -> None:
    settings = settings_for(home)
    async with embedded(settings):
        server_of(EmbeddedValkey(home), home).kill()
        await revive(settings)
        assert ask(EmbeddedValkey(home))


async def test_configured_parts_are_not_started(home: Path) -> None:
    settings = Settings.model_validate(
        {"telewright_home": home, "database_url": "postgresql://db/x", "redis_url": "redis://cache"}
    )
    async with embedded(settings) as inside:
        assert (inside.database_url, inside.redis_url) == ("postgresql://db/x", "redis://cache")
        assert not (home / "postgres").exists()
    assert "db" not in repr(inside)


def test_many_starters_at_once_start_one_server(home: Path) -> None:
    program = (
        "import pathlib; from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey\n"
        f"home = pathlib.Path({str(home)!r})\n"
        "EmbeddedPostgres(home).start(); EmbeddedValkey(home).start()"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3]) for _ in range(3)
    ]
    assert [starter.wait(timeout=60) for starter in starters] == [0, 0, 0]
    serving = {
        each.pid: each.ppid() for each in psutil.process_iter() if works_in(each, home / "postgres" / "data")
    }
    assert len([pid for pid, parent in serving.items() if parent not in serving]) == 1
