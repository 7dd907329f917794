"""Installations: one that the tests of a module share, and their own for those that break things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infrastructure.embedded import EmbeddedValkey
from tests.acceptance.main_job.person import Person, person_at
from tests.installation import Installation
from tests.parts import SharedParts


@pytest.fixture(scope="module")
def installation(
    shared_parts: SharedParts, _valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A home with its own database; nothing runs over it yet."""
    _valkey.start()
    home: Path = tmp_path_factory.mktemp("installation") / "home"
    home.mkdir(mode=0o700)
    shared_parts.lend_packages(home)
    with shared_parts.database(template=shared_parts.ensure_template()) as database_url:
        yield Installation(home, database_url, _valkey.url)


@pytest.fixture(scope="module")
def running(installation: Installation) -> Iterator[Installation]:
    """An installation with a worker and a scheduler."""
    with installation.running():
        yield installation


@pytest.fixture
async def petra(running: Installation) -> AsyncIterator[Person]:
    """Somebody in a new conversation with it."""
    async with person_at(running) as person:
        yield person
