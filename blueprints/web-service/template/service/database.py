"""The SQLite database: connections and migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

MIGRATIONS = (
    """
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    )
    """,
)
"""Applied in order, each once. Add to the end; never change one that was released."""


class Database:
    """One SQLite file, opened anew for each piece of work."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """Open a connection whose changes are all kept, or none if an error leaves the block."""
        with closing(sqlite3.connect(self._file, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            with connection:
                yield connection

    def migrate(self) -> None:
        """Bring the schema up. Two instances may do so at once."""
        with closing(sqlite3.connect(self._file, timeout=5, isolation_level=None)) as connection:
            # Readers and the writer do not wait for each other.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            (done,) = connection.execute("PRAGMA user_version").fetchone()
            for statement in MIGRATIONS[done:]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {max(done, len(MIGRATIONS))}")
            connection.execute("COMMIT")

    def check(self) -> None:
        """Read from the database.

        Raises:
            sqlite3.Error: It cannot be read.
        """
        if not self._file.is_file():
            raise sqlite3.OperationalError("the database file is gone")
        with self.connect() as connection:
            connection.execute("SELECT count(*) FROM notes").fetchone()
