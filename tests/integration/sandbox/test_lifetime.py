"""Nothing outlives who started it: `kill -9` on real processes."""

from __future__ import annotations

import contextlib
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]

STARTER = """
import asyncio, sys
from pathlib import Path
from infrastructure.sandbox import BubblewrapSandbox

async def tell(line):
    print(line, flush=True)

async def main(mark, workspace):
    command = ["sh", "-c", f"trap '' TERM; echo up; (setsid sh -c 'sleep 60; :' {mark} &); sleep 60; :"]
    print("begun", flush=True)
    await BubblewrapSandbox().run(command, workspace=Path(workspace), on_line=tell)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def mark() -> str:
    return f"mark-{secrets.token_hex(8)}"


def test_nothing_outlives_a_killed_telewright(mark: str, tmp_path: Path) -> None:
    with starter(mark, tmp_path) as process:
        assert lines_until(process, "up")
        eventually(lambda: bool(sandboxed(mark)))
        process.kill()

    eventually(lambda: not living(mark))


@pytest.mark.parametrize("attempt", range(5))
def test_nothing_outlives_a_telewright_killed_while_it_starts_the_sandbox(
    mark: str, tmp_path: Path, attempt: int
) -> None:
    with starter(mark, tmp_path) as process:
        assert lines_until(process, "begun")
        time.sleep(random.uniform(0, 0.15))  # at any moment of the start
        process.kill()

    eventually(lambda: not living(mark))


@pytest.mark.parametrize("victim", ["warden", "bubblewrap"])
def test_nothing_outlives_a_killed_part_of_the_sandbox(mark: str, tmp_path: Path, victim: str) -> None:
    with starter(mark, tmp_path) as process:
        assert lines_until(process, "up")
        warden = psutil.Process(process.pid).children()[0]
        (warden if victim == "warden" else warden.children()[0]).kill()
        process.wait(10)

    eventually(lambda: not living(mark))


@contextlib.contextmanager
def starter(mark: str, workspace: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", STARTER, mark, str(workspace)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process: subprocess.Popen[str], wanted: str) -> bool:
    assert process.stdout is not None
    return any(line.strip() == wanted for line in process.stdout)


def sandboxed(mark: str) -> list[int]:
    return [pid for pid in living(mark) if "setsid" not in " ".join(psutil.Process(pid).cmdline())]


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
