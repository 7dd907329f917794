"""Databases that tests are lent one after the other.

To copy a database costs a quarter of a second of processor time, to empty one a tenth of
that. So what comes back is lent again, under another name, unless its schema was touched.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import LiteralString

import psycopg
from psycopg import sql

WATCH = """
CREATE SCHEMA lent;
CREATE TABLE lent.touched (at timestamptz NOT NULL);
CREATE FUNCTION lent.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO lent.touched VALUES (now()); END $$;
CREATE EVENT TRIGGER lent_note ON ddl_command_end EXECUTE FUNCTION lent.note();
"""
"""Made in a template: a copy remembers that somebody has changed its schema."""

COPY: LiteralString = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
RENAME: LiteralString = "ALTER DATABASE {} RENAME TO {}"
KEEP_OUT: LiteralString = "ALTER DATABASE {} ALLOW_CONNECTIONS false"
LET_IN: LiteralString = "ALTER DATABASE {} ALLOW_CONNECTIONS true"
DROP: LiteralString = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
DISCONNECT: LiteralString = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}"
UNTOUCHED = "SELECT NOT EXISTS (SELECT FROM lent.touched)"

# What migrations have written down stays.
FILLED = """
SELECT coalesce(array_agg(tablename), '{}') FROM pg_tables
WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'checkpoint_migrations')
  AND pg_relation_size(format('%I.%I', schemaname, tablename)::regclass) > 0
"""
# To truncate a table takes all that refer to it along, and makes new files for each and its indexes.
# A few rows are deleted in less time; vacuuming leaves a table of no pages again.
UNCHECKED: LiteralString = "SET session_replication_role = replica"
DELETE: LiteralString = "DELETE FROM {}"
VACUUM: LiteralString = "VACUUM {}"
# One by one: a test that only rolled back leaves its tables empty and its sequences advanced.
SET_BACK = """
SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL
"""


class Databases:
    """The databases that are copies of one template, for one process."""

    def __init__(self, server_url: str, template: str) -> None:
        """Name the template; nothing is copied yet.

        Args:
            server_url: Any database of the server, to give orders from.
            template: What is copied; `WATCH` was run in it.
        """
        self._server_url = server_url
        self._template = template
        self._returned: list[str] = []

    @contextmanager
    def lend(self) -> Iterator[str]:
        """Lend a database that is as the template is, and yield its name.

        A copy of a template that nobody watches is used once.
        """
        name = self._again() or self._copy()
        yield name
        self._take_back(name)

    def drop(self) -> None:
        """Drop what nobody has been lent."""
        self._order(*[_said(DROP, name) for name in self._returned])
        self._returned.clear()

    def _again(self) -> str | None:
        """Return a database that was returned, empty, if there is one."""
        while self._returned:
            name = self._returned.pop()
            with suppress(psycopg.Error):
                if self._emptied(name):
                    return name
            self._order(_said(DROP, name))
        return None

    def _copy(self) -> str:
        name = _new_name()
        self._order(_said(COPY, name, self._template))
        return name

    def _emptied(self, name: str) -> bool:
        url = psycopg.conninfo.make_conninfo(self._server_url, dbname=name)
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(UNTOUCHED).fetchone()
            if row is None or not row[0]:
                return False
            _empty(connection)
        return True

    def _take_back(self, name: str) -> None:
        """End whoever is still connected, and give it a new name, so that they cannot come back."""
        new = _new_name()
        try:
            self._order(
                _said(KEEP_OUT, name),
                sql.SQL(DISCONNECT).format(sql.Literal(name)),
                _said(RENAME, name, new),
                _said(LET_IN, new),
            )
        except psycopg.Error:
            self._order(*[_said(DROP, unfit) for unfit in (name, new)])
        else:
            self._returned.append(new)

    def _order(self, *orders: sql.Composed) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as admin:
            for order in orders:
                admin.execute(order)


def _empty(connection: psycopg.Connection) -> None:
    [filled] = connection.execute(FILLED).fetchone() or [[]]
    if filled:
        with connection.transaction():
            connection.execute(UNCHECKED)
            for table in filled:
                connection.execute(_said(DELETE, table))
        connection.execute(sql.SQL(VACUUM).format(sql.SQL(", ").join(map(sql.Identifier, filled))))
    connection.execute(SET_BACK)


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


def _said(order: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(order).format(*map(sql.Identifier, names))
