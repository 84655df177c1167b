"""The component back end: everything that needs a real server."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol
from xml.etree import ElementTree as ET

from tigrest.backends.backend import REQUEST_TIMEOUT, UserRepository
from tigrest.backends.component.account_changes import AccountChanges
from tigrest.backends.component.entrance import Entrance
from tigrest.backends.component.link import Link
from tigrest.backends.component.privileges import Privileges, unwrap, wrap
from tigrest.backends.component.statuses import Statuses
from tigrest.backends.component.users import CommandUsers
from tigrest.backends.entities.commands import Command, Commands
from tigrest.backends.entities.entity import Entity, Identity
from tigrest.backends.entities.request import Request
from tigrest.backends.entities.server import Server
from tigrest.backends.inbound import Inbound
from tigrest.errors import InvalidStanza, NotConnected, NotSupported, StanzaError, StanzaTooLarge, TigrestError
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import NEVER_BOUNCED
from tigrest.xmpp.namespaces import CLIENT, COMMANDS, SOFTWARE_VERSION
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza, make_stanza
from tigrest.xmpp.xml import split_name

log = logging.getLogger(__name__)

MAX_ANSWERS = 500
"""Most requests from outside being answered at once; as many further ones are told to wait, the others are dropped."""

PRIVILEGE_SECONDS = 1.0
"""How long the server's word on privileges is waited for when the link is up."""


class Passwords(Protocol):
    """Checks passwords against the server."""

    async def check(self, jid: JID, password: str) -> bool:
        """Tell whether the server accepts a password."""


