"""One trace id from a message over its run and its job to every event and log line.

The id has the form of W3C Trace Context (https://www.w3.org/TR/trace-context/#trace-id):
32 hex digits, not all zero. It travels in context variables, so that tasks started inside
a block inherit it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars

TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


def new_trace_id() -> str:
    """Return a random trace id."""
    return secrets.token_hex(16)


def current_trace_id() -> str | None:
    """Return the trace id that is bound here, or `None` outside of any trace."""
    bound = get_contextvars().get("trace_id")
    return bound if isinstance(bound, str) else None


@contextmanager
def bind(
    *,
    trace_id: str | None = None,
    run_id: object | None = None,
    session_id: object | None = None,
    job_id: object | None = None,
) -> Iterator[str]:
    """Put ids on every log line written inside the block.

    Args:
        trace_id: The trace to continue; left out, the one bound already goes on, or a new one begins.
        run_id: The run that is worked on.
        session_id: The conversation it belongs to.
        job_id: The queue's job that does it.

    Yields:
        The trace id.

    Raises:
        ValueError: `trace_id` is not 32 hex digits.
    """
    trace_id = trace_id or current_trace_id() or new_trace_id()
    if not TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"not a trace id: {trace_id!r}")
    ids = {"run_id": run_id, "session_id": session_id, "job_id": job_id}
    tokens = bind_contextvars(
        trace_id=trace_id, **{name: str(value) for name, value in ids.items() if value is not None}
    )
    try:
        yield trace_id
    finally:
        reset_contextvars(**tokens)
