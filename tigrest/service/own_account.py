"""Iqs of users to their own accounts, made for them by what the server grants us: PEP nodes, vCard, roster, password."""

from __future__ import annotations

from tigrest.auth.principal import Principal
from tigrest.backends.backend import Backend
from tigrest.errors import StanzaError
from tigrest.service.policy import Policy
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import MESSAGE_ARCHIVE, REGISTER
from tigrest.xmpp.stanza import Stanza

_REGISTER = REGISTER.encode()
_QUERY, _USERNAME, _PASSWORD = (f"{{{REGISTER}}}{name}" for name in ("query", "username", "password"))


class OwnAccount:
    """Makes iqs of users to their own accounts.

    From a user's address at the gateway they would be a stranger's. Where the server grants what they need (XEP-0356), it makes them in
    the name of the user; a password is set as for :class:`~tigrest.backends.backend.UserRepository`. Others go the way of all iqs.

    Args:
        backend: the connection to XMPP.
        policy: who may do what.
    """

    def __init__(self, backend: Backend, policy: Policy) -> None:
        self._backend, self._policy = backend, policy

    def concerns(self, principal: Principal, iq: Stanza) -> bool:
        """Return whether an iq is to the caller's own account, or to the domain about his password, and comes from nobody else."""
        written = iq.attributes.get("to")
        if written is not None and "@" not in written and not iq.mentions(_REGISTER):
            return False  # to a domain, about something else: nearly all that is not to users
        owner, to = principal.jid, iq.to
        if owner is None or owner.domain != self._policy.addresses.domain or not iq.awaits_reply:
            return False
        if to is not None and to != owner and not (to == self._policy.addresses.domain and iq.mentions(_REGISTER)):
            return False
        return iq.sender is None or iq.sender.bare == owner

    def is_granted(self, principal: Principal, iq: Stanza) -> bool:
        """Return whether the server makes an iq in the name of its user, so that it does not have to come from his own address.

        Not for archives, whose messages would come to him.

        Args:
            principal: the user.
            iq: one that concerns his account.
        """
        if iq.payload is None or principal.jid is None:
            return False
        if self._policy.addresses.sender_for(principal, "iq", principal.jid) == principal.jid:
            return False
        namespace = iq.payload_namespace
        return namespace != MESSAGE_ARCHIVE and not self._backend.delegation_trouble(iq.type, namespace)

    async def request(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        """Have an iq made in the name of its user; see :meth:`tigrest.backends.backend.Backend.request_as`.

        Returns:
            The result or the error stanza. Some servers put the error into the reply to what carries the iq: Prosody 13, ejabberd 26.
        """
        try:
            return await self._backend.request_as(owner, iq.with_(sender=None, to=owner), timeout)
        except StanzaError as error:
            return iq.with_(sender=owner, to=owner).error_reply(error)

    def new_password(self, principal: Principal, iq: Stanza) -> str:
        """Return the password that an iq sets for the account of its user; empty where it does something else. XEP-0077 §3.3

        Args:
            principal: the user.
            iq: one that concerns his account, or is for the domain.
        """
        query = iq.payload
        if iq.type != "set" or query is None or query.tag != _QUERY or {child.tag for child in query} != {_USERNAME, _PASSWORD}:
            return ""
        is_his = principal.jid is not None and query.findtext(_USERNAME, "") == principal.jid.local
        return query.findtext(_PASSWORD, "") if is_his else ""

    async def set_password(self, principal: Principal, iq: Stanza, password: str) -> Stanza:
        """Set the password of a user, and return the reply to the iq that asked for it.

        Raises:
            NotPermitted: the policy does not allow it.
            Exception: as :meth:`tigrest.backends.backend.UserRepository.set_password`.
        """
        owner = principal.jid
        assert owner is not None
        self._policy.require(principal, "password", owner)
        await self._backend.users.set_password(owner, password)
        return iq.with_(sender=owner, to=iq.to or owner).reply()
