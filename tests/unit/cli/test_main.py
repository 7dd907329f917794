"""The command says what is wrong in a line, and its help reads well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("rich.console", "prompt_toolkit", "psycopg", "pydantic", "langgraph", "redis")


def telewright(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**kept, "TELEWRIGHT_HOME": str(home), **environment},
        cwd=home,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["", "chat", "demo", "secret set", "blueprint check"])
def test_help_fits_into_60_columns(tmp_path: Path, command: str) -> None:
    done = telewright(*command.split(), "--help", home=tmp_path, COLUMNS="60")

    assert done.returncode == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= 60
    assert "..." not in done.stdout.replace("[ARGS]...", "")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, cli.main; print([name for name in sys.argv[1:] if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_an_expected_error_is_a_line_and_an_advice_and_no_traceback(tmp_path: Path) -> None:
    done = telewright("chat", home=tmp_path)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"telewright: Nothing runs for {tmp_path}.",
        "Start `telewright up`, or set DATABASE_URL and REDIS_URL.",
    ]


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    done = telewright("chat", home=tmp_path, REDIS_URL="nowhere")

    assert done.returncode == 1
    assert "REDIS_URL should be a URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_has_a_code_of_its_own(tmp_path: Path) -> None:
    assert telewright("sing", home=tmp_path).returncode == 2
    assert telewright("secret", "set", "hello", home=tmp_path).returncode == 2


def test_a_session_with_a_strange_name_is_refused(tmp_path: Path) -> None:
    done = telewright(
        "chat",
        "--session",
        "../x",
        home=tmp_path,
        DATABASE_URL="postgresql:///nowhere",
        REDIS_URL="redis://127.0.0.1:1",
    )

    assert done.returncode == 1
    assert "A session's name has" in done.stderr


def test_a_secret_is_read_from_stdin_and_needs_a_value(tmp_path: Path) -> None:
    done = telewright("secret", "set", "hello", "API_KEY", home=tmp_path)

    assert done.returncode == 1
    assert "No value was given." in done.stderr
