"""A fake Telegram, and an installation whose bot speaks there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.embedded import EmbeddedValkey
from tests.acceptance.telegram.printed import normalised
from tests.fakes.telegram import Person, Telegram, telegram_in_thread
from tests.installation import Installation
from tests.parts import SharedParts

OWNER, OPERATOR, STRANGER = 1001, 1002, 6666


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    """Telegram, whose transcripts leave out what varies."""
    with telegram_in_thread() as telegram:
        telegram.normalise = normalised
        yield telegram


@pytest.fixture
def ann(telegram: Telegram) -> Person:
    """The owner."""
    return telegram.user(OWNER, "Ann")


@pytest.fixture
def ben(telegram: Telegram) -> Person:
    """An operator."""
    return telegram.user(OPERATOR, "Ben")


@pytest.fixture
def installation(
    shared_parts: SharedParts, _valkey: EmbeddedValkey, tmp_path: Path, telegram: Telegram
) -> Iterator[Installation]:
    """A home with its own database, set up for Telegram; nothing runs over it yet."""
    _valkey.start()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings = {
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_API_URL": telegram.url,
        "ALLOWED_USER_IDS": f"{OWNER},{OPERATOR}",
    }
    with shared_parts.database(template=shared_parts.ensure_template()) as database_url:
        yield Installation(home, database_url, _valkey.url, settings)


@pytest.fixture
def running(installation: Installation) -> Iterator[Installation]:
    """An installation with a worker, a scheduler and a bot."""
    with installation.running(bots=1):
        yield installation


@pytest.fixture
def by_webhook(installation: Installation) -> Iterator[Installation]:
    """The same, with updates coming by webhook."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    installation.settings |= {
        "TELEGRAM_WEBHOOK_URL": f"http://{address}/telegram",
        "TELEGRAM_WEBHOOK_LISTEN": address,
    }
    with installation.running(bots=1):
        yield installation
