"""A deployed service in its isolation, as a service manager sees it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from infrastructure.contract import Resources
from infrastructure.sandbox import base_python, service_command

Start = Callable[..., subprocess.Popen[str]]


class Site:
    """A release, its data and its environment on this machine."""

    def __init__(self, directory: Path) -> None:
        self.release = directory / "release"
        self.data = directory / "data"
        self.environment = directory / "environment.json"
        self.release.mkdir()
        self.data.mkdir()
        self.write_environment()

    def write_environment(self, **variables: str) -> None:
        self.environment.touch(mode=0o600)
        self.environment.write_text(json.dumps(variables))

    def command(self, code: str, *arguments: str, limits: Resources) -> list[str]:
        (self.release / "service.py").write_text(textwrap.dedent(code))
        return service_command(
            [str(base_python()), "service.py", *arguments],
            release=self.release,
            data=self.data,
            environment_file=self.environment,
            limits=limits,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def start(site: Site) -> Iterator[Start]:
    with contextlib.ExitStack() as stack:

        def start(code: str, *arguments: str, limits: Resources = Resources()) -> subprocess.Popen[str]:  # noqa: B008
            process = stack.enter_context(popen(site.command(code, *arguments, limits=limits)))
            stack.callback(process.kill)
            return process

        yield start


def test_a_service_answers_on_loopback_and_keeps_its_data(start: Start, site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    site.write_environment(PORT=str(port), TOKEN="secret value")
    service = start("""
        import http.server, os, pathlib
        assert os.environ["TOKEN"] == "secret value", os.environ
        pathlib.Path("/data/kept").write_text("kept")
        server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler)
        print("up", flush=True)
        server.serve_forever()
        """)

    assert line(service) == "up"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/service.py", timeout=5) as answer:
        assert answer.status == 200
    assert (site.data / "kept").read_text() == "kept"


def test_a_service_reaches_neither_its_release_nor_its_neighbours(start: Start, site: Site) -> None:
    service = start(
        """
        import os, pathlib, sys
        for path in [*sys.argv[1:], "/etc/shadow"]:
            print(os.path.exists(path))
        try:
            pathlib.Path("/release/x").write_text("x")
        except OSError as error:
            print(error.strerror)
        """,
        str(site.environment),
        str(site.data),
    )

    assert service.communicate(timeout=20)[0].splitlines() == ["False"] * 3 + ["Read-only file system"]


def test_no_secret_is_in_the_command(site: Site) -> None:
    secret = secrets.token_hex(16)
    site.write_environment(TOKEN=secret)

    assert secret not in " ".join(site.command("", limits=Resources()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_service_so_that_it_can_drain(start: Start, number: signal.Signals) -> None:
    service = start(
        """
        import os, signal, sys, time
        def drain(number, frame):
            time.sleep(0.3)
            os.write(1, f"drained {number}\\n".encode())
            sys.exit(7)
        signal.signal(int(sys.argv[1]), drain)
        print("up", flush=True)
        while True:
            signal.pause()
        """,
        str(int(number)),
    )
    assert line(service) == "up"

    service.send_signal(number)

    assert line(service) == f"drained {int(number)}"
    assert service.wait(5) == 7


def test_a_signal_to_the_whole_group_lets_the_service_drain_too(start: Start) -> None:
    """As supervisor sends it with `stopasgroup`."""
    service = start("""
        import os, signal, sys, time
        def drain(number, frame):
            time.sleep(0.3)
            os.write(1, b"drained\\n")
            sys.exit(7)
        signal.signal(signal.SIGTERM, drain)
        print("up", flush=True)
        while True:
            signal.pause()
        """)
    assert line(service) == "up"

    os.killpg(service.pid, signal.SIGTERM)

    assert line(service) == "drained"
    assert service.wait(5) == 7


def test_a_service_that_does_not_handle_the_signal_ends_by_it(start: Start) -> None:
    service = start("import signal; print('up', flush=True); signal.pause()")
    assert line(service) == "up"

    service.terminate()

    assert service.wait(5) == 128 + signal.SIGTERM


def test_killing_the_outer_process_leaves_nothing_behind(start: Start) -> None:
    mark = f"mark-{secrets.token_hex(8)}"
    service = start(
        """
        import os, signal
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                print("up", flush=True)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
        """,
        mark,
    )
    assert line(service) == "up"
    assert len(living(mark)) > 3

    service.kill()

    eventually(lambda: not living(mark))


def test_a_service_that_takes_too_much_memory_is_ended(start: Start) -> None:
    service = start(
        """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                x = bytearray(os.urandom(1 << 20) * 40)
                time.sleep(60)
        time.sleep(60)
        """,
        limits=Resources(memory_mb=100),
    )

    output, _ = service.communicate(timeout=20)

    assert "telewright: the service was ended: out_of_memory" in output
    assert service.returncode == 128 + signal.SIGKILL


def test_two_instances_share_the_data_while_one_takes_over(start: Start, site: Site) -> None:
    code = """
        import os, pathlib, signal, sys
        pathlib.Path("/data", sys.argv[1]).write_text("1")
        def check(number, frame):
            pathlib.Path("/data/old").write_text("2")
            os.write(1, b"written\\n")
        signal.signal(signal.SIGHUP, check)
        print("up", flush=True)
        while True:
            signal.pause()
        """
    old = start(code, "old")
    assert line(old) == "up"
    new = start(code, "new")
    assert line(new) == "up"

    for service in (old, new):
        service.send_signal(signal.SIGHUP)
        assert line(service) == "written"

    assert (site.data / "old").read_text() == "2"


def popen(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={}, start_new_session=True
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def living(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def eventually(condition: Callable[[], bool], *, within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
