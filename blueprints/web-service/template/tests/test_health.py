from pathlib import Path

from starlette.testclient import TestClient


def test_a_service_with_its_database_is_healthy(client: TestClient) -> None:
    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok"}


def test_a_service_without_its_database_is_not(client: TestClient, database_file: Path) -> None:
    for file in database_file.parent.iterdir():
        file.unlink()

    answer = client.get("/health")

    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"


def test_a_broken_database_is_not_healthy_either(client: TestClient, database_file: Path) -> None:
    for file in database_file.parent.iterdir():
        file.unlink()
    database_file.write_bytes(b"this is no database, and long enough to be seen as none" * 100)

    assert client.get("/health").status_code == 503
