"""`POST /github/webhook`: deliveries that GitHub has signed are stored, then answered with 202.

A delivery is never believed. It names a repository, which the scheduler then looks at itself, so
that one that is doubled, late, out of order or sent again by somebody who has overheard it does no
harm. Its id and its event are not signed by GitHub; its body is, and nothing is read out of it before
the signature holds. One that is refused for its size, or because too much comes in, is not lost either:
the sync sees by itself what has changed, a little later.
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
import re
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel, Field, ValidationError

from api.bodies import Bodies, Bounds
from api.errors import NotSigned, TooBusy, TooLarge, TooSlow
from shared.database import Database, DatabaseUnavailable
from shared.errors import BadInput
from shared.ledger import github_deliveries
from shared.ledger.github_deliveries import LONGEST_NAME
from shared.outages import OUTAGE
from shared.queue import GITHUB_SYNC, defer_job

LARGEST: Final = 25 * 1024 * 1024
"""Bytes that a request may have: GitHub sends no larger ones."""

READ_S: Final = 10.0
"""GitHub does not wait longer for an answer, either."""

_SIGNATURE: Final = re.compile(r"sha256=[0-9a-f]{64}")

_FORM: Final = "application/x-www-form-urlencoded"

RECEIVED: Final = Counter("telewright_github_deliveries_total", "Deliveries from GitHub, by whether they are new", ["new"])  # fmt: skip
REFUSED: Final = Counter(
    "telewright_github_deliveries_refused_total", "Requests that were no deliveries of GitHub's"
)

log = structlog.get_logger(__name__)


class NoDelivery(BadInput):
    """This is no delivery of GitHub's."""

    code = "no_delivery"
    advice = "Send it as GitHub does, with X-GitHub-Event and X-GitHub-Delivery; nothing was changed."


class _Repository(BaseModel):
    id: int = Field(ge=1, lt=2**63)


class _Payload(BaseModel):
    """What is read of a delivery's body."""

    action: str | None = None
    repository: _Repository | None = None


class GitHubWebhook:
    """Takes in deliveries. Any number of processes may do so."""

    def __init__(self, database: Database, secret: str) -> None:
        """Put it together.

        Args:
            database: Where deliveries are stored.
            secret: What GitHub signs them with.
        """
        self._database = database
        self._secret = secret.encode()
        self._bodies = Bodies(Bounds(largest=LARGEST, within_s=READ_S))
        self.router = APIRouter()
        self.router.add_api_route("/github/webhook", self.receive, methods=["POST"])

    async def receive(self, request: Request) -> Response:
        """Answer one request; 202 means that the delivery is stored."""
        try:
            delivery_id, event, payload = await self._signed(request)
        except (NotSigned, TooLarge, TooSlow, TooBusy):
            REFUSED.inc()
            raise
        new = await self._store(delivery_id, event, payload)
        RECEIVED.labels(str(new).lower()).inc()
        log.info("delivery.stored" if new else "delivery.repeated", delivery=delivery_id, github_event=event)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def _signed(self, request: Request) -> tuple[str, str, _Payload]:
        """Return a delivery's id, its event and what is read of it, once its signature holds."""
        given = request.headers.get("X-Hub-Signature-256", "")
        if not _SIGNATURE.fullmatch(given):
            raise NotSigned
        right = hmac.new(self._secret, digestmod=hashlib.sha256)
        async with self._bodies.read(request, right.update) as body:
            # Compared to the end, so that the time it takes tells nothing.
            if not hmac.compare_digest(given, f"sha256={right.hexdigest()}"):
                raise NotSigned
            return (*_names(request), _payload(request, body))

    async def _store(self, delivery_id: str, event: str, payload: _Payload) -> bool:
        """Store a delivery, with the job that handles it. Returns whether it is new."""
        number = payload.repository.id if payload.repository else None
        action = payload.action if payload.action and _is_name(payload.action) else None
        try:
            async with self._database.transaction() as tx:
                accepted = await github_deliveries.accept(
                    tx, delivery_id, event=event, action=action, repository_id=number
                )
                if accepted.due:
                    await defer_job(tx, GITHUB_SYNC)
        except OUTAGE as error:
            raise DatabaseUnavailable from error
        return accepted.new


def _payload(request: Request, body: bytearray) -> _Payload:
    try:
        if request.headers.get("Content-Type", "").partition(";")[0].strip() == _FORM:
            [wrapped] = parse_qs(body.decode(), strict_parsing=True, max_num_fields=1)["payload"]
            return _Payload.model_validate_json(wrapped)
        return _Payload.model_validate_json(body)
    except (ValidationError, ValueError, KeyError) as error:
        raise NoDelivery("The body is no JSON as GitHub sends it") from error


def _names(request: Request) -> tuple[str, str]:
    return _named(request, "X-GitHub-Delivery"), _named(request, "X-GitHub-Event")


def _named(request: Request, header: str) -> str:
    value = request.headers.get(header, "")
    if not _is_name(value):
        raise NoDelivery(f"The header {header} is missing, or no name")
    return value


def _is_name(value: str) -> bool:
    return 0 < len(value) <= LONGEST_NAME and value.isascii() and value.isprintable()
