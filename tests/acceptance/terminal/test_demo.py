"""`telewright demo`: the main job on its own, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

START_S = 90
END_S = 240


def begin(tmp_path: Path) -> subprocess.Popen[str]:
    """Start the demo, with its temporary directory below the test's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELEWRIGHT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "demo"],
        env={**environment, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def left_behind(tmp_path: Path) -> list[str]:
    """Return the directories of demos, and the processes that run on one."""
    processes = [
        " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline", "cwd"])
        if any(
            str(tmp_path) in text for text in [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        )
        and process.info["cmdline"]
    ]
    return [*(str(each) for each in tmp_path.glob("telewright-demo-*")), *processes]


def test_it_plays_the_whole_job_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = begin(tmp_path)
    told, _ = demo.communicate(timeout=END_S)
    print(f"\n{told}")

    assert demo.returncode == 0
    assert "> Create a web service called hello" in told
    assert told.count("(approved unattended by the demo)") == 2
    assert re.search(r"GET http://127\.0\.0\.1:\d+/ answers 200 OK:", told)
    assert "In all" in told
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_in_the_middle_it_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    demo = begin(tmp_path)
    assert demo.stdout is not None
    deadline = time.monotonic() + START_S
    while "Scaffold" not in demo.stdout.readline():
        assert time.monotonic() < deadline
        assert demo.poll() is None
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=END_S)

    assert demo.returncode == code, rest
    assert "Traceback" not in rest
    assert left_behind(tmp_path) == []
