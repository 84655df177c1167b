"""Presence of users at resources that no client holds, shown to their contacts.

A component cannot set the presence of a user at the server. It sends presence stanzas, from the address of the user, to each of
his contacts: when the presence is set, when the link comes up again, and when a contact comes online. At the end it sends
``unavailable``. That needs a server that lets the component send from its users' addresses (``send_as = "user"``) and read their
rosters (XEP-0356), and for contacts who come online later, see their presence too. Tigase has a command that does it all, until
Tigase is restarted.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from xml.etree import ElementTree as ET

from tigrest.backends.component.presence_store import PresenceStore
from tigrest.backends.component.pseudo_sessions import address_of, answer_check, status_command
from tigrest.backends.component.software import withholds_rosters
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import NotConnected, NotSupported, StanzaError, StanzaTimeout, TigrestError
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import ACTIVITY, CLIENT, ROSTER
from tigrest.xmpp.presence import STATUS_ENDPOINT, StatusOutcome, UserStatus
from tigrest.xmpp.roster import roster_of
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PresenceLimits:
    """Limits of the presences of users.

    Args:
        reply_seconds: timeout of each request to the server.
    """

    reply_seconds: float = 5.0


class PresenceServer(Protocol):
    """The server, as far as presences need it."""

    @property
    def is_tigase(self) -> bool:
        """Return whether the server has Tigase's command for presences."""

    @property
    def software(self) -> str:
        """Return the name of the server's software; empty when it is not known."""

    def send(self, stanza: Stanza) -> Coroutine[Any, Any, None]:
        """Send a stanza."""

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq, without ``from`` from our own address, and wait for its reply as many seconds."""

    async def exists(self, jid: JID) -> bool:
        """Return whether there is an account; see :meth:`tigrest.backends.backend.UserRepository.exists`."""


class UserPresences:
    """The presences that are shown.

    Args:
        server: where the users are.
        database: where presences survive a restart.
        jid: our own address.
        domain: the domain of the users.
        is_trusted: whether the server lets us send from its users' addresses.
        limits: of the requests to the server.
    """

    def __init__(
        self,
        server: PresenceServer,
        database: Database,
        *,
        jid: JID,
        domain: JID,
        is_trusted: bool,
        limits: PresenceLimits,
    ) -> None:
        self._jid, self._domain = jid, domain
        self._store, self._server, self._is_trusted, self._limits = PresenceStore(database), server, is_trusted, limits
        self._shown: dict[JID, UserStatus] = {}
        self._sessions: dict[JID, JID] = {}
        """Shown presences by the addresses that Tigase knows them by."""
        self._contacts: dict[JID, frozenset[JID]] = {}
        """The contacts who may see each presence."""
        self._seen_by: dict[JID, set[JID]] = {}
        """The presences that each contact may see."""
        self._tasks = TaskSet()

    async def start(self) -> None:
        """Load the presences that were shown before a restart."""
        self._shown = {presence.jid: presence for presence in await self._store.start()}
        self._sessions = {address_of(jid, self._jid): jid for jid in self._shown}

    async def stop(self) -> None:
        """Send ``unavailable`` for all; they are shown again after the next start."""
        await self._tasks.stop()
        try:
            for jid in self._shown:
                if self._server.is_tigase:
                    await self._server.send(status_command(UserStatus(jid, False), self._jid, None))
                else:
                    await self._tell(UserStatus(jid, False), self._contacts.get(jid, frozenset()))
        except NotConnected:
            pass  # the server has told the contacts
        await self._store.stop()

    async def set(self, presence: UserStatus) -> StatusOutcome:
        """Show a presence, or take it back."""
        try:
            if self._server.is_tigase:
                return await self._by_command(presence)
            return await self._by_presence(presence)
        except StanzaTimeout:
            return StatusOutcome(False, f"the server of {presence.jid.domain} did not answer within {self._limits.reply_seconds:g} s")

    async def _by_presence(self, presence: UserStatus) -> StatusOutcome:
        jid = presence.jid
        if withholds_rosters(self._server.software):
            reason = f"{self._server.software} tells no component who the contacts of {jid.bare} are (it does not know XEP-0356)"
            return StatusOutcome(False, f"{reason}: status needs another server")
        if not self._is_trusted:
            cure = 'let the server trust this component with its users\' addresses, and set [xmpp] send_as = "user"'
            return StatusOutcome(False, f"the gateway may not send presence as {jid.bare}: {cure}")
        if not presence.available:
            if jid not in self._shown:
                return StatusOutcome(False, f"{jid} is not online")
            await self._store.put(jid, None)
            self._shown.pop(jid, None)
            await self._tell(presence, self._show_to(jid, frozenset()))
            return StatusOutcome(True)
        if jid not in self._shown and not await self._may_exist(jid.bare):
            return StatusOutcome(False, f"there is no account {jid.bare}")
        try:
            contacts = await self._roster(jid.bare)
        except StanzaError as error:
            cure = "grant it the roster by XEP-0356, as tigrest check --live says"
            return StatusOutcome(False, f"the server does not tell the gateway the contacts of {jid.bare} ({error.condition}): {cure}")
        if self._shown.get(jid) != presence:
            await self._store.put(jid, presence)
        self._show_to(jid, contacts)
        self._shown[jid] = presence
        await self._tell(presence, contacts)
        return StatusOutcome(True)

    def _show_to(self, jid: JID, contacts: frozenset[JID]) -> frozenset[JID]:
        """Set the contacts who may see a presence; return those who might until now."""
        before = self._contacts.pop(jid, frozenset())
        for contact in before - contacts:
            self._seen_by[contact].discard(jid)
            if not self._seen_by[contact]:
                del self._seen_by[contact]
        for contact in contacts:
            self._seen_by.setdefault(contact, set()).add(jid)
        if contacts:
            self._contacts[jid] = contacts
        return before

    async def _may_exist(self, user: JID) -> bool:
        try:
            return await self._server.exists(user)
        except (NotSupported, StanzaError):
            return True  # the server does not tell

    async def _by_command(self, presence: UserStatus) -> StatusOutcome:
        """Set a presence by a command of Tigase's session manager. Tigase HTTP API guide §2.2.7

        Tigase has no session of its own for a presence that is not shown, so ``item-not-found`` means that it is gone.
        """
        jid = presence.jid
        if presence.available and self._shown.get(jid) != presence:
            await self._store.put(jid, presence)
        command = status_command(presence, self._jid, presence_stanza(presence).xml if presence.available else None)
        error = (await self._server.request(command, self._limits.reply_seconds)).error
        is_gone = not presence.available and (error is None or error.condition == "item-not-found")
        if presence.available and error is None:
            self._shown[jid] = presence
            self._sessions[address_of(jid, self._jid)] = jid
            return StatusOutcome(True)
        if is_gone or error is None:
            self._sessions.pop(address_of(jid, self._jid), None)
            was_shown = self._shown.pop(jid, None) is not None
            await self._store.put(jid, None)
            return StatusOutcome(True) if was_shown or error is None else StatusOutcome(False, f"{jid} is not online")
        if presence.available and jid not in self._shown:
            await self._store.put(jid, None)
        endpoint = f"{STATUS_ENDPOINT}@{self._jid.domain}"
        cure = f"; add {endpoint} to the trusted of sess-man" if error.condition == "forbidden" else ""
        return StatusOutcome(False, f"{error}{cure}")

    def is_for_shown(self, stanza: Stanza) -> bool:
        """Tell whether an inbound stanza is for a presence that is shown, which no client reads, instead of for one of our addresses."""
        to = stanza.to
        if to is None:
            return False
        if to.local == STATUS_ENDPOINT and to.domain == self._jid.domain:
            return True
        return self._server.is_tigase and to in self._shown

    def answer(self, iq: Stanza) -> Stanza | None:
        """Answer Tigase's question whether a presence is still shown; ``None`` for every other iq."""
        to = iq.to
        if not self._server.is_tigase or to is None or to.local != STATUS_ENDPOINT:
            return None
        return answer_check(iq, self._domain, is_alive=self._sessions.get(to) in self._shown)

    async def _roster(self, user: JID) -> frozenset[JID]:
        """Return the contacts who may see the presence of a user. XEP-0356 §5.1"""
        query = make_stanza("iq", "get", user, ET.Element(f"{{{ROSTER}}}query"), id="roster")
        payload = (await self._server.request(query, self._limits.reply_seconds)).raise_error().payload
        return frozenset(JID(item.jid) for item in roster_of(payload) if item.sees_presence)

    async def _tell(self, presence: UserStatus, contacts: frozenset[JID]) -> None:
        stanza = presence_stanza(presence)
        for contact in contacts:
            await self._server.send(stanza.with_(to=contact))

    def announce(self) -> None:
        """Show everything again, as the link is up."""
        self._tasks.start(_quietly(self._announce))

    def notice(self, incoming: Stanza) -> None:
        """Send a contact who comes online the presences that he may see."""
        if incoming.kind != "presence" or incoming.type:
            return
        contact = incoming.sender
        if contact is None or not contact.resource:
            return
        for jid in self._seen_by.get(contact.bare, ()):
            if contact.bare != jid.bare and (presence := self._shown.get(jid)) is not None:
                self._tasks.start(_quietly(partial(self._tell, presence, frozenset((contact,)))))

    async def _announce(self) -> None:
        for presence in list(self._shown.values()):
            outcome = await self.set(presence)
            if not outcome.success:
                log.warning("the presence of %s is not shown: %s", presence.jid, outcome.reason)


