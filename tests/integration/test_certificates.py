"""A certificate is looked at as a visitor meets it, within a time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infrastructure.certificates import BadCertificate, NoCertificate, expires_at

HERE = "127.0.0.1"

Serve = Callable[..., AbstractAsyncContextManager[tuple[int, ssl.SSLContext]]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serves a certificate; gives the port, and who trusts it."""

    @asynccontextmanager
    async def serving(until: datetime, *, name: str = HERE) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
        file = tmp_path / "certificate.pem"
        file.write_bytes(_made(until, name))
        shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown.load_cert_chain(file)
        server = await asyncio.start_server(lambda _, writer: writer.close(), HERE, 0, ssl=shown)
        async with server:
            yield server.sockets[0].getsockname()[1], ssl.create_default_context(cafile=str(file))

    return serving


async def test_it_says_until_when_it_holds(serve: Serve) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    async with serve(until) as (port, trusted):
        assert await expires_at(HERE, port, trusted=trusted) == until


async def test_one_that_has_expired_is_refused(serve: Serve) -> None:
    async with serve(datetime.now(UTC) - timedelta(hours=1)) as (port, trusted):
        with pytest.raises(BadCertificate, match="certificate has expired"):
            await expires_at(HERE, port, trusted=trusted)


async def test_one_for_somebody_else_is_refused(serve: Serve) -> None:
    async with serve(datetime.now(UTC) + timedelta(days=9), name="127.0.0.2") as (port, trusted):
        with pytest.raises(BadCertificate, match="IP address mismatch"):
            await expires_at(HERE, port, trusted=trusted)


async def test_one_that_nobody_vouches_for_is_refused(serve: Serve) -> None:
    async with serve(datetime.now(UTC) + timedelta(days=9)) as (port, _):
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


def _made(until: datetime, name: str) -> bytes:
    """Make a certificate that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=30))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
