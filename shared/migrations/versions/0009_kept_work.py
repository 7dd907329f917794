"""What runs have put into repositories on GitHub, until it is taken away."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101
    connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
