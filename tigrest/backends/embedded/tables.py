"""The tables of the embedded domain. Rows that belong to an account are deleted with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tigrest.errors import StanzaError
from tigrest.state.database import Database
from tigrest.state.schema import Schema

EMBEDDED = Schema("embedded", MetaData())
"""All tables below."""

_BIG = BigInteger().with_variant(Integer, "sqlite")
"""Numbers of rows. Only INTEGER counts up by itself on SQLite, where it has 64 bits too."""


def _account() -> Column[str]:
    return Column("account", Text, ForeignKey("embedded_accounts.jid", ondelete="CASCADE"), nullable=False)


accounts = Table(
    "embedded_accounts",
    EMBEDDED.metadata,
    Column("jid", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("email", Text),
    Column("created", Float, nullable=False),
)
"""Accounts by bare address; ``created`` in seconds since 1970."""

presences = Table(
    "embedded_presences",
    EMBEDDED.metadata,
    Column("jid", Text, primary_key=True),
    _account(),
    Column("priority", Integer, nullable=False),
    Column("show", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("activity_category", Text, nullable=False),
    Column("activity_type", Text, nullable=False),
    Column("activity_text", Text, nullable=False),
    Index("embedded_presences_of_account", "account"),
)
"""Presences of users that are online, by full address. RFC 6121 §4.7.2, XEP-0108"""

vcards = Table(
    "embedded_vcards",
    EMBEDDED.metadata,
    _account(),
    Column("vcard", Text, nullable=False),
    UniqueConstraint("account"),
)
"""The ``vCard`` elements of vcard-temp. XEP-0054"""

pep_items = Table(
    "embedded_pep_items",
    EMBEDDED.metadata,
    Column("seq", _BIG, primary_key=True),
    _account(),
    Column("node", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    UniqueConstraint("account", "node", "item"),
)
"""Published items, newest with the greatest ``seq``; ``private`` ones only for the owner. XEP-0163"""

messages = Table(
    "embedded_messages",
    EMBEDDED.metadata,
    Column("id", _BIG, primary_key=True),
    _account(),
    Column("stamp", Text, nullable=False),
    Column("stanza", Text, nullable=False),
    Index("embedded_messages_of_account", "account"),
)
"""Offline messages; ``stamp`` as in XEP-0082. XEP-0160"""

vhosts = Table(
    "embedded_vhosts",
    EMBEDDED.metadata,
    Column("name", Text, primary_key=True),
    Column("settings", Text, nullable=False),
)
"""Virtual hosts; ``settings`` is a JSON object of field names to values."""

scripts = Table(
    "embedded_scripts",
    EMBEDDED.metadata,
    Column("node", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("template", Text, nullable=False),
)
"""Scripted commands of the session manager."""


@asynccontextmanager
async def begin_for_account(database: Database) -> AsyncIterator[AsyncConnection]:
    """Begin a transaction that adds rows to an account.

    Raises:
        StanzaError: the account was deleted between the check whether it exists and the insert.
    """
    try:
        async with database.begin() as connection:
            yield connection
    except IntegrityError:
        raise StanzaError("service-unavailable") from None


def lock_account(jid: str) -> Select[tuple[str]]:
    """Return a query for an account, which makes other writers of what belongs to it wait until the end of the transaction.

    SQLite, which has one writer at a time anyway, ignores that.

    Args:
        jid: bare address.
    """
    return select(accounts.c.jid).where(accounts.c.jid == jid).with_for_update()