async def _quietly(show: Callable[[], Awaitable[None]]) -> None:
    """Show presences, and log why they cannot be.

    Args:
        show: shows them. A coroutine would never be awaited if the task were cancelled before it begins.
    """
    try:
        await show()
    except TigrestError as error:
        log.warning("the presence of a user could not be shown: %s", error)


def presence_stanza(presence: UserStatus) -> Stanza:
    """Write a presence, without ``to``::

    <presence from="alice@localhost/desk"><show>xa</show><status>On the phone</status><priority>-1</priority></presence>

    RFC 6121 §4.7, XEP-0108 §3
    """
    if not presence.available:
        return make_stanza("presence", "unavailable", None, sender=presence.jid)
    texts = {"show": presence.show, "status": presence.status, "priority": str(presence.priority)}
    payload = []
    for name, text in texts.items():
        if text:
            element = ET.Element(f"{{{CLIENT}}}{name}")
            element.text = text
            payload.append(element)
    if presence.activity is not None:
        activity = ET.Element(f"{{{ACTIVITY}}}activity")
        category = ET.SubElement(activity, f"{{{ACTIVITY}}}{presence.activity.category}")
        if presence.activity.type:
            ET.SubElement(category, f"{{{ACTIVITY}}}{presence.activity.type}")
        if presence.activity.text:
            ET.SubElement(activity, f"{{{ACTIVITY}}}text").text = presence.activity.text
        payload.append(activity)
    return make_stanza("presence", "", None, *payload, sender=presence.jid)
