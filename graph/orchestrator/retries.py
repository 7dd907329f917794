"""What is tried again by itself: errors that say of themselves that it may help."""

from __future__ import annotations

from langgraph.runtime import get_runtime
from langgraph.types import RetryPolicy

from shared.errors import TelewrightError

MOST_ATTEMPTS = 4


def is_transient(error: Exception) -> bool:
    """Return whether trying the same thing again may help."""
    return isinstance(error, TelewrightError) and error.transient


POLICY = RetryPolicy(
    initial_interval=0.5,
    backoff_factor=3.0,
    max_interval=10.0,
    max_attempts=MOST_ATTEMPTS,
    retry_on=is_transient,
)


def last_attempt() -> bool:
    """Return whether the node that asks will not be tried again, however it fails."""
    execution = get_runtime().execution_info
    return execution is not None and execution.node_attempt >= MOST_ATTEMPTS
