"""A certificate is looked at as a visitor meets it, within a time."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infrastructure.certificates import BadCertificate, NoCertificate, expires_at
from tests.certificates import HERE, showing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "certificate.pem"


def trusting(file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(file))


async def test_it_says_until_when_it_holds(file: Path) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    async with showing(file, until) as port:
        assert await expires_at(HERE, port, trusted=trusting(file)) == until


async def test_one_that_has_expired_is_refused(file: Path) -> None:
    async with showing(file, datetime.now(UTC) - timedelta(hours=1)) as port:
        with pytest.raises(BadCertificate, match="certificate has expired"):
            await expires_at(HERE, port, trusted=trusting(file))


async def test_one_for_somebody_else_is_refused(file: Path) -> None:
    async with showing(file, datetime.now(UTC) + timedelta(days=9), name="127.0.0.2") as port:
        with pytest.raises(BadCertificate, match="IP address mismatch"):
            await expires_at(HERE, port, trusted=trusting(file))


async def test_one_that_nobody_vouches_for_is_refused(file: Path) -> None:
    async with showing(file, datetime.now(UTC) + timedelta(days=9)) as port:
        with pytest.raises(BadCertificate, match="self-signed certificate"):
            await expires_at(HERE, port)


async def test_who_shows_none_or_never_answers_has_none() -> None:
    async def be_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait_for(_.read(), 20)
        writer.close()

    server = await asyncio.start_server(be_silent, HERE, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NoCertificate, match="TimeoutError"):
            await expires_at(HERE, port, timeout_s=0.3)
    with pytest.raises(NoCertificate, match="ConnectionRefusedError"):
        await expires_at(HERE, port)
