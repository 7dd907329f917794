"""A server of one's own for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer

PORTS_PER_TEST = 20
FIRST_PORT = 10_000
PORTS_PER_WORKER = 1_000
_tests = itertools.count()


@pytest.fixture
def ports() -> tuple[int, int]:
    """Ports that no other test looks at, in this or another worker."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST_PORT + worker * PORTS_PER_WORKER + next(_tests) * PORTS_PER_TEST
    return first, first + PORTS_PER_TEST - 1


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LocalServer]:
    """A server that is stopped after the test."""
    server = LocalServer(tmp_path / "server")
    yield server
    await server.stop()


@pytest.fixture
def deployer(server: LocalServer, ports: tuple[int, int]) -> AnsibleDeployer:
    """A deployer to that server."""
    return AnsibleDeployer(server, ports=ports)
