"""Clients that get tokens for users, and what users have granted to them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables, and note of each token what it belongs to."""
    op.add_column("tokens", sa.Column("family", sa.Text))
    op.create_index("tokens_family", "tokens", ["family"])
    op.create_table(
        "token_families",
        sa.Column("family", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("refresh_digest", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("token_families_owner", "token_families", ["owner"])
    op.create_index("token_families_expires", "token_families", ["expires"])
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("last_used", sa.Float),
    )
    op.create_index("oauth_clients_use", "oauth_clients", ["last_used", "created"])
