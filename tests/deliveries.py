"""Deliveries as GitHub sends them, and as nobody should."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import Any

PATH = "/github/webhook"


def body_of(event: str = "push", repository: int | None = 700, **payload: Any) -> bytes:  # noqa: ANN401
    """Return a delivery's body."""
    about = {} if repository is None else {"repository": {"id": repository, "full_name": "ann/shop"}}
    return json.dumps({"action": None, "about": event, **about, **payload}).encode()


def headers_of(
    body: bytes, secret: str, *, event: str = "push", delivery: str | None = None
) -> dict[str, str]:
    """Return what GitHub sends along."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
    }
