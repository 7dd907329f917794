"""How a process writes its log: one event a line, on stderr, without secrets and without what people have said.

Code writes `log = structlog.get_logger(__name__)` and `log.info("run.resumed", after_s=2)`.
What libraries log through `logging` comes out in the same form.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from shared.reasons import traceback_of
from shared.redaction import Redactor
from shared.settings import LogFormat, Settings

CHATTY = (
    "procrastinate",
    "alembic",
    "httpx",
    "httpcore",
    "langgraph",
    "psycopg.pool",
    "asyncio",
    "aiogram.event",
)
"""Libraries that write a line for everything they do; theirs count from WARNING, or at LOG_LEVEL=DEBUG."""


def configure(settings: Settings, *, stream: TextIO = sys.stderr) -> Redactor:
    """Set up this process's log; calling it again replaces what was set up.

    Args:
        settings: Give the format, the level and the values to leave out.
        stream: Where the lines go.

    Returns:
        The redactor in use, so that secrets learnt later can be registered.
    """
    redactor = Redactor(settings.secrets())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(settings.log_format or _natural_format(stream), stream, redactor))
    _route_everything_to(handler, settings.log_level)
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return redactor


def _natural_format(stream: TextIO) -> LogFormat:
    return LogFormat.CONSOLE if stream.isatty() else LogFormat.JSON


def _formatter(form: LogFormat, stream: TextIO, redactor: Redactor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared_processors()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Rendered before the redaction: messages of exceptions quote URLs and commands.
            structlog.processors.ExceptionRenderer(_traceback),
            _redaction(redactor),
            *_rendering(form, stream),
        ],
    )


def _rendering(form: LogFormat, stream: TextIO) -> list[Processor]:
    if form is LogFormat.JSON:
        return [
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty())]


def _traceback(exc_info: ExcInfo) -> str:
    return traceback_of(exc_info[1])


def _redaction(redactor: Redactor) -> Processor:
    def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        clean: EventDict = redactor.value(event)
        return clean

    return redact


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _route_everything_to(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for previous in root.handlers[:]:
        root.removeHandler(previous)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(level if level in {"DEBUG", "ERROR", "CRITICAL"} else "WARNING")
