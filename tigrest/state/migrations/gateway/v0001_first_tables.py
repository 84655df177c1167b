"""The first tables: API keys, statuses of users, deliveries of webhooks.

Tables that are there already stay: programs from before the first migration made them without noting a version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "api_keys",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("paths", sa.Text, nullable=False),
        sa.Column("domains", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "user_statuses",
        sa.Column("jid", sa.String(3071), primary_key=True),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("show", sa.String(8), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("webhook", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("stanza", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("reply", sa.LargeBinary),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index("webhook_deliveries_order", "webhook_deliveries", ["webhook", "number", "state"], if_not_exists=True)
    op.create_index("webhook_deliveries_senders", "webhook_deliveries", ["webhook", "sender", "number"], if_not_exists=True)
