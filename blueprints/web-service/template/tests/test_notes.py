from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app


def test_a_note_that_was_added_can_be_read(client: TestClient) -> None:
    added = client.post("/notes", json={"text": "Buy milk"})

    assert added.status_code == 201
    assert client.get(f"/notes/{added.json()['id']}").json()["text"] == "Buy milk"


def test_notes_are_listed_newest_first(client: TestClient) -> None:
    for text in ("one", "two", "three"):
        client.post("/notes", json={"text": text})

    assert [note["text"] for note in client.get("/notes?limit=2").json()] == ["three", "two"]


def test_a_deleted_note_is_gone(client: TestClient) -> None:
    note = client.post("/notes", json={"text": "Buy milk"}).json()

    assert client.delete(f"/notes/{note['id']}").status_code == 204
    assert client.get(f"/notes/{note['id']}").status_code == 404
    assert client.delete(f"/notes/{note['id']}").status_code == 404


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_note_without_a_usable_text_is_refused(client: TestClient, text: str) -> None:
    assert client.post("/notes", json={"text": text}).status_code == 422


def test_notes_outlive_the_process(client: TestClient, database_file: Path) -> None:
    client.post("/notes", json={"text": "Buy milk"})

    again = TestClient(create_app(database_file))

    assert [note["text"] for note in again.get("/notes").json()] == ["Buy milk"]
