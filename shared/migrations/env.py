"""Alembic's entry: one psycopg connection, one transaction a migration."""

import psycopg
from alembic import context
from sqlalchemy import create_engine, pool

database_url: str = context.config.attributes["database_url"]
engine = create_engine(
    "postgresql+psycopg://",
    creator=lambda: psycopg.connect(database_url),
    poolclass=pool.NullPool,
)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
