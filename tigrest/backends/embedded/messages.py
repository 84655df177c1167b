"""Offline messages: stored for users, who are never online here, for admins to read. XEP-0160"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from tigrest.backends.embedded.tables import accounts, begin_for_account, messages
from tigrest.errors import NoSuchUser, StanzaError
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CHAT_STATES, CLIENT
from tigrest.xmpp.stanza import Stanza

_CHAT_STATES = CHAT_STATES.encode()


@dataclass(frozen=True)
class OfflineMessage:
    """A message that waits for its reader.

    Args:
        stamp: time of its arrival, as in XEP-0082.
        stanza: the message as it was sent.
    """

    stamp: str
    stanza: Stanza

    @property
    def body(self) -> str:
        """Return its text; empty when it has none."""
        return self.stanza.xml.findtext(f"{{{CLIENT}}}body", "")


class OfflineMessages:
    """The offline messages of all users.

    Args:
        database: where they are stored.
        limit: most messages of a user; further ones are refused.
    """

    def __init__(self, database: Database, limit: int) -> None:
        self._database, self._limit = database, limit

    async def deliver(self, to: JID, message: Stanza) -> None:
        """Store a message for a user, if it is of a kind that is stored.

        Args:
            to: address of the user.
            message: for him.

        Raises:
            StanzaError: there is no such user, he has too many messages, or the message is for a chat room.

        RFC 6121 §8.5.2.2, XEP-0160 §3
        """
        if message.type in ("error", "headline") or _only_chat_state(message):
            return
        if message.type == "groupchat":
            raise StanzaError("service-unavailable", text=f"{to} is not a chat room")
        account = to.bare
        async with begin_for_account(self._database) as connection:
            counted = select(accounts.c.jid, func.count(messages.c.id)).outerjoin_from(accounts, messages)
            known = (await connection.execute(counted.where(accounts.c.jid == account).group_by(accounts.c.jid))).first()
            if known is None:
                raise StanzaError("service-unavailable", text=f"there is no account {account}")
            if known[1] >= self._limit:
                raise StanzaError("resource-constraint", "wait", f"{account} has {self._limit} unread messages already")
            row = {"account": account, "stamp": _now(), "stanza": str(message)}
            await connection.execute(insert(messages), row)

    async def waiting(self, jid: JID) -> list[OfflineMessage]:
        """List the messages that wait for a user, oldest first.

        Raises:
            NoSuchUser: there is no such account.
        """
        query = select(messages.c.stamp, messages.c.stanza).outerjoin_from(accounts, messages)
        async with self._database.begin() as connection:
            rows = (await connection.execute(query.where(accounts.c.jid == jid.bare).order_by(messages.c.id))).all()
        if not rows:
            raise NoSuchUser(f"there is no account {jid.bare}")
        return [OfflineMessage(row.stamp, Stanza.received(row.stanza)) for row in rows if row.stanza is not None]


def _only_chat_state(message: Stanza) -> bool:
    """Tell whether a message has no content but chat states. XEP-0160 §3"""
    if message.mentions(b"<body") and not message.mentions(_CHAT_STATES):
        return False  # without a tree of it, which takes long of some texts
    return all(child.tag.startswith((f"{{{CHAT_STATES}}}", f"{{{CLIENT}}}thread")) for child in message.xml)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
