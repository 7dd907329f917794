"""`telewright up` as a real process: one tree, ready soon, stopped without a trace, whatever was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey

ROOT = Path(__file__).parents[3]


class Up:
    """One `telewright up` on a home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._log = (home.parent / "up.log").open("w+")
        environment = {**os.environ, "TELEWRIGHT_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"],
            cwd=home.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def said(self) -> str:
        return Path(self._log.name).read_text()

    def until_ready(self) -> None:
        wait_until(lambda: "is ready" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def up(home: Path) -> Iterator[Up]:
    running = Up(home)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGTERM)


def of_home(home: Path) -> list[psutil.Process]:
    """Every living process that has to do with a home."""

    def concerns(process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                return False
            mentions = str(home) in " ".join(process.cmdline()) or process.cwd().startswith(str(home))
            return mentions or process.environ().get("TELEWRIGHT_HOME") == str(home)
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if concerns(process)]


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ends_everything(running: Up, number: signal.Signals) -> None:
    """Look whether a signal ends it in order; all three do, each at the end of a test that has it running."""
    assert EmbeddedPostgres(running.home).running()
    wait_until(EmbeddedValkey(running.home).running)
    assert running.end(number) == 0, running.said
    assert of_home(running.home) == []


def test_a_second_one_on_the_same_home_is_refused_by_name_and_ctrl_c_ends_the_first(home: Path) -> None:
    with up(home) as first:
        first.until_ready()
        second = subprocess.run(
            [sys.executable, "-m", "cli", "up"],
            cwd=home.parent,
            env={**os.environ, "TELEWRIGHT_HOME": str(home), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert f"pid {first.process.pid}" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.process.poll() is None
        ends_everything(first, signal.SIGINT)


def test_after_a_kill_the_next_one_takes_over_and_leaves_nothing(home: Path) -> None:
    with up(home) as killed:
        killed.until_ready()
        children = psutil.Process(killed.process.pid).children()
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        wait_until(lambda: not any(child in of_home(home) for child in children))
    with up(home) as after:
        after.until_ready()
        assert after.end(signal.SIGTERM) == 0, after.said
        wait_until(lambda: of_home(home) == [])


def test_a_signal_in_the_middle_of_starting_leaves_nothing(home: Path) -> None:
    with up(home) as running:
        wait_until(lambda: (home / "postgres" / "lock").exists())
        running.end(signal.SIGINT)
        assert "Traceback" not in running.said
        assert of_home(home) == []


def test_a_part_that_dies_is_started_again_and_a_closed_terminal_ends_everything(home: Path) -> None:
    with up(home) as running:
        running.until_ready()
        dead = psutil.Process(int((home / "valkey" / "pid").read_text()))
        dead.kill()
        wait_until(lambda: EmbeddedValkey(home).running())
        ends_everything(running, signal.SIGHUP)


def test_a_bad_setting_is_one_line_that_names_it(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "up"],
        cwd=home,
        env={**os.environ, "TELEWRIGHT_HOME": str(home), "API_PORT": "many", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "API_PORT should be a valid integer" in done.stderr
    assert "Traceback" not in done.stderr
