"""What a process writes to its log."""

from __future__ import annotations

import io
import json
import logging
import secrets
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import TypeAdapter

from shared import logs, tracing
from shared.settings import Settings


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)
    logging.captureWarnings(capture=False)
    for name in logs.CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET)


def configured(stream: io.StringIO | None = None, **values: object) -> io.StringIO:
    stream = stream or io.StringIO()
    logs.configure(Settings(**{"_env_file": None, **values}), stream=stream)  # type: ignore[arg-type]
    return stream


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_where_no_person_looks() -> None:
    stream = configured()
    structlog.get_logger("here").info("run.resumed", after_s=2, text="two\nlines, ünïcode")
    [event] = events(stream)
    assert event["event"] == "run.resumed"
    assert event["after_s"] == 2
    assert event["text"] == "two\nlines, ünïcode"
    assert (event["level"], event["logger"]) == ("info", "here")
    assert event["timestamp"].endswith("Z")


def test_a_terminal_gets_lines_for_people_unless_the_setting_says_otherwise() -> None:
    stream = configured(Terminal())
    structlog.get_logger().info("run.resumed")
    assert "run.resumed" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    stream = configured(Terminal(), log_format="json")
    structlog.get_logger().info("run.resumed")
    assert events(stream)


def test_what_libraries_log_has_the_same_form_and_the_same_trace() -> None:
    stream = configured()
    with tracing.bind(run_id=7) as trace_id:
        logging.getLogger("procrastinate.worker").warning("job %s is slow", 3, extra={"job": 3})
        structlog.get_logger().info("run.resumed")
    theirs, ours = events(stream)
    assert theirs["event"] == "job 3 is slow"
    assert theirs["job"] == 3
    assert theirs["trace_id"] == ours["trace_id"] == trace_id
    assert theirs["run_id"] == ours["run_id"] == "7"


def test_levels_are_kept_and_chatty_libraries_count_from_warning() -> None:
    stream = configured()
    structlog.get_logger().debug("run.looked_at")
    logging.getLogger("procrastinate.worker").info("job started")
    assert stream.getvalue() == ""
    stream = configured(log_level="DEBUG")
    structlog.get_logger().debug("run.looked_at")
    logging.getLogger("procrastinate.worker").info("job started")
    assert len(events(stream)) == 2


def test_an_exception_is_part_of_its_event() -> None:
    stream = configured()
    try:
        int("bad value")
    except ValueError:
        structlog.get_logger().exception("run.failed")
    [event] = events(stream)
    assert event["event"] == "run.failed"
    assert "Traceback" in event["exception"]
    assert "ValueError: invalid literal" in event["exception"]


def test_nobody_writes_the_log_by_what_they_say() -> None:
    stream, said = configured(), "what I said"
    try:
        TypeAdapter(int).validate_python(said)
    except ValueError:
        structlog.get_logger().exception("run.failed")
        logging.getLogger("library").exception("it failed")
    assert "Traceback" in stream.getvalue()
    assert said not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_of_the_settings_is_written_anywhere_in_an_event(log_format: str) -> None:
    password, token = secrets.token_hex(12), secrets.token_hex(20)
    stream = configured(
        log_format=log_format, database_url=f"postgresql://me:{password}@db/x", openai_api_key=token
    )
    log = structlog.get_logger()
    log.info(" ".join(["said", token]), nested={"a": [password]}, error=RuntimeError(token))
    logging.getLogger("library").error("with %s", password, extra={"more": token})
    try:
        int(f"{password} and {token}")
    except ValueError:
        log.exception("run.failed")
        logging.getLogger("library").exception("it failed")
    assert password not in stream.getvalue()
    assert token not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") >= 6


def test_configuring_again_does_not_write_twice() -> None:
    configured()
    stream = configured()
    structlog.get_logger().info("run.resumed")
    assert len(events(stream)) == 1


def test_the_log_goes_to_stderr_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(_env_file=None), stream=sys.stderr)
    structlog.get_logger().info("run.resumed")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "run.resumed" in captured.err
