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

# What migrations have written down stays. Sequences are set back one by one: a test that
# only rolled back leaves its tables empty and its sequences advanced.
EMPTY = """
DO $$
DECLARE
  name text;
  filled text[] := '{}';
  found boolean;
BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'checkpoint_migrations')
  LOOP
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO found;
    IF found THEN filled := filled || name; END IF;
  END LOOP;
  IF filled <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' CASCADE'; END IF;
  PERFORM setval(format('%I.%I', schemaname, sequencename), start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL;
END $$
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
        name = f"test_{uuid.uuid4().hex[:12]}"
        if not self._again(name):
            self._order(_said(COPY, name, self._template))
        yield name
        self._take_back(name)

    def drop(self) -> None:
        """Drop what nobody has been lent."""
        self._order(*[_said(DROP, name) for name in self._returned])
        self._returned.clear()

    def _again(self, name: str) -> bool:
        """Give a returned database a new name, and empty it. Returns whether there was one."""
        while self._returned:
            returned = self._returned.pop()
            with suppress(psycopg.Error):
                self._order(_said(RENAME, returned, name), _said(LET_IN, name))
                if self._emptied(name):
                    return True
            self._order(*[_said(DROP, unfit) for unfit in (returned, name)])
        return False

    def _emptied(self, name: str) -> bool:
        url = psycopg.conninfo.make_conninfo(self._server_url, dbname=name)
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(UNTOUCHED).fetchone()
            if row is None or not row[0]:
                return False
            connection.execute(EMPTY)
        return True

    def _take_back(self, name: str) -> None:
        """End whoever is still connected. They cannot come back: the name is gone when it is lent again."""
        self._order(_said(KEEP_OUT, name), sql.SQL(DISCONNECT).format(sql.Literal(name)))
        self._returned.append(name)

    def _order(self, *orders: sql.Composed) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as admin:
            for order in orders:
                admin.execute(order)


def _said(order: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(order).format(*map(sql.Identifier, names))
