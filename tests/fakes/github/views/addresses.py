"""The addresses in answers, and the other things that are alike everywhere: ids and moments."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Addresses:
    """Where the API and the site are, as the caller reached them."""

    api: str
    site: str


def node_id(prefix: str, number: int) -> str:
    """A thing's id in GraphQL."""
    raw = number.to_bytes(6, "big")
    return f"{prefix}_kgDO{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def moment(at: float) -> str:
    """A moment, as GitHub writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_or_none(at: float | None) -> str | None:
    """A moment that may not have come."""
    return None if at is None else moment(at)
