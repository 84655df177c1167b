"""The first tables: accounts, and what belongs to them; virtual hosts; scripted commands.

Tables that are there already stay: programs from before the first migration made them without noting a version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "embedded_accounts",
        sa.Column("jid", sa.Text, primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("created", sa.Float, nullable=False),
        if_not_exists=True,
    )
    _make_presences_and_cards()
    op.create_table(
        "embedded_pep_items",
        sa.Column("seq", _number(), primary_key=True),
        _account(),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.UniqueConstraint("account", "node", "item"),
        if_not_exists=True,
    )
    op.create_table(
        "embedded_messages",
        sa.Column("id", _number(), primary_key=True),
        _account(),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.Column("stanza", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index("embedded_messages_of_account", "embedded_messages", ["account"], if_not_exists=True)
    op.create_table(
        "embedded_vhosts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "embedded_scripts",
        sa.Column("node", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        if_not_exists=True,
    )


def _make_presences_and_cards() -> None:
    op.create_table(
        "embedded_presences",
        sa.Column("jid", sa.Text, primary_key=True),
        _account(),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("show", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("activity_category", sa.Text, nullable=False),
        sa.Column("activity_type", sa.Text, nullable=False),
        sa.Column("activity_text", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index("embedded_presences_of_account", "embedded_presences", ["account"], if_not_exists=True)
    op.create_table(
        "embedded_vcards",
        _account(),
        sa.Column("vcard", sa.Text, nullable=False),
        sa.UniqueConstraint("account"),
        if_not_exists=True,
    )


def _account() -> sa.Column[str]:
    return sa.Column("account", sa.Text, sa.ForeignKey("embedded_accounts.jid", ondelete="CASCADE"), nullable=False)


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")
