"""Addresses that stanzas of callers are sent from."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from tigrest.auth.principal import Principal
from tigrest.errors import SenderNotAllowed
from tigrest.xmpp.jid import JID, escaped
from tigrest.xmpp.presence import STATUS_ENDPOINT

Identity = Literal["gateway", "user"]
"""From whose addresses we may send: only our own, or those of the server's users too."""

ROOM_OWNER = "room-owner"
"""Local part of our address that owns the rooms which the gateway makes. It is no user's: whoever sends from it may do all in them."""

NOT_FOR_USERS = frozenset({STATUS_ENDPOINT, ROOM_OWNER})
"""Local parts of our addresses that no user gets."""


class Addresses:
    """Addresses of the gateway, and which of them a caller gets.

    Args:
        jid: the gateway's own address.
        domain: the domain whose users are served.
        send_as: from whose addresses messages and presence may be sent.
        adhoc_as: as whom ad-hoc commands run.
    """

    def __init__(self, jid: JID, domain: JID, *, send_as: Identity = "gateway", adhoc_as: Identity = "gateway") -> None:
        self.jid, self.domain, self.send_as, self.adhoc_as = jid, domain, send_as, adhoc_as
        self.address_of = lru_cache(maxsize=4096)(self._address_of)
        """Return the address at the gateway that is a user's own: see :meth:`tigrest.service.Service.address_of`."""

    @property
    def room_owner(self) -> JID:
        """Return our address that owns the rooms which the gateway makes.

        It is none that a user gets, and not the domain: on ejabberd a domain that owns a room shares that with all its addresses, and
        those of users are among them.
        """
        return JID.of(ROOM_OWNER, self.jid.domain)

    def _address_of(self, user: JID) -> JID:
        if self.jid.local:
            return self.jid.bare
        is_plain = user.domain == self.domain.domain and user.local and r"\40" not in user.local  # else it may look like a whole address
        is_plain = is_plain and user.local not in NOT_FOR_USERS
        local = user.local if is_plain else escaped(f"{user.local}@{user.domain}")
        return JID(f"{local}@{self.jid.domain}")

    def may_send_from(self, jid: JID) -> bool:
        """Tell whether the link may send from an address, whoever wants it.

        Ours are the addresses of our own domain; with ``send_as = "user"`` those of the served domain too. One of ours is nobody's:
        Tigase believes it whatever it says about presences.
        """
        if jid.domain == self.jid.domain:
            return jid.local != STATUS_ENDPOINT
        return self.send_as == "user" and jid.domain == self.domain.domain

    def sender_for(self, principal: Principal, kind: str, to: JID | None) -> JID:
        """Return the address that a caller sends from when he names none.

        An admin sends from the gateway's. A user sends from his own where the server lets us and the answers come back, else from
        his address at the gateway.

        Args:
            principal: the caller.
            kind: of the stanza: ``message``, ``presence`` or ``iq``.
            to: whom it is for; ``None`` for himself.

        Raises:
            SenderNotAllowed: he has no address.
        """
        if principal.is_admin:
            return self.jid
        if principal.jid is None:
            raise SenderNotAllowed(f"{principal} has no address to send from: log in")
        is_himself = self.send_as == "user" and principal.jid.domain == self.domain and (kind != "iq" or self._answers_users(to))
        return principal.jid if is_himself else self.address_of(principal.jid)

    def occupant_for(self, principal: Principal) -> JID:
        """Return our address that is in rooms for a caller: his own at the gateway, whose stanzas come back to us; for admins ours.

        Args:
            principal: the caller.

        Raises:
            SenderNotAllowed: he has no address.
        """
        if principal.is_admin:
            return self.room_owner
        if principal.jid is None:
            raise SenderNotAllowed(f"{principal} has no address to be in a room with: log in")
        return self.address_of(principal.jid)

    def commander_for(self, principal: Principal, to: JID) -> JID:
        """Return the address that a caller's ad-hoc commands are sent from.

        Args:
            principal: the caller.
            to: who is commanded.

        Raises:
            SenderNotAllowed: he has no address.
        """
        if principal.jid is not None and self.may_send_from(principal.jid) and self._answers_users(to):
            return principal.jid
        return self.sender_for(principal, "iq", to)

    def _answers_users(self, to: JID | None) -> bool:
        """Tell whether the reply to an iq from a user's own address comes back to us.

        With ``adhoc_as = "user"`` what the server itself answers does. What a client or another component answers goes to the user.
        """
        return self.adhoc_as == "user" and (to is None or (to.domain == self.domain and not (to.local and to.resource)))