class Component:
    """An external component: a :class:`~tigrest.backends.backend.Backend` on a real server.

    Args:
        jid: our own address.
        domain: the domain whose users are served.
        secret: shared with the server.
        host, port: where the server listens for components.
        max_stanza: most bytes of a stanza that the server takes.
        passwords: checks passwords.
        database: where the statuses of users are kept; started here, stopped by its owner.
        administers: tells whether an address may run our own commands.
        inbound: gets what comes in for our addresses.
        is_trusted: whether the server lets us send from its users' addresses (``send_as = "user"``).
        borrows: whether the server lets us send iqs from its users' addresses, and sends the replies to us (Prosody does).
    """

    def __init__(
        self,
        jid: JID,
        domain: JID,
        secret: str,
        host: str,
        port: int,
        max_stanza: int,
        passwords: Passwords,
        database: Database,
        administers: Callable[[JID], bool],
        inbound: Inbound,
        is_trusted: bool,
        borrows: bool,
    ) -> None:
        self.jid, self.domain = jid, domain
        self.users: UserRepository = CommandUsers(_AsOurselves(self), domain, passwords.check)
        self._changes = AccountChanges(jid, domain)
        self.privileges = Privileges()
        """What the server grants us."""
        self.software = ""
        """Name of the server's software; empty until it has told."""
        self._passwords, self._administers, self.inbound = passwords, administers, inbound
        self.borrows = borrows
        """Whether iqs may go out from users' addresses."""
        self.link = Link(jid, secret, host, port, domain, max_stanza, self._receive, self._up, self._down)
        self._answers: set[asyncio.Task[None]] = set()
        self._entrance = Entrance(self._send_soon)
        self._announcing: asyncio.TimerHandle | None = None
        self._statuses = Statuses(database, self._ask, self.send, is_trusted, self.users.exists, lambda: self.is_tigase)
        self.offer(())

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        return self.link.connected

    @property
    def is_tigase(self) -> bool:
        """Whether the server is Tigase, which has commands of its own for statuses and BOSH sessions."""
        return "tigase" in self.software.lower()

    async def start(self) -> None:
        """Begin to connect; a server that cannot be reached is tried again and again.

        Raises:
            ConfigError: the database cannot be used.
        """
        await self._statuses.start()
        await self.link.start()

    async def stop(self) -> None:
        """Take the presences of users back, and close the link in good order."""
        await self._statuses.stop()
        for task in self._answers:
            task.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        await self.link.stop()
        await self._changes.stop()

    async def send(self, stanza: Stanza) -> None:
        """Hand over a stanza; see :meth:`tigrest.backends.backend.Backend.send`."""
        change = self._changes.of(stanza)
        await self.link.send(stanza if stanza.to else stanza.with_(to=self.domain))
        if change is not None:
            self._changes.sent(change)

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq and wait for its reply; see :meth:`tigrest.backends.backend.Backend.request`."""
        change = self._changes.of(iq)
        if change is None:
            return await self.link.request(iq, timeout)
        return await self._changes.ask(change, functools.partial(self.link.request, iq), timeout)

    async def request_as(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq in the name of a user; see :meth:`tigrest.backends.backend.Backend.request_as`. XEP-0356 §6"""
        payload = iq.payload
        namespace = split_name(payload.tag)[0] if payload is not None else ""
        if self.privileges.allows_iq(iq.type, namespace):
            return unwrap(await self.request(wrap(owner, iq, self.privileges.namespace).with_(sender=self.jid), timeout))
        if self.borrows:
            return await self.request(iq.with_(sender=owner), timeout)
        granted = f"iq {iq.type} for {namespace}"
        raise NotSupported(f"the server does not let the gateway act for its users: grant {self.jid} {granted} by XEP-0356 (mod_privilege)")

    async def check_credentials(self, jid: JID, password: str) -> bool:
        """Check a password by a login at the server; see :meth:`tigrest.backends.backend.Backend.check_credentials`."""
        return await self._passwords.check(jid, password)

    async def set_status(self, status: UserStatus) -> StatusOutcome:
        """Show a user as online at a resource, or take it back; see :meth:`tigrest.backends.backend.Backend.set_status`."""
        if not self.connected:
            raise NotConnected(f"no connection to the XMPP server: {self.link.trouble}")
        return await self._statuses.set(status)

    @property
    def opens_bosh(self) -> bool:
        """Whether BOSH sessions are opened by the server itself; see :meth:`tigrest.backends.backend.Backend.opens_bosh`."""
        return self.is_tigase

    def offer(self, commands: Iterable[Command]) -> None:
        """Offer commands at our own address; see :meth:`tigrest.backends.backend.Backend.offer`."""
        identity = Identity("gateway", "http-ws", "tigrest")
        self._entity = Entity(identity, answers=Server().answers, commands=Commands(commands))

    def on_account_change(self, changed: Callable[[JID], None]) -> None:
        """Have somebody told of accounts that change; see :meth:`tigrest.backends.backend.Backend.on_account_change`."""
        self._changes.watchers.append(changed)

    async def _ask(self, iq: Stanza, timeout: float) -> Stanza:
        return await self.link.request(iq.with_(sender=self.jid), timeout)

    def _up(self) -> None:
        self._announcing = asyncio.get_running_loop().call_later(PRIVILEGE_SECONDS, self._announce)

    def _announce(self) -> None:
        """Show statuses again, once privileges are known, or will not come."""
        if self._announcing is not None:
            self._announcing.cancel()
            self._announcing = None
            self._keep(self._get_to_know())

    async def _get_to_know(self) -> None:
        """Learn what software the server is, and show the statuses again."""
        try:
            reply = await self._ask(make_stanza("iq", "get", self.domain, ET.Element(f"{{{SOFTWARE_VERSION}}}query"), id="version"), 5.0)
        except TigrestError as error:
            log.debug("the server does not tell its software: %s", error)
        else:
            payload = reply.payload if reply.error is None else None
            self.software = payload.findtext(f"{{{SOFTWARE_VERSION}}}name", "") if payload is not None else ""
        self._statuses.announce()

    def _down(self) -> None:
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
        elif stanza.kind == "presence":
            self._statuses.notice(stanza)
            self.inbound.take(stanza)
        elif stanza.mentions(b"privilege") and self.privileges.learn(stanza, self.domain):
            self._announce()
        elif not self.inbound.take(stanza) and _deserves_an_answer(stanza):
            self._send_soon(stanza.error_reply(StanzaError("service-unavailable", text="nobody reads messages here")))

    def _spawn(self, work: Coroutine[Any, Any, None], stanza: Stanza) -> None:
        if len(self._answers) < MAX_ANSWERS:
            self._keep(work)
            return
        work.close()
        self._send_soon(stanza.error_reply(StanzaError("resource-constraint", "wait")))

    def _send_soon(self, error: Stanza) -> None:
        """Send an error, unless far too many wait to be sent."""
        if len(self._answers) < 2 * MAX_ANSWERS:
            self._keep(self._reply(error))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, iq: Stanza) -> None:
        try:
            payload, sender, to = iq.payload, iq.sender, iq.to
            if not iq.awaits_reply or payload is None or sender is None or to is None or _payloads(iq) != 1:
                raise InvalidStanza("an iq is of type get or set, has from and to, and has one payload element")
            is_own_command = not to.local and COMMANDS in (split_name(payload.tag)[0], payload.get("node"))
            reply = None if is_own_command else await self.inbound.answer(iq)
            if reply is None:
                reply = await self._answer_ourselves(iq, Request(iq.type, payload, sender, to, self._administers(sender)))
        except Exception as error:
            reply = error_reply(iq, as_stanza_error(error))
        await self._reply(reply)

    async def _answer_ourselves(self, iq: Stanza, request: Request) -> Stanza:
        if request.to.local:
            raise StanzaError("service-unavailable")
        answer = await self._entity.answer(request)
        return iq.reply() if answer is None else iq.reply(answer)

    async def _reply(self, stanza: Stanza) -> None:
        try:
            await self.link.send(stanza)
        except (NotConnected, StanzaTooLarge) as error:
            log.debug("an answer was not sent: %s", error)


class _AsOurselves:
    """Sends iqs from our own address."""

    def __init__(self, component: Component) -> None:
        self.loop = asyncio.get_running_loop()
        self._component = component

    async def request(self, iq: Stanza, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq and wait for its reply."""
        return await self._component.request(iq.with_(sender=self._component.jid), timeout)

    async def request_as(self, owner: JID, iq: Stanza, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq in the name of a user and wait for its reply."""
        return await self._component.request_as(owner, iq, timeout)


def _payloads(iq: Stanza) -> int:
    return len([child for child in iq.xml if child.tag != f"{{{CLIENT}}}error"])


def _deserves_an_answer(message: Stanza) -> bool:
    """Tell whether the sender of a message has to know that it is not read. RFC 6121 §8.5.2"""
    return message.type not in NEVER_BOUNCED and message.xml.find(f"{{{CLIENT}}}body") is not None
