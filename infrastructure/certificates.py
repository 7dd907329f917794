"""Certificates of services, as a visitor meets them."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

from shared.errors import TelewrightError, Unavailable


class BadCertificate(TelewrightError):
    """The certificate is not to be trusted."""

    code = "bad_certificate"
    advice = "Renew the certificate, and let the service use the new one."


class NoCertificate(Unavailable):
    """Nobody shows a certificate there."""

    code = "no_certificate"


async def expires_at(
    host: str, port: int, *, timeout_s: float = 5, trusted: ssl.SSLContext | None = None
) -> datetime:
    """Return until when the certificate of a service holds.

    Args:
        host: Whom the certificate must name.
        port: Where the service listens.
        timeout_s: Seconds for all of it.
        trusted: Who may have signed it; left out, whom this machine trusts.

    Raises:
        BadCertificate: It has expired, names somebody else, or is signed by nobody who is trusted.
        NoCertificate: Nobody answers, or not with a certificate.
    """
    context = trusted or ssl.create_default_context()
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
            shown = writer.get_extra_info("peercert")
            # What the other side does when we leave is nothing to wait for.
            writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        raise BadCertificate(f"its certificate is refused: {error.verify_message}") from error
    except (OSError, TimeoutError) as error:
        raise NoCertificate(f"it shows no certificate ({type(error).__name__})") from error
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
