"""Hooks, to which other programs post."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "hooks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("is_room", sa.Integer, nullable=False),
        sa.Column("nick", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("last_used", sa.Text),
        sa.Column("last_outcome", sa.Text),
    )
