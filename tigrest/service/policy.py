"""Authorisation of stanzas: the only place that decides what a caller may send.

An XMPP server grants rights to the gateway, as a rule to its whole domain, in which every user of the gateway has an address. So the
gateway is the only fence: what a plain user may send is listed here, and everything else is refused before it reaches the wire.
What scripts send on their own is trusted and does not come here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from tigrest.auth.permission_entries import Attempt, Called
from tigrest.auth.permissions import Permissions
from tigrest.auth.principal import ADMIN, NOBODY, USER, Principal
from tigrest.backends.backend import SERVICES
from tigrest.errors import NotPermitted, SenderNotAllowed
from tigrest.service.addresses import ROOM_OWNER, Addresses
from tigrest.service.decisions import BY_ADMIN, BY_CLIENT, BY_HIMSELF, BY_IQ, BY_OWN, BY_PUBLIC, BY_REPLY, BY_STANZA, Decision
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import RESPONSES
from tigrest.xmpp.namespaces import (
    COMMANDS,
    DELEGATION_PREFIX,
    DISCO_INFO,
    DISCO_ITEMS,
    ENTITY_TIME,
    EXTERNAL_SERVICES,
    EXTERNAL_SERVICES_1,
    HTTP_UPLOAD,
    LAST_ACTIVITY,
    LEGACY_ENTITY_TIME,
    PING,
    PRIVACY,
    PRIVATE_STORAGE,
    PRIVILEGE_PREFIX,
    PUBSUB,
    REGISTER,
    ROSTER,
    SOFTWARE_VERSION,
    STATISTICS,
    VCARD4,
    VCARD_TEMP,
)
from tigrest.xmpp.presence import STATUS_ENDPOINT
from tigrest.xmpp.stanza import Stanza

Action = Literal["send", "command", "act_as", "password", "listen", "call"]
"""``send`` a stanza, run or list the ``command``\\ s of an address, ``act_as`` the owner of an account, set his
own ``password``, ``listen`` to an address, ``call`` a command of the gateway."""

PRIVILEGED = (PRIVILEGE_PREFIX.encode(), DELEGATION_PREFIX.encode())
"""Beginnings of the namespaces by which servers lend the gateway their rights. XEP-0356, XEP-0355"""

OF_ACCOUNTS = frozenset({ROSTER, PRIVACY, PRIVATE_STORAGE, REGISTER})
"""Namespaces of what belongs to the owner of an account alone, and servers let the gateway see or change."""

DISCO = frozenset({DISCO_INFO, DISCO_ITEMS})

PUBLIC = DISCO | {PING, ENTITY_TIME, LEGACY_ENTITY_TIME, SOFTWARE_VERSION, LAST_ACTIVITY, VCARD_TEMP}

OF_DOMAIN = PUBLIC | {EXTERNAL_SERVICES_1, EXTERNAL_SERVICES, HTTP_UPLOAD, STATISTICS}
"""Namespaces of iqs that every user may send to the served domain itself."""

OF_OTHERS = PUBLIC | {VCARD4, PUBSUB}
"""Namespaces of iqs that every user may send to the account of another; the server and its owner decide what he gets."""

ANNOUNCEMENTS = ("announce", "motd")
"""Beginnings of resources of domains to which servers take messages for all users (ejabberd, Prosody)."""


class Policy:
    """Decides who may do what.

    Args:
        addresses: from which callers send.
        admins: bare addresses with the role admin.
        permissions: who may call which commands; by their roles alone when ``None``.
    """

    def __init__(self, addresses: Addresses, *, admins: frozenset[JID] = frozenset(), permissions: Permissions | None = None) -> None:
        self.addresses, self.admins = addresses, admins
        self._jid, self._domain = addresses.jid, addresses.domain
        self.permissions = permissions or Permissions()
        """Who may call which commands."""
        self._rules: dict[Action, Callable[[Principal, Any], Decision]] = {
            "send": self._send,
            "command": self._command,
            "act_as": self._act_as,
            "password": self._password,
            "listen": self._listen,
            "call": self._call,
        }

    def is_admin(self, jid: JID | str | None) -> bool:
        """Tell whether an address has the role admin (``[auth] admins``)."""
        return jid is not None and JID(jid).bare in self.admins

    def roles_of(self, jid: JID) -> frozenset[str]:
        """Return the roles of somebody who has logged in.

        Args:
            jid: his bare address.
        """
        return ADMIN if jid in self.admins else USER

    def administers(self, jid: JID) -> bool:
        """Tell whether an XMPP address may run the commands of the gateway and of the embedded domain: an admin, or the gateway itself.

        Addresses in the gateway's domain are those of its users, so only the exact one counts.
        """
        return jid.bare in self.admins or jid.bare == self._jid

    def roles_of_sender(self, jid: JID) -> frozenset[str]:
        """Return the roles of the sender of a stanza: users of the served domain have logged in to its server, others are strangers.

        Args:
            jid: his bare address.
        """
        if self.administers(jid):
            return ADMIN
        return USER if jid.local and jid.domain == self._domain.domain else NOBODY

    def allowed(self, principal: Principal, action: Action, subject: Any) -> Decision:
        """Decide whether a caller may do something.

        Args:
            principal: who wants to.
            action: what.
            subject: of ``send`` the :class:`Stanza`, with ``from`` and ``to``; of ``command``, ``act_as`` and ``password`` the address;
                of ``listen`` the address, or ``None`` for all of them; of ``call`` an :class:`tigrest.auth.permission_entries.Attempt`.
        """
        return self._rules[action](principal, subject)

    def acting(self, principal: Principal, called: Called) -> Principal:
        """Return a caller with the roles that count for a command: with a token, those of its owner that its scopes have for it.

        For handlers those count that he has already.

        Args:
            principal: the caller.
            called: the command or handler.
        """
        scopes = principal.scopes
        if principal.via != "bearer" or principal.is_admin or principal.jid is None or called.uris:
            return principal
        if called.name in scopes or not scopes.isdisjoint(called.tags):
            return principal.with_roles(self.roles_of(principal.jid))
        return principal if "admin" in scopes or "user" in scopes else principal.with_roles(NOBODY)

    def caller_of(self, attempt: Attempt) -> Principal:
        """Return as whom a caller acts in an attempt that is allowed: as himself, but for a token that is for something else.

        Args:
            attempt: the attempt, with its arguments.
        """
        acting = self.acting(attempt.principal, attempt.called)
        if acting.via != "bearer" or acting.roles or acting.jid is None:
            return acting
        return acting if self.permissions.stands_for_owner(replace(attempt, principal=acting)) else acting.without_owner()

    def require(self, principal: Principal, action: Action, subject: Any) -> None:
        """Refuse what :meth:`allowed` does not allow.

        Raises:
            NotPermitted: he may not. It is a :class:`SenderNotAllowed` where the ``from`` of a stanza is the reason.
        """
        decision = self._rules[action](principal, subject)
        if not decision.allowed:
            error = (SenderNotAllowed if decision.rule == "sender" else NotPermitted)(decision.reason)
            error.rule = decision.rule
            raise error

    def _act_as(self, principal: Principal, owner: JID) -> Decision:
        if principal.is_admin:
            return BY_ADMIN
        if principal.jid is not None and principal.jid == owner.bare:
            return BY_OWN
        return Decision(False, "own", f"{principal} may act for himself only, not for {owner.bare}")

    def _password(self, principal: Principal, owner: JID) -> Decision:
        """Decide about one's own password: whoever sets it can log in by it, so not by a token for less, but by one got by the password."""
        if principal.jid != owner or principal.via == "webhook":
            return Decision(False, "own", f"{principal} may set his own password only, not that of {owner}")
        is_whole = "admin" in principal.scopes or (principal.by_password and "user" in principal.scopes)
        if principal.via == "bearer" and not (is_whole and self.roles_of(owner) <= principal.roles):
            return Decision(False, "scope", f"the token {principal.name} is not for all that {owner} may, and does not set his password")
        return BY_OWN

    def _listen(self, principal: Principal, address: JID | None) -> Decision:
        if principal.is_admin:
            return BY_ADMIN
        own = self.addresses.address_of(principal.jid) if principal.jid is not None else None
        if own is None or address != own:
            return Decision(False, "own", f"only admins may read other addresses than their own, which is {own or 'none'}")
        if own == self._jid:
            return Decision(False, "own", f"all users share {own} here, so only admins may read it")
        return BY_OWN

    def _call(self, principal: Principal, attempt: Attempt) -> Decision:
        acting = self.acting(principal, attempt.called)
        verdict = self.permissions.judge(attempt if acting is principal else replace(attempt, principal=acting))
        if verdict.allows:
            return Decision(True, verdict.group)
        if principal.via == "bearer":
            scopes = ", ".join(sorted(principal.scopes))
            return Decision(False, "scope", f"the token {principal.name} of {principal.jid} has the scopes {scopes}: {verdict.reason}")
        if not principal.roles:
            return Decision(False, "login", f"{attempt.called.name} needs a login")  # a stranger learns no more
        return Decision(False, verdict.group, verdict.reason)

    def _command(self, principal: Principal, to: JID) -> Decision:
        if principal.is_admin:
            return BY_ADMIN
        if self.addresses.commander_for(principal, to) == principal.jid and not self._is_below_its_owner(principal):
            return BY_HIMSELF
        return self._commands_of(to)

    def _is_below_its_owner(self, principal: Principal) -> bool:
        """Return whether a token is for less than its owner, an admin, may: the server would see the admin in what it commands."""
        return principal.via == "bearer" and not principal.is_admin and principal.jid in self.admins

    def _commands_of(self, to: JID) -> Decision:
        """Decide about commands sent from an address at the gateway, to which servers may have granted what they grant to us."""
        if to.local and to.resource and not (to.domain == self._domain and to.local in SERVICES):
            return BY_CLIENT
        return Decision(
            False,
            "commands",
            f"the commands of {to} are for admins, since the gateway's rights stand behind them; those of clients, at full addresses, "
            'are open to all ([xmpp] adhoc_as = "user" lets the server decide)',
        )

    def _send(self, principal: Principal, stanza: Stanza) -> Decision:
        if principal.is_admin:
            return self._as_admin(stanza.sender)
        sender, to = stanza.sender, stanza.to
        if sender is None or to is None:
            return Decision(False, "sender", "the stanza has no from or no to")
        if (refused := self._foreign_sender(principal, sender, stanza)) is not None:
            return refused
        if stanza.uses_namespace(*PRIVILEGED):
            return Decision(
                False, "privilege", "privileges and delegations of the gateway (XEP-0356, XEP-0355) are its own, not its users'"
            )
        if stanza.kind == "iq":
            return self._iq(principal, stanza, sender, to)
        if not to.local and to.domain == self._domain:
            return Decision(False, "domain", f"{self._domain} itself takes no {stanza.kind} from users: it may be an announcement to all")
        if stanza.kind == "message" and not to.local and to.resource.startswith(ANNOUNCEMENTS):
            return Decision(False, "announcement", f"messages to {to} are announcements to all, which are for admins")
        return BY_STANZA

    def _as_admin(self, sender: JID | None) -> Decision:
        if sender is self._jid or sender is None or self.addresses.may_send_from(sender):
            return BY_ADMIN
        return Decision(False, "sender", self.cure_for(sender))

    def cure_for(self, sender: JID) -> str:
        """Say why nothing can be sent from an address, and what to do."""
        if sender.local == STATUS_ENDPOINT:
            return f"from {sender} is not allowed: {STATUS_ENDPOINT} is reserved for the status of users"
        if sender.domain != self._domain:
            return f"from {sender} is not allowed: use an address of {self._jid.domain} or leave it out"
        return (
            f"from {sender} is not allowed: use an address of {self._jid.domain}, "
            'or set [xmpp] send_as = "user" once the server trusts this component'
        )

    def _foreign_sender(self, principal: Principal, sender: JID, stanza: Stanza) -> Decision | None:
        """Refuse a ``from`` that is not the caller's own. A webhook may say something where it has heard something: in rooms, too."""
        is_private = (
            stanza.type == "chat" and stanza.to is not None and bool(stanza.to.resource)
        )  # to a bare address it may be an invitation
        is_said = principal.via == "webhook" and stanza.kind == "message" and (stanza.type == "groupchat" or is_private)
        if sender.local == ROOM_OWNER and sender.domain == self._jid.domain and not is_said:
            return Decision(False, "sender", f"from {sender} is not allowed: it owns rooms, which are for admins")
        if principal.via == "webhook":
            ours = sender.domain == self._jid.domain and sender.local != STATUS_ENDPOINT
            return (
                None
                if ours
                else Decision(False, "sender", f"from {sender} is not allowed to {principal}: it answers for our addresses only")
            )
        if principal.jid is None:
            return Decision(False, "sender", f"{principal} has no address to send from: log in")
        own = self.addresses.address_of(principal.jid)
        if sender.bare == own or (sender.bare == principal.jid and self.addresses.may_send_from(sender)):
            return None
        return Decision(False, "sender", f"from {sender} is not allowed to {principal.jid}: leave it out, or use {own} with any resource")

    def _iq(self, principal: Principal, iq: Stanza, sender: JID, to: JID) -> Decision:
        if iq.type in RESPONSES:
            return BY_REPLY if principal.via == "webhook" else Decision(False, "reply", "replies to iqs are not for users")
        payload, namespace = iq.payload, iq.payload_namespace
        node = payload.get("node", "") if payload is not None else ""
        is_himself = sender.bare == principal.jid and self.addresses.adhoc_as == "user" and not self._is_below_its_owner(principal)
        if namespace == COMMANDS or (namespace in DISCO and node == COMMANDS):
            return BY_HIMSELF if is_himself else self._commands_of(to)
        if namespace == DISCO_ITEMS and node and to.domain == self._domain and (not to.local or to.local in SERVICES) and not is_himself:
            return Decision(
                False, "node", f"what {to} lists at a node, such as all users, is for admins: the gateway's rights stand behind it"
            )
        is_own = to.bare == principal.jid
        if namespace in OF_ACCOUNTS and not is_own and (to.domain == self._domain or namespace != REGISTER):
            return Decision(False, "account", f"{namespace} of {to} is for its owner: a user may send it to his own account only")
        if namespace == REGISTER and is_own and principal.via == "bearer" and "admin" not in principal.scopes:
            return Decision(False, "scope", f"the token {principal.name} without the scope admin does not change the account of its owner")
        if to.domain != self._domain or is_own or (to.local and to.resource and to.local not in SERVICES):
            return BY_IQ
        return self._asked(iq.type, namespace, to)

    def _asked(self, type: str, namespace: str, to: JID) -> Decision:
        """Decide about an iq to the served domain, one of its services, or the account of somebody else."""
        may_ask = OF_OTHERS if to.local else OF_DOMAIN
        if type == "get" and namespace in may_ask:
            return BY_PUBLIC
        what = f"the account of {to.bare}" if to.local else f"{to}"
        if type == "get":
            return Decision(
                False, "public", f"{namespace or 'this'} of {what} is for admins; a user may ask for what is public, such as disco"
            )
        return Decision(False, "set", f"an iq of type set to {what} is for its owner and for admins")
