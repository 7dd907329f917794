"""Updates as they come from Telegram: read one by one, so that one that cannot be read hides no other."""

from __future__ import annotations

from typing import Any

import structlog
from aiogram import Bot
from aiogram.types import Update
from prometheus_client import Counter
from pydantic import ValidationError

UNREADABLE = Counter("telewright_bot_unreadable_updates_total", "Updates that aiogram could not read")

log = structlog.get_logger(__name__)


def number_of(raw: Any) -> int | None:  # noqa: ANN401 - JSON may be anything
    """Return the number of an update, read or not; None when it has none."""
    number = raw.get("update_id") if isinstance(raw, dict) else None
    return number if isinstance(number, int) else None


def read_update(raw: Any, bot: Bot) -> Update | None:  # noqa: ANN401
    """Return an update, or None for one that cannot be read: it is counted, and would never be readable."""
    try:
        return Update.model_validate(raw, context={"bot": bot})
    except ValidationError as error:
        UNREADABLE.inc()
        # Where it is wrong, and nothing of what was said.
        places = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
        log.error("update.unreadable", update_id=number_of(raw), fields=places[:5])  # noqa: TRY400
        return None
