"""When API keys end, and when and from where they were used last."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("api_keys", sa.Column("expires", sa.Float))
    op.add_column("api_keys", sa.Column("last_used", sa.Text))
    op.add_column("api_keys", sa.Column("last_address", sa.Text))
