"""What a test is lent is as a fresh database is, whatever was done to it before."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.databases import Databases
from tests.parts import SharedParts, database_url

OID = "SELECT oid FROM pg_database WHERE datname = current_database()"


@pytest.fixture
def databases(shared_parts: SharedParts) -> Iterator[Databases]:
    databases = Databases(shared_parts.postgres.url, shared_parts.ensure_template())
    yield databases
    databases.drop()


def test_it_is_lent_again_under_another_name_and_empty(
    databases: Databases, shared_parts: SharedParts
) -> None:
    with databases.lend() as first, psycopg.connect(database_url(shared_parts.postgres, first)) as connection:
        before = connection.execute(OID).fetchone()
        connection.execute("INSERT INTO users (id, name, role) VALUES ('a', 'A', 'owner')")
        connection.execute("SELECT nextval('procrastinate_jobs_id_seq')")
        connection.commit()

    with databases.lend() as second, psycopg.connect(database_url(shared_parts.postgres, second)) as again:
        assert again.execute(OID).fetchone() == before
        assert second != first
        assert again.execute("SELECT count(*) FROM users").fetchone() == (0,)
        assert again.execute("SELECT nextval('procrastinate_jobs_id_seq')").fetchone() == (1,)
        assert again.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_one_whose_schema_was_touched_is_not_lent_again(
    databases: Databases, shared_parts: SharedParts
) -> None:
    with databases.lend() as name, psycopg.connect(database_url(shared_parts.postgres, name)) as connection:
        before = connection.execute(OID).fetchone()
        connection.execute("ALTER TABLE users RENAME COLUMN name TO gone")
        connection.commit()

    with databases.lend() as name, psycopg.connect(database_url(shared_parts.postgres, name)) as connection:
        assert connection.execute(OID).fetchone() != before
        assert connection.execute("SELECT count(name) FROM users").fetchone() == (0,)


def test_who_was_left_connected_is_sent_away_for_good(
    databases: Databases, shared_parts: SharedParts
) -> None:
    with databases.lend() as first:
        left = psycopg.connect(database_url(shared_parts.postgres, first))

    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    with databases.lend(), pytest.raises(psycopg.OperationalError):
        psycopg.connect(database_url(shared_parts.postgres, first))
