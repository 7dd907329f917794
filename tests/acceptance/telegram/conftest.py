"""A fake Telegram, and an installation whose bot speaks there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infrastructure.embedded import EmbeddedValkey
from tests.acceptance.telegram.printed import normalised
from tests.acceptance.telegram.waiting import said
from tests.fakes.telegram import Group, Person, Telegram, telegram_in_thread
from tests.installation import Installation
from tests.parts import SharedParts

OWNER, OPERATOR, STRANGER = 1001, 1002, 6666


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    """Telegram, whose transcripts leave out what varies."""
    with _telegram() as telegram:
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
    with _installation(shared_parts, _valkey, tmp_path, telegram) as installation:
        yield installation


@pytest.fixture
def running(installation: Installation) -> Iterator[Installation]:
    """An installation with a worker, a scheduler and a bot."""
    with installation.running(bots=1):
        yield installation


@dataclass(frozen=True)
class Town:
    """One installation at work for the tests of a module, which keep apart by their chats and names."""

    installation: Installation
    telegram: Telegram
    ann: Person
    """The owner."""
    ben: Person
    """An operator."""

    async def forum(self, title: str) -> Group:
        """Return a forum in which the bot answers, with both of them in it."""
        return await self._let_in(self.telegram.forum(title, self.ann, self.ben))

    async def group(self, title: str) -> Group:
        """Return a group in which the bot answers, with both of them in it."""
        return await self._let_in(self.telegram.supergroup(title, self.ann, self.ben))

    async def _let_in(self, group: Group) -> Group:
        self.ann.say(f"/users add {group.id}")
        await said(self.telegram, self.ann, f"{group.id} is let in")
        return group


@pytest.fixture(scope="module")
def town(
    shared_parts: SharedParts, _valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """A town in which worker, scheduler and bot are at work: starting them costs more than most tests do."""
    with (
        _telegram() as telegram,
        _installation(shared_parts, _valkey, tmp_path_factory.mktemp("town"), telegram) as installation,
        installation.running(bots=1),
    ):
        yield Town(installation, telegram, telegram.user(OWNER, "Ann"), telegram.user(OPERATOR, "Ben"))


@contextmanager
def _telegram() -> Iterator[Telegram]:
    with telegram_in_thread() as telegram:
        telegram.normalise = normalised
        yield telegram


@contextmanager
def _installation(
    shared_parts: SharedParts, valkey: EmbeddedValkey, directory: Path, telegram: Telegram
) -> Iterator[Installation]:
    valkey.start()
    home = directory / "home"
    home.mkdir(mode=0o700)
    shared_parts.lend_packages(home)
    settings = {
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "TELEGRAM_API_URL": telegram.url,
        "ALLOWED_USER_IDS": f"{OWNER},{OPERATOR}",
    }
    with shared_parts.database(template=shared_parts.ensure_template()) as database_url:
        yield Installation(home, database_url, valkey.url, settings)


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
