"""Telewright as a person runs it: `telewright up` in the background, terminals opened and closed beside it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.parts import SharedParts

STOP_S = 60
REDRAWN = 12
"""Lines above the prompt and around it that may be drawn again."""

_FORWARD = re.compile(r"\x1b\[(\d*)C")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]")


@dataclass(frozen=True)
class Installation:
    """A home on which everything runs."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        # Nothing answers a terminal emulator's question for the cursor's position on a bare pseudo-terminal.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TELEWRIGHT_")}
        return {**kept, "TELEWRIGHT_HOME": str(self.home), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}

    @contextlib.contextmanager
    def terminal(self, *, columns: int = 80) -> Iterator[Terminal]:
        """Open `telewright chat` on a pseudo-terminal; leaving the block kills it if it is still there."""
        process = pexpect.spawn(
            sys.executable,
            ["-m", "cli", "chat"],
            env=self.environment,
            cwd=str(self.home),
            dimensions=(50, columns),
            encoding="utf-8",
            timeout=120,
        )
        terminal = Terminal(process)
        process.logfile_read = terminal
        try:
            yield terminal
        finally:
            process.close(force=True)

    def script(self, said: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Pipe lines into `telewright chat`."""
        return subprocess.run(
            [sys.executable, "-m", "cli", "chat", *options],
            input=said,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.home,
            timeout=240,
            check=False,
        )


class Terminal:
    """A chat on a pseudo-terminal, and all that was seen on it."""

    def __init__(self, process: pexpect.spawn) -> None:
        self.process = process
        self._raw = ""

    def write(self, raw: str) -> None:
        """Keep what the terminal was sent."""
        self._raw += raw

    def flush(self) -> None:
        """Nothing is held back."""

    def say(self, text: str) -> None:
        """Type a line."""
        self.process.send(f"{text}\r")

    def wait_for(self, pattern: str) -> None:
        """Wait until something is seen."""
        self.process.expect(pattern)

    def kill(self) -> None:
        """End the chat as a crash does."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    @property
    def seen(self) -> str:
        """What a person read: without colours and cursor movements, and what is drawn again and again only once."""
        text = _FORWARD.sub(lambda match: " " * int(match[1] or 1), self._raw)
        kept: list[str] = []
        for line in re.split(r"[\r\n]+", _SEQUENCE.sub("", text)):
            if line.strip() and line.rstrip() not in kept[-REDRAWN:]:
                kept.append(line.rstrip())
        return "\n".join(kept)


@pytest.fixture(scope="module")
def installation(shared_parts: SharedParts) -> Iterator[Installation]:
    """`telewright up` on a home of its own."""
    home = Path(tempfile.mkdtemp(prefix="telewright-acceptance-"))
    shared_parts.lend_packages(home)
    installation = Installation(home)
    log = home / "up.log"
    with log.open("wb") as stream:
        up = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"],
            env=installation.environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
        )
        try:
            assert up.stdout is not None
            ready = up.stdout.readline()
            assert b"ready" in ready, log.read_text()
            yield installation
        finally:
            up.terminate()
            up.wait(STOP_S)
            shutil.rmtree(home, ignore_errors=True)
