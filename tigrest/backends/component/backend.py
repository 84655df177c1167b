"""The component back end: an external component (XEP-0114) of a real server."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from tigrest.backends.backend import LoginPort, UserRepository
from tigrest.backends.component.account_changes import AccountChanges, Change
from tigrest.backends.component.entrance import Entrance, deserves_an_answer
from tigrest.backends.component.link import Link
from tigrest.backends.component.own_requests import OwnRequests
from tigrest.backends.component.own_vcard import OwnVCards, is_of_vcard
from tigrest.backends.component.presences import UserPresences
from tigrest.backends.component.privileges import Privileges, expect_one_answer, unwrap, wrap
from tigrest.backends.component.probes import Probes
from tigrest.backends.component.settings import ComponentSettings
from tigrest.backends.component.software import is_tigase, software_of, with_permission
from tigrest.backends.component.users import CommandUsers
from tigrest.backends.entities.answering import Answering
from tigrest.backends.entities.commands import AdHocCommands
from tigrest.backends.entities.self_description import SelfDescription
from tigrest.backends.inbound import Inbound
from tigrest.backends.open_stages import OpenStages
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import NotConnected, NotSupported, StanzaError, StanzaTimeout, StanzaTooLarge, StorageUnavailable
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import STANZA_ATTRIBUTES
from tigrest.xmpp.namespaces import COMMANDS, ROSTER, VCARD_TEMP
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

_COMMANDS = COMMANDS.encode()


class Component:
    """An external component: a :class:`~tigrest.backends.backend.Backend` on a real server.

    Args:
        settings: the server, our address there, and what the server lets us do.
        passwords: checks passwords.
        database: where the presences of users are kept; started here, stopped by its owner.
        administers: tells whether an address may run our own commands.
        inbound: gets the stanzas that come in for our addresses.
    """

    def __init__(
        self,
        settings: ComponentSettings,
        *,
        passwords: LoginPort,
        database: Database,
        administers: Callable[[JID], bool],
        inbound: Inbound,
    ) -> None:
        self.jid, self.domain, self._limits = settings.link.jid, settings.link.domain, settings.limits
        self._self = OwnRequests(self)
        self._vcards = OwnVCards(self._self)
        self._stages = OpenStages()
        self.users: UserRepository = CommandUsers(self._self, self.domain, passwords.check, self._stages, lambda: self.is_tigase)
        self._changes = AccountChanges(self.jid, self.domain, self._limits.account_changes)
        self.privileges = Privileges()
        """Rights over its users that the server grants us."""
        self.software = ""
        """Name of the server's software; empty until the server has answered."""
        self.is_tigase: bool = False
        """True where the server is Tigase, which has commands of its own for presences and BOSH sessions."""
        self._is_known = asyncio.Event()
        """Set once the server has been asked for its software, whatever it has answered."""
        self._passwords, self.inbound = passwords, inbound
        self.login_port: LoginPort | None = passwords
        self._is_trusted = settings.is_trusted
        self.borrows = settings.borrows
        """True where iqs may be sent from users' addresses, and the replies come to us."""
        self.link = Link(settings.link, on_stanza=self._receive, on_up=self._up, on_down=self._down)
        self.probes = Probes(self.link, self.jid, self.domain, tries_users=settings.is_trusted, limits=self._limits.probes)
        """Probes of stanzas that the server does not deliver, and what they have found."""
        self._answering = Answering(SelfDescription(), inbound, administers)
        self._answers = TaskSet()
        self._link_watchers: list[Callable[[bool], None]] = []
        self._entrance = Entrance(self._send_soon)
        self._announcing: asyncio.TimerHandle | None = None
        self._presences = UserPresences(
            self._self, database, jid=self.jid, domain=self.domain, is_trusted=settings.is_trusted, limits=self._limits.presences
        )

    @property
    def connected(self) -> bool:
        """Return whether the link is up."""
        return self.link.connected

    async def start(self) -> None:
        """Begin to connect; retry until the server can be reached.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._presences.start()
        await self.link.start()

    async def stop(self) -> None:
        """Send ``unavailable`` for the users that were shown, and close the link in good order."""
        await self._presences.stop()
        await self._stages.stop()
        await self._answers.stop()
        await self.probes.stop()
        await self.link.stop()
        await self._changes.stop()

    def send(self, stanza: Stanza) -> Coroutine[Any, Any, None]:
        """Hand over a stanza; see :meth:`tigrest.backends.backend.Backend.send`."""
        change = self._changes.of(stanza)
        written = self._written(stanza)
        addressed = written if written.attributes.get("to") else written.with_(to=self.domain)
        if self.probes.is_limited:
            return self._send_checked(change, addressed)
        return self.link.send(addressed) if change is None else self._send_change(change, addressed)

    async def send_confirmed(self, stanza: Stanza, timeout: float) -> None:
        """Hand over a stanza and wait for a barrier; see :meth:`tigrest.backends.backend.Backend.send_confirmed`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        await self.send(stanza)
        await self.link.confirmed(max(end - loop.time(), 0.0))

    def learns_bounces(self, sender: JID) -> bool:
        """Return whether an address is ours; see :meth:`tigrest.backends.backend.Backend.learns_bounces`."""
        return self.inbound.is_ours(sender)

    async def _send_checked(self, change: Change | None, stanza: Stanza) -> None:
        await self.probes.check(stanza.sender)
        await (self.link.send(stanza) if change is None else self._send_change(change, stanza))

    async def _send_change(self, change: Change, stanza: Stanza) -> None:
        await self.link.send(stanza)
        self._changes.sent(change)

    def request(self, iq: Stanza, timeout: float) -> Coroutine[Any, Any, Stanza]:
        """Send an iq and wait for its reply; see :meth:`tigrest.backends.backend.Backend.request`."""
        return self._request_checked(iq, timeout) if self.probes.is_limited else self._request(iq, timeout)

    async def _request_checked(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq where the server takes it; wait until that is known, for no longer than the iq itself may take.

        Raises:
            StanzaTimeout: it was not known in time.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        try:
            async with asyncio.timeout_at(end):
                await self.probes.check(iq.sender)
                is_dropped = await self.probes.drops(iq)
        except TimeoutError:
            raise StanzaTimeout(f"within {timeout:g} s, it was not found out whether the server takes iqs of this component") from None
        left = round(end - loop.time(), 1)
        return await (self._request_otherwise(iq, left) if is_dropped else self._request(iq, left))

    def _request(self, iq: Stanza, timeout: float) -> Coroutine[Any, Any, Stanza]:
        change = self._changes.of(iq)
        if change is None and (self._is_known.is_set() or not iq.is_entitled):
            return self.link.request(self._written(iq), timeout)
        return self._request_change(change, iq, timeout)

    async def _request_change(self, change: Change | None, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq that changes an account, or comes before the server's software is known."""
        if iq.is_entitled and not self._is_known.is_set() and iq.mentions(_COMMANDS) and self.connected:
            await self._await_software()
        written = self._written(iq)
        if change is None:
            return await self.link.request(written, timeout)
        return await self._changes.ask(change, functools.partial(self.link.request, written), timeout)

    def _written(self, stanza: Stanza) -> Stanza:
        """Return a stanza with the attributes that go to the server: no unknown ones, and those that Tigase needs."""
        plain = stanza if STANZA_ATTRIBUTES.issuperset(stanza.attributes) else stanza.without_unknown_attributes()
        return with_permission(plain, self.jid, self.domain) if self.is_tigase and stanza.is_entitled else plain

    async def _await_software(self) -> None:
        """Wait, not for long, for the server's software: whether it needs what Tigase alone understands, or has no rosters for us."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.privilege_seconds):
                await self._is_known.wait()

    async def _request_otherwise(self, iq: Stanza, timeout: float) -> Stanza:
        """Ask an entity to which the server drops iqs.

        What is for an address of ours needs no server. Privileged iqs pass: in a user's name where he sends it, in that of the served
        domain where the gateway asks something itself. XEP-0356 §6

        Raises:
            NotSupported: the namespace is not granted, or it is from an address that has no privileged iqs.
        """
        to, sender = iq.to or self.domain, iq.sender or self.jid
        if to.domain == self.jid.domain:
            try:
                async with asyncio.timeout(timeout):
                    return await self._answering.answer(iq, to)
            except TimeoutError:
                raise StanzaTimeout(f"{to} did not answer within {timeout:g} s") from None
        owner = sender.bare if sender.domain == self.domain else self.domain if sender == self.jid and iq.type == "get" else None
        namespace = iq.payload_namespace
        if owner is None or not self.privileges.allows_iq(iq.type, namespace):
            raise NotSupported(f"{self.probes.iqs_trouble}. This one is for {to}, from {sender}, of namespace {namespace}")
        return await self.request_as(owner, iq, timeout)

    async def request_as(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq in the name of a user; see :meth:`tigrest.backends.backend.Backend.request_as`. XEP-0356 §6"""
        namespace = iq.payload_namespace
        if self.privileges.allows_iq(iq.type, namespace):
            expect_one_answer(iq)
            return unwrap(await self._self.request(wrap(owner, iq, self.privileges.namespace), timeout))
        if namespace == ROSTER and self.privileges.allows_roster_iq(iq.type):
            return await self._self.request(iq.with_(to=owner), timeout)
        if self.borrows:
            return await self.request(iq.with_(sender=owner), timeout)
        if self._writes_vcards and is_of_vcard(iq):
            return await self._vcards.request(owner, iq, timeout)
        raise NotSupported(self.delegation_trouble(iq.type, namespace))

    def delegation_trouble(self, type: str, namespace: str) -> str:
        """Return why the server does not let us act for its users; see :meth:`tigrest.backends.backend.Backend.delegation_trouble`."""
        is_granted = self.privileges.allows_iq(type, namespace) or (namespace == ROSTER and self.privileges.allows_roster_iq(type))
        if is_granted or self.borrows or (namespace == VCARD_TEMP and self._writes_vcards):
            return ""
        return (
            f"the server does not let the gateway act for its users: grant {self.jid} iq {type} for {namespace} by XEP-0356, "
            "where the server can (in Prosody's privileged_entities, in ejabberd's mod_privilege)"
        )

    @property
    def _writes_vcards(self) -> bool:
        """Return whether vCards of users can be set by stanzas from their addresses."""
        return self._is_trusted and not self.is_tigase

    async def check_credentials(self, jid: JID, password: str) -> bool:
        """Check a password by a login at the server; see :meth:`tigrest.backends.backend.Backend.check_credentials`."""
        return await self._passwords.check(jid, password)

    async def set_presence(self, presence: UserStatus) -> StatusOutcome:
        """Show a user as online at a resource, or take it back; see :meth:`tigrest.backends.backend.Backend.set_presence`."""
        if not self.connected:
            raise NotConnected(f"no connection to the XMPP server: {self.link.trouble}")
        if not self._is_known.is_set():
            await self._await_software()
        try:
            if not self.is_tigase:  # which does it by a command of the gateway
                await self.probes.check(presence.jid)
            return await self._presences.set(presence)
        except NotSupported as error:
            return StatusOutcome(False, str(error))

    @property
    def opens_bosh(self) -> bool:
        """Return whether BOSH sessions are opened by the server itself; see :meth:`tigrest.backends.backend.Backend.opens_bosh`."""
        return self.is_tigase

    def offer(self, *groups: AdHocCommands) -> None:
        """Offer commands at our own address; see :meth:`tigrest.backends.backend.Backend.offer`."""
        self._answering.offer(*groups)

    def on_link(self, changed: Callable[[bool], None]) -> None:
        """Add a callback for the link; see :meth:`tigrest.backends.backend.Backend.on_link`."""
        self._link_watchers.append(changed)

    def _tell_of_link(self, is_up: bool) -> None:
        for changed in self._link_watchers:
            changed(is_up)

    def on_account_change(self, changed: Callable[[JID], None]) -> None:
        """Add a callback for accounts that change; see :meth:`tigrest.backends.backend.Backend.on_account_change`."""
        self._changes.watchers.append(changed)

    def _up(self) -> None:
        self.probes.begin()
        self._is_known.clear()
        self._answers.start(self._learn_software())
        self._announcing = asyncio.get_running_loop().call_later(self._limits.privilege_seconds, self._announce)
        self._tell_of_link(True)

    def _announce(self) -> None:
        """Show presences again, once privileges are known or their announcement is overdue."""
        if self._announcing is not None:
            self._announcing.cancel()
            self._announcing = None
            self._answers.start(self._show_again())
        if not self._is_known.is_set():  # ejabberd 25.03 and later drop iqs until privileges have come
            self._answers.start(self._learn_software())
        self._answers.start(self._try_iqs())

    async def _learn_software(self) -> None:
        """Ask the server for its software, past all iqs that wait; what is known from an earlier link stays while it does not answer."""

        async def ask(query: Stanza) -> Stanza:
            return await self.link.request(query.with_(sender=self.jid), self._limits.version_seconds)

        software = await software_of(ask, self.domain)
        self.software = software or self.software
        self.is_tigase = is_tigase(self.software)
        if self.connected:
            self._is_known.set()
            self.probes.recognise(software)

    async def _show_again(self) -> None:
        """Show the presences again, in the way of the server, once that is known."""
        await self._is_known.wait()
        self._presences.announce()

    async def _try_iqs(self) -> None:
        """Find out which iqs the server drops; where privileges have just come, its software is soon known as well."""
        if self.privileges.namespace:
            await self._await_software()
        await self.probes.try_iqs()

    def _down(self) -> None:
        self._tell_of_link(False)
        self.probes.end(self.link.condition)
        self.privileges = Privileges()
        if self._announcing is not None:
            self._announcing.cancel()
            self._announcing = None

    def _receive(self, arrived: Stanza) -> None:
        stanza = self._entrance.admit(arrived)
        if stanza is None:
            return
        if stanza.kind == "iq":
            self._spawn(self._answer(stanza), stanza)
        elif self._presences.is_for_shown(stanza):
            if stanza.kind == "message" and deserves_an_answer(stanza):
                self._send_soon(stanza.error_reply(StanzaError("service-unavailable", text="no client is here")))
        elif stanza.kind == "presence":
            self._presences.notice(stanza)
            self.inbound.take(stanza)
        elif self.probes.take(stanza):
            log.debug("the probe has come back")
        elif stanza.mentions(b"privilege") and self.privileges.learn(stanza, self.domain):
            self._announce()
        elif not self.inbound.take(stanza) and deserves_an_answer(stanza):
            self._send_soon(stanza.error_reply(StanzaError("service-unavailable", text="nobody reads messages here")))

    def _spawn(self, work: Coroutine[Any, Any, None], stanza: Stanza) -> None:
        if len(self._answers) < self._limits.answers:
            self._answers.start(work)
            return
        work.close()
        self._send_soon(stanza.error_reply(StanzaError("resource-constraint", "wait")))

    def _send_soon(self, error: Stanza) -> None:
        """Send an error, unless far too many wait to be sent."""
        if len(self._answers) < 2 * self._limits.answers:
            self._answers.start(self._reply(error))

    async def _answer(self, iq: Stanza) -> None:
        try:
            reply = self._presences.answer(iq) or self.probes.answer(iq) or await self._answering.answer(iq, iq.to or self.jid)
        except StorageUnavailable as error:
            reply = error_reply(iq, as_stanza_error(error))
        try:
            await self.link.send(self._written(reply))
        except StanzaTooLarge as error:
            await self._reply(iq.error_reply(StanzaError("resource-constraint", "cancel", f"the reply is too large: {error}")))
        except NotConnected as error:
            log.debug("an answer was not sent: %s", error)

    async def _reply(self, stanza: Stanza) -> None:
        try:
            await self.link.send(self._written(stanza))
        except (NotConnected, StanzaTooLarge) as error:
            log.debug("an answer was not sent: %s", error)
