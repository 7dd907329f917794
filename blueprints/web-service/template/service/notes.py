"""Notes: an example of a resource, to be replaced by yours."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, StringConstraints

from service.database import Database


class NewNote(BaseModel):
    """What is sent to make a note."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Note(BaseModel):
    """A note as it stands."""

    id: int
    text: str
    created_at: str


def newest(database: Database, limit: int = 20) -> list[Note]:
    """Return the newest notes, newest first."""
    with database.connect() as connection:
        rows = connection.execute("SELECT * FROM notes ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
    return [Note(**row) for row in rows]


def router(database: Database) -> APIRouter:
    """Return the routes under /notes."""
    routes = APIRouter(prefix="/notes", tags=["notes"])

    @routes.get("")
    def list_notes(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Note]:
        return newest(database, limit)

    @routes.post("", status_code=201)
    def add_note(note: NewNote) -> Note:
        with database.connect() as connection:
            row = connection.execute(
                "INSERT INTO notes (text) VALUES (?) RETURNING *", (note.text,)
            ).fetchone()
        return Note(**row)

    @routes.get("/{note_id}")
    def read_note(note_id: int) -> Note:
        with database.connect() as connection:
            row = connection.execute("SELECT * FROM notes WHERE id = ?", (note_id,)).fetchone()
        if row is None:
            raise HTTPException(404, "There is no such note")
        return Note(**row)

    @routes.delete("/{note_id}", status_code=204)
    def delete_note(note_id: int) -> Response:
        with database.connect() as connection:
            deleted = connection.execute("DELETE FROM notes WHERE id = ?", (note_id,)).rowcount
        if not deleted:
            raise HTTPException(404, "There is no such note")
        return Response(status_code=204)

    return routes
