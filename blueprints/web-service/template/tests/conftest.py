from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    return tmp_path / "service.sqlite3"


@pytest.fixture
def client(database_file: Path) -> TestClient:
    return TestClient(create_app(database_file))
