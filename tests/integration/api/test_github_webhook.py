"""A delivery that GitHub has signed is stored once before it is answered; nothing else is even read."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import pytest

from api.app import app_of
from api.github_webhook import LARGEST
from shared.database import Database
from shared.ids import UserId
from shared.ledger import projects, repositories, sessions, users
from shared.ledger.users import Role
from tests.deliveries import PATH, body_of, headers_of

SECRET = secrets.token_hex(16)
TRACKED = 700


@dataclass
class Front:
    """The API, and the ledgers behind it."""

    client: httpx.AsyncClient
    database: Database

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(PATH, content=body, headers=headers)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.connection() as connection:
            return list(await (await connection.execute(query)).fetchall())

    async def stored(self) -> list[tuple[object, ...]]:
        return await self.rows("SELECT id, event, action, repository_id FROM github_deliveries")

    async def jobs(self) -> int:
        return len(await self.rows("SELECT FROM procrastinate_jobs WHERE args->>'name' = 'github_sync'"))


def client_of(database: Database, secret: str | None = SECRET) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(database, github_secret=secret), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://telewright")


@pytest.fixture
async def front(database_url: str) -> AsyncIterator[Front]:
    """An API, beside a project whose repository is looked at next in an hour."""
    async with Database(database_url, connections=3) as database, client_of(database) as client:
        async with database.transaction() as tx:
            owner = await users.ensure(tx, UserId("test:owner"), name="Owner", role=Role.OWNER)
            session = await sessions.ensure(tx, front="test", external_key="1", owner_id=owner.id)
            project = await projects.create(
                tx, name="shop", blueprint="web-service", description="", owner_id=owner.id, session_id=session.id
            )  # fmt: skip
            await projects.set_repository(tx, project.id, {"name": "shop", "url": "", "id": TRACKED})
            await repositories.track(tx)
            await repositories.rest(tx, TRACKED, 3600)
        yield Front(client, database)


async def test_a_signed_delivery_is_stored_with_the_job_that_handles_it(front: Front) -> None:
    body = body_of(repository=TRACKED, action="opened")
    headers = headers_of(body, SECRET, event="pull_request", delivery="one")

    answer = await front.post(body, headers)

    assert answer.status_code == 202
    assert await front.stored() == [("one", "pull_request", "opened", TRACKED)]
    assert await front.jobs() == 1
    assert await front.rows("SELECT due_at <= clock_timestamp() FROM repositories") == [(True,)]


async def test_a_delivery_that_comes_again_is_acknowledged_and_changes_nothing(front: Front) -> None:
    body = body_of(repository=TRACKED)
    headers = headers_of(body, SECRET, delivery="one")
    await front.post(body, headers)
    await front.rows("UPDATE repositories SET due_at = clock_timestamp() + interval '1 hour' RETURNING 1")

    assert (await front.post(body, headers)).status_code == 202

    assert len(await front.stored()) == 1
    assert await front.rows("SELECT due_at <= clock_timestamp() FROM repositories") == [(False,)]


async def test_many_deliveries_wait_for_one_job(front: Front) -> None:
    for _ in range(5):
        body = body_of(repository=TRACKED)
        assert (await front.post(body, headers_of(body, SECRET))).status_code == 202

    assert len(await front.stored()) == 5
    assert await front.jobs() == 1


async def test_what_names_nobodys_repository_or_none_is_stored_and_asks_for_nothing(front: Front) -> None:
    for body in (body_of(repository=701), body_of("ping", repository=None, zen="Keep it logically awesome.")):
        assert (await front.post(body, headers_of(body, SECRET))).status_code == 202

    assert len(await front.stored()) == 2
    assert await front.jobs() == 0


async def test_a_form_is_read_as_github_fills_it_in(front: Front) -> None:
    body = urlencode({"payload": body_of(repository=TRACKED).decode()}).encode()
    headers = headers_of(body, SECRET) | {"Content-Type": "application/x-www-form-urlencoded"}

    assert (await front.post(body, headers)).status_code == 202

    assert await front.jobs() == 1


@pytest.mark.parametrize(
    "signature",
    [None, "", "sha256=", "sha256=" + "0" * 64, "sha1=0", "\u00e4" * 71],
    ids=["none", "empty", "no digest", "zeros", "another kind", "no ASCII"],
)
async def test_a_forged_delivery_is_refused_before_it_is_read(front: Front, signature: str | None) -> None:
    body = b"{ this is no JSON"
    headers = headers_of(body, secrets.token_hex(16))
    headers.pop("X-Hub-Signature-256")
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    if signature is not None:
        raw.append((b"X-Hub-Signature-256", signature.encode("latin-1")))

    answer = await front.client.post(PATH, content=body, headers=raw)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_signed"
    assert await front.stored() == []


async def test_what_has_no_signature_is_not_even_read(front: Front) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" "

    answer = await front.client.post(PATH, content=body(), headers={"X-GitHub-Event": "push"})

    assert answer.status_code == 401
    assert sent == 0


async def test_a_delivery_of_ten_megabytes_is_taken(front: Front) -> None:
    body = body_of(repository=TRACKED, commits=["x" * 1000] * 10_000)

    answer = await front.post(body, headers_of(body, SECRET, delivery="one"))

    assert answer.status_code == 202
    assert await front.stored() == [("one", "push", None, TRACKED)]


async def test_a_signature_with_another_secret_or_of_another_body_is_refused(front: Front) -> None:
    body = body_of(repository=TRACKED)

    assert (await front.post(body, headers_of(body, secrets.token_hex(16)))).status_code == 401
    assert (await front.post(body + b" ", headers_of(body, SECRET))).status_code == 401

    assert await front.stored() == []


async def test_what_is_too_large_is_refused_by_its_length_and_by_what_comes(front: Front) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024 * 1024
            yield b" " * 1024 * 1024

    declared = await front.client.post(
        PATH, content=b"", headers={**headers_of(b"", SECRET), "Content-Length": str(LARGEST + 1)}
    )
    streamed = await front.client.post(PATH, content=endless(), headers=headers_of(b"", SECRET))

    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert sent <= LARGEST + 2 * 1024 * 1024
    assert await front.stored() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"repository": {"id": "x"}}', b'{"repository": {"id": 0}}'],
    ids=["empty", "a list", "broken off", "no UTF-8", "deep", "no number", "zero"],
)
async def test_what_is_signed_and_is_no_delivery_is_refused(front: Front, body: bytes) -> None:
    answer = await front.post(body, headers_of(body, SECRET))

    assert answer.status_code == 400
    assert await front.stored() == []


@pytest.mark.parametrize("missing", ["X-GitHub-Event", "X-GitHub-Delivery"])
async def test_a_delivery_without_a_name_is_refused(front: Front, missing: str) -> None:
    body = body_of()
    headers = headers_of(body, SECRET)

    for value in (None, "", "x" * 101):
        changed = {**headers, missing: value} if value is not None else headers.copy()
        if value is None:
            del changed[missing]
        assert (await front.post(body, changed)).status_code == 400

    assert await front.stored() == []


async def test_a_hostile_action_is_left_out(front: Front) -> None:
    body = body_of(repository=TRACKED, action="a\0b")

    assert (await front.post(body, headers_of(body, SECRET, delivery="one"))).status_code == 202

    assert await front.stored() == [("one", "push", None, TRACKED)]


async def test_without_a_secret_there_is_no_webhook(front: Front) -> None:
    body = body_of()

    async with client_of(front.database, None) as client:
        answer = await client.post(PATH, content=body, headers=headers_of(body, SECRET))

    assert answer.status_code == 404


async def test_without_a_database_nothing_is_acknowledged(database_url: str) -> None:
    body = body_of()
    database = Database(database_url)

    async with client_of(database) as client:
        refused = await client.post(PATH, content=body, headers=headers_of(body, SECRET))
        ill = await client.get("/healthz")
        async with database:
            well = await client.get("/healthz")

    assert (refused.status_code, ill.status_code, well.status_code) == (503, 503, 200)
    assert refused.json()["error"]["code"] == "database_unavailable"
