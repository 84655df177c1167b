"""Presence of users at resources that no client holds, shown to their contacts.

A component cannot put presence into the server itself. It sends it, from the address of the user, to each of his contacts: when
it is set, when the link comes up again, and when a contact comes online; and takes it back at the end. That needs a server that
lets the component send from its users' addresses (``send_as = "user"``) and tells it their rosters (XEP-0356), and for contacts
who come online later, their presence too. Tigase has a command that does it all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from xml.etree import ElementTree as ET

from tigrest.backends.component.status_store import StatusStore
from tigrest.errors import NotConnected, NotSupported, StanzaError, StanzaTimeout, TigrestError
from tigrest.state.database import Database
from tigrest.xmpp.forms import DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import ACTIVITY, CLIENT, COMMANDS, ROSTER
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.roster import roster_of
from tigrest.xmpp.stanza import Stanza, make_stanza

log = logging.getLogger(__name__)

WAIT = 5.0
"""Seconds to wait for each answer of the server."""

Request = Callable[[Stanza, float], Awaitable[Stanza]]
Send = Callable[[Stanza], Awaitable[None]]


class Statuses:
    """The statuses that are shown.

    Args:
        database: where they survive a restart.
        request, send: reach the server.
        is_trusted: whether the server lets us send from its users' addresses.
        exists: tells whether there is an account.
        is_tigase: tells whether the server is one that has a command for it.
    """

    def __init__(
        self,
        database: Database,
        request: Request,
        send: Send,
        is_trusted: bool,
        exists: Callable[[JID], Awaitable[bool]],
        is_tigase: Callable[[], bool],
    ) -> None:
        self._store, self._request, self._send = StatusStore(database), request, send
        self._is_trusted, self._exists, self._is_tigase = is_trusted, exists, is_tigase
        self._shown: dict[JID, UserStatus] = {}
        self._contacts: dict[JID, frozenset[JID]] = {}
        """Who may see each."""
        self._seen_by: dict[JID, set[JID]] = {}
        """What each contact may see."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Recall what was shown before a restart."""
        self._shown = {status.jid: status for status in await self._store.start()}

    async def stop(self) -> None:
        """Take all presences back; they come again with the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            for jid in self._shown:
                await self._tell(UserStatus(jid, False), self._contacts.get(jid, frozenset()))
        except NotConnected:
            pass  # the server has told the contacts
        await self._store.stop()

    async def set(self, status: UserStatus) -> StatusOutcome:
        """Show a status, or take it back."""
        try:
            if self._is_tigase():
                return await self._by_command(status)
            return await self._by_presence(status)
        except StanzaTimeout:
            return StatusOutcome(False, f"the server of {status.jid.domain} did not answer within {WAIT:g} s")

    async def _by_presence(self, status: UserStatus) -> StatusOutcome:
        jid = status.jid
        if not self._is_trusted:
            cure = 'let the server trust this component with its users\' addresses, and set [xmpp] send_as = "user"'
            return StatusOutcome(False, f"the gateway may not send presence as {jid.bare}: {cure}")
        if not status.available:
            if jid not in self._shown:
                return StatusOutcome(False, f"{jid} is not online")
            await self._store.put(jid, None)
            self._shown.pop(jid, None)
            await self._tell(status, self._show_to(jid, frozenset()))
            return StatusOutcome(True)
        if jid not in self._shown and not await self._may_exist(jid.bare):
            return StatusOutcome(False, f"there is no account {jid.bare}")
        try:
            contacts = await self._roster(jid.bare)
        except StanzaError as error:
            cure = "grant it the roster by XEP-0356 (mod_privilege)"
            return StatusOutcome(False, f"the server does not tell the gateway the contacts of {jid.bare} ({error.condition}): {cure}")
        if self._shown.get(jid) != status:
            await self._store.put(jid, status)
        self._show_to(jid, contacts)
        self._shown[jid] = status
        await self._tell(status, contacts)
        return StatusOutcome(True)

    def _show_to(self, jid: JID, contacts: frozenset[JID]) -> frozenset[JID]:
        """Change who may see a status; those who might until now."""
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
            return await self._exists(user)
        except (NotSupported, StanzaError):
            return True  # the server does not tell

    async def _by_command(self, status: UserStatus) -> StatusOutcome:
        """Have Tigase's session manager do it. Tigase HTTP API guide §2.2.7"""
        form = DataForm(
            "submit", (Field("jid", (status.jid,)), Field("available", ("true" if status.available else "false",)))
        ).to_element()
        command = ET.Element(f"{{{COMMANDS}}}command", {"node": "USER_STATUS"})
        command.append(form)
        command.append(presence(status).xml)
        to = JID.of("sess-man", status.jid.domain)
        reply = await self._request(make_stanza("iq", "set", to, command, id="status"), WAIT)
        if (error := reply.error) is None:
            return StatusOutcome(True)
        cure = "; add the gateway's address to the trusted of sess-man" if error.condition == "forbidden" else ""
        return StatusOutcome(False, f"{error}{cure}")

    async def _roster(self, user: JID) -> frozenset[JID]:
        """Contacts who may see the presence of a user. XEP-0356 §5.1"""
        query = make_stanza("iq", "get", user, ET.Element(f"{{{ROSTER}}}query"), id="roster")
        payload = (await self._request(query, WAIT)).raise_error().payload
        return frozenset(JID(item.jid) for item in roster_of(payload) if item.sees_presence)

    async def _tell(self, status: UserStatus, contacts: frozenset[JID]) -> None:
        stanza = presence(status)
        for contact in contacts:
            await self._send(stanza.with_(to=contact))

    def announce(self) -> None:
        """Show everything again: the link is up."""
        self._spawn(self._announce())

    def notice(self, incoming: Stanza) -> None:
        """Show a contact who comes online what he has missed."""
        if incoming.kind != "presence" or incoming.type:
            return
        contact = incoming.sender
        if contact is None or not contact.resource:
            return
        for jid in self._seen_by.get(contact.bare, ()):
            if contact.bare != jid.bare and (status := self._shown.get(jid)) is not None:
                self._spawn(self._tell(status, frozenset((contact,))))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Awaitable[None]) -> None:
        try:
            await work
        except TigrestError as error:
            log.warning("a status could not be shown: %s", error)

    async def _announce(self) -> None:
        for status in list(self._shown.values()):
            outcome = await self.set(status)
            if not outcome.success:
                log.warning("the status of %s is not shown: %s", status.jid, outcome.reason)


def presence(status: UserStatus) -> Stanza:
    """Write a status as presence, without ``to``::

    <presence from="alice@localhost/desk"><show>xa</show><status>On the phone</status><priority>-1</priority></presence>

    RFC 6121 §4.7, XEP-0108 §3
    """
    if not status.available:
        return make_stanza("presence", "unavailable", None, sender=status.jid)
    texts = {"show": status.show, "status": status.status, "priority": str(status.priority)}
    payload = []
    for name, text in texts.items():
        if text:
            element = ET.Element(f"{{{CLIENT}}}{name}")
            element.text = text
            payload.append(element)
    if status.activity is not None:
        activity = ET.Element(f"{{{ACTIVITY}}}activity")
        category = ET.SubElement(activity, f"{{{ACTIVITY}}}{status.activity.category}")
        if status.activity.type:
            ET.SubElement(category, f"{{{ACTIVITY}}}{status.activity.type}")
        if status.activity.text:
            ET.SubElement(activity, f"{{{ACTIVITY}}}text").text = status.activity.text
        payload.append(activity)
    return make_stanza("presence", "", None, *payload, sender=status.jid)
