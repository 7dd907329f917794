"""Effects that the work does not depend on: where one is refused, it goes on without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from graph.context import RunContext
from graph.orchestrator.retries import last_attempt
from shared.errors import NotNow, TelewrightError

log = structlog.get_logger()


async def ensure_unless_refused(
    context: RunContext,
    key: str,
    kind: str,
    request: Mapping[str, Any],
    make: Callable[[], Awaitable[dict[str, Any]]],
    *,
    note: Callable[[dict[str, Any]], str] | None = None,
) -> dict[str, Any]:
    """Make an effect once, as `RunContext.ensure`; what keeps from it is what it came to.

    Returns:
        What it came to. Where it was refused, `refused` and `advice` say why, and what to do.

    Raises:
        NotNow: It can be made later.
        TelewrightError: Trying again may help; the last attempt does not raise it.
    """

    async def attempt() -> dict[str, Any]:
        try:
            return await make()
        except NotNow:
            raise
        except TelewrightError as error:
            if error.transient and not last_attempt():
                raise
            log.warning("effect.refused", effect=key, code=error.code, error=error.message)
            return {"refused": error.message, "advice": error.advice}

    return await context.ensure(key, kind, request, attempt, note=note)


def because(result: Mapping[str, Any]) -> str:
    """Return why an effect was refused, and what to do, to end a sentence with."""
    return f"{str(result['refused']).rstrip('.')}. {result['advice']}"
