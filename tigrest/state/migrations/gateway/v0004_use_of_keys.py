"""Add the ends of API keys, and the times and addresses of their last use."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("api_keys", sa.Column("expires", sa.Float))
    op.add_column("api_keys", sa.Column("last_used", sa.Text))
    op.add_column("api_keys", sa.Column("last_address", sa.Text))
