"""The Telegram front: its lease, its outbox, its chats; people who are let go; reminders."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101
    connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
