"""Children are kept running, drained when asked, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cli.processes import Child, ChildGivenUp, Patience

ROOT = Path(__file__).parents[3]

LIVING = "import os, pathlib, signal, sys, time\nout = pathlib.Path(sys.argv[1])\n"
NOTES_PID = 'out.open("a").write(f"{os.getpid()}\\n")\n'


async def wait_until(condition: Callable[[], bool], *, timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def child(
    program: str, out: Path, *, hurry: asyncio.Event | None = None, patience: Patience | None = None
) -> Child:
    command = [sys.executable, "-c", LIVING + program, str(out)]
    return Child("child", command, {}, hurry=hurry or asyncio.Event(), patience=patience)


def lines(out: Path) -> list[str]:
    return out.read_text().splitlines() if out.exists() else []


def lives(pid: str) -> bool:
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    keeping = asyncio.create_task(
        child(NOTES_PID + "time.sleep(60)", out, patience=Patience(first_pause_s=0.01)).keep_running()
    )
    await wait_until(lambda: len(lines(out)) == 1)
    os.kill(int(lines(out)[0]), signal.SIGKILL)
    await wait_until(lambda: len(lines(out)) == 2)
    await cancelled(keeping)
    assert not any(map(lives, lines(out)))


async def test_a_child_that_dies_at_once_every_time_is_given_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ChildGivenUp, match="3 times"):
        await child(
            NOTES_PID + "sys.exit(3)", out, patience=Patience(quick_deaths=3, first_pause_s=0.01)
        ).keep_running()
    assert len(lines(out)) == 3


async def test_a_child_may_finish_its_work_before_it_ends(tmp_path: Path) -> None:
    out = tmp_path / "out"
    drains = (
        "def drain(*_):\n    time.sleep(0.3); out.open('a').write('drained\\n'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, drain)\n" + NOTES_PID + "time.sleep(60)"
    )
    keeping = asyncio.create_task(child(drains, out).keep_running())
    await wait_until(lambda: len(lines(out)) == 1)
    await cancelled(keeping)
    assert lines(out)[1] == "drained"


@pytest.mark.parametrize("hurried", [True, False])
async def test_a_child_that_does_not_end_is_killed_in_time_or_in_a_hurry(
    tmp_path: Path, hurried: bool
) -> None:
    out, hurry = tmp_path / "out", asyncio.Event()
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NOTES_PID + "time.sleep(60)"
    patience = Patience(drain_s=60 if hurried else 0.3)
    keeping = asyncio.create_task(child(stubborn, out, hurry=hurry, patience=patience).keep_running())
    await wait_until(lambda: len(lines(out)) == 1)
    if hurried:
        hurry.set()
    before = time.monotonic()
    await cancelled(keeping)
    assert time.monotonic() - before < 10
    assert not lives(lines(out)[0])


async def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        "import asyncio, sys; from cli.processes import Child\n"
        "command = [sys.executable, '-c', sys.argv[2], sys.argv[1]]\n"
        "async def main(): await Child('child', command, {}, hurry=asyncio.Event()).keep_running()\n"
        "asyncio.run(main())"
    )
    inner = LIVING + NOTES_PID + "time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", program, str(out), inner], cwd=ROOT)
    await wait_until(lambda: len(lines(out)) == 1)
    parent.kill()
    parent.wait()
    await wait_until(lambda: not lives(lines(out)[0]))
