"""Fixtures that hand out real, private parts: a database, a cache, a home.

The session's PostgreSQL starts with the first test that asks for it and is stopped at the
end; each test has a database of its own, as empty as one that was just migrated. Nothing
of the machine's own settings reaches a test.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from redis import Redis

from infrastructure.embedded import EmbeddedValkey, claim
from shared.settings import ROLE_VARIABLE, Settings
from tests import parts
from tests.parts import SharedParts

SHARED_ROOT = pytest.StashKey[Path]()
CLAIMED = pytest.StashKey[ExitStack]()

# Real parts on a machine shared by several workers make single examples slow, and not wrong.
hypothesis_settings.register_profile("telewright", deadline=None)
hypothesis_settings.load_profile("telewright")


def pytest_configure(config: pytest.Config) -> None:
    """Forget the machine's settings; give the session a directory for its servers."""
    _forget_settings()
    _hear_interrupts()
    _print_tracebacks_plainly()
    if hasattr(config, "workerinput"):
        config.stash[SHARED_ROOT] = Path(config.workerinput["shared_root"])
        return
    parts.sweep()
    config.stash[SHARED_ROOT] = parts.new_root()
    config.stash[CLAIMED] = ExitStack()
    config.stash[CLAIMED].enter_context(claim(config.stash[SHARED_ROOT]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker where the session's servers are."""
    node.workerinput["shared_root"] = str(node.config.stash[SHARED_ROOT])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers when the last worker is done."""
    claimed = config.stash.get(CLAIMED, None)
    if claimed is not None:
        SharedParts(config.stash[SHARED_ROOT]).stop()
        claimed.close()


def _forget_settings() -> None:
    ours = {name.upper() for name in Settings.model_fields}
    for name in list(os.environ):
        if name in ours or name.startswith(("TELEWRIGHT_", "PG")) or ROLE_VARIABLE.fullmatch(name):
            del os.environ[name]


def _hear_interrupts() -> None:
    """Undo what a shell does to jobs in the background: the processes we start would not hear Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _print_tracebacks_plainly() -> None:
    """Keep structlog from printing every local variable, which takes seconds for some objects."""
    structlog.configure(
        processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )


@pytest.fixture(scope="session")
def shared_parts(pytestconfig: pytest.Config) -> SharedParts:
    """The servers of this session."""
    return SharedParts(pytestconfig.stash[SHARED_ROOT])


@pytest.fixture
def database_url(shared_parts: SharedParts) -> Iterator[str]:
    """A migrated database for this test alone."""
    with shared_parts.database(template=shared_parts.ensure_template()) as url:
        yield url


@pytest.fixture
def empty_database_url(shared_parts: SharedParts) -> Iterator[str]:
    """A database for this test alone, with nothing in it."""
    shared_parts.ensure_postgres()
    with shared_parts.database(template="template1") as url:
        yield url


@pytest.fixture(scope="session")
def _valkey(shared_parts: SharedParts, worker_id: str) -> EmbeddedValkey:
    return shared_parts.valkey(worker_id)


@pytest.fixture
def redis_url(_valkey: EmbeddedValkey) -> str:
    """An empty Valkey that no other worker uses."""
    _valkey.start()
    with Redis.from_url(_valkey.url) as client:
        client.flushall()
    return _valkey.url


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A TELEWRIGHT_HOME for this test alone; embedded servers that were started in it are stopped."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    yield home
    parts.stop_servers(home)


@pytest.fixture
def settings(home: Path, database_url: str, redis_url: str) -> Settings:
    """Settings of an installation on this test's own database, cache and home."""
    return Settings(
        telewright_home=home,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        _env_file=None,
    )
