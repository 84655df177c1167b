"""Requests with an idempotency key, and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "idempotency_keys",
        sa.Column("digest", sa.String(43), primary_key=True),
        sa.Column("caller", sa.String(43), nullable=False),
        sa.Column("fingerprint", sa.String(43), nullable=False),
        sa.Column("process", sa.String(16), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_index("idempotency_keys_callers", "idempotency_keys", ["caller", "size"])
    op.create_index("idempotency_keys_created", "idempotency_keys", ["created"])
