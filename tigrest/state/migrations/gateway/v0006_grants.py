"""Authorisation codes, devices and logins on the page; how tokens were granted; clients of administrators."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables, and the columns of those that there are."""
    op.add_column("tokens", sa.Column("kind", sa.Text))
    op.add_column("token_families", sa.Column("kind", sa.Text))
    op.create_index("token_families_client", "token_families", ["client"])
    op.add_column("oauth_clients", sa.Column("owner", sa.Text))
    op.add_column("oauth_clients", sa.Column("by_admin", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "oauth_codes",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("challenge", sa.Text, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("family", sa.Text),
    )
    op.create_index("oauth_codes_expires", "oauth_codes", ["expires"])
    op.create_table(
        "oauth_devices",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("user_digest", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("interval", sa.Float, nullable=False),
        sa.Column("polled", sa.Float),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("oauth_devices_user", "oauth_devices", ["user_digest"])
    op.create_index("oauth_devices_expires", "oauth_devices", ["expires"])
    op.create_table(
        "oauth_sign_ins",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("browser", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("oauth_sign_ins_expires", "oauth_sign_ins", ["expires"])
