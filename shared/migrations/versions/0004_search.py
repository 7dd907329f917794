"""Search: what of the projects' code is indexed, in which pieces."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101
    connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
