"""The embedded domain: takes stanzas, finds whom they are for, and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from sqlalchemy.exc import IntegrityError

from tigrest.backends.backend import UserRepository
from tigrest.backends.embedded.accounts import Accounts
from tigrest.backends.embedded.administration import Administration
from tigrest.backends.embedded.messages import OfflineMessages
from tigrest.backends.embedded.pep import FEATURES, PersonalEvents
from tigrest.backends.embedded.presences import Presences
from tigrest.backends.embedded.session_manager import SessionManager
from tigrest.backends.embedded.tables import EMBEDDED
from tigrest.backends.embedded.vcards import VCards
from tigrest.backends.embedded.vhost_manager import VHostManager
from tigrest.backends.entities.commands import Command, Commands, SessionCommands
from tigrest.backends.entities.entity import Entity, Identity
from tigrest.backends.entities.request import Request
from tigrest.backends.entities.server import Server
from tigrest.backends.inbound import Inbound
from tigrest.errors import ConfigError, InvalidStanza, InvalidValue, NotConnected, StanzaError, StanzaTimeout, StorageUnavailable
from tigrest.passwords import Passwords
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT, PING, VCARD4_NODE
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

SESSION_MANAGER = "sess-man"
VHOST_MANAGER = "vhost-man"


class EmbeddedDomain:
    """One XMPP domain inside the process: a :class:`~tigrest.backends.backend.Backend` that needs no server.

    Args:
        jid: our own address.
        domain: the domain whose users are served.
        administers: tells whether an address may run commands and act for others.
        database: where all state is kept; started here, stopped by its owner.
        passwords: hashes and verifies; closed by its owner.
        accounts: plain passwords by address. Accounts that are missing are created at the start; a stored password that
            does not verify is replaced.
        inbound: gets what comes in for our own addresses.
    """

    def __init__(
        self,
        jid: JID,
        domain: JID,
        administers: Callable[[JID], bool],
        database: Database,
        passwords: Passwords,
        accounts: Mapping[JID, str] = MappingProxyType({}),
        inbound: Inbound | None = None,
    ) -> None:
        self.jid = jid
        self.inbound = inbound or Inbound(jid)
        self.domain = domain
        self.created = False
        """After the start: whether there were no accounts in the database before."""
        self._administers = administers
        self._database = database
        self._wanted = dict(accounts)
        self._connected = False
        self._running: set[asyncio.Task[Stanza | None]] = set()
        self._accounts = Accounts(domain, (SESSION_MANAGER, VHOST_MANAGER), database, passwords)
        self.users: UserRepository = self._accounts
        self._presences = Presences(database)
        self._messages = OfflineMessages(database)
        self._vhosts = VHostManager(domain, database)
        self._build_entities()

    def _build_entities(self) -> None:
        server, events = Server(), PersonalEvents(self._database)
        sessions = SessionManager(self.domain, self._presences, self._database, self._accounts.tell)
        administration = Administration(self._accounts, self._presences, self._messages)
        services = {SESSION_MANAGER: "Session manager", VHOST_MANAGER: "VHost manager"}
        self._server = Entity(
            Identity("server", "im", "tigrest"),
            answers=server.answers,
            features=("msgoffline",),
            items=tuple((JID.of(local, self.domain.domain), name) for local, name in services.items()),
            commands=SessionCommands(administration.commands),
        )
        self._services = {
            SESSION_MANAGER: Entity(Identity("component", "sm", services[SESSION_MANAGER]), commands=sessions.commands),
            VHOST_MANAGER: Entity(Identity("component", "generic", services[VHOST_MANAGER]), commands=self._vhosts.commands),
        }
        self._identity, self._pong = Identity("gateway", "http-ws", "tigrest"), server.pong
        self.offer(())
        self._user = Entity(
            Identity("account", "registered"),
            Identity("pubsub", "pep"),
            answers={**VCards(self._database, events).answers, **events.answers},
            features=(*FEATURES, VCARD4_NODE),
            check=self._expect_account,
        )

    @property
    def connected(self) -> bool:
        """Whether it was started and not stopped."""
        return self._connected

    async def start(self) -> None:
        """Create the tables and the accounts that are missing.

        Raises:
            ConfigError: the database cannot be used, or an account cannot be one of this domain.
        """
        self._accounts.loop = asyncio.get_running_loop()
        await self._database.start(EMBEDDED)
        try:
            self.created = await self._accounts.ensure(self._wanted)
        except InvalidValue as error:
            raise ConfigError(f"[[embedded.accounts]]: {error}") from None
        await self._vhosts.start()
        self._connected = True
        log.info("embedded domain %s started, %d accounts", self.domain, len(await self._accounts.list()))

    async def stop(self) -> None:
        """End the requests that run. The database and the passwords stay open for their owner to close."""
        if not self._connected:
            return
        self._connected = False
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        log.info("embedded domain %s stopped", self.domain)

    async def send(self, stanza: Stanza) -> None:
        """Take a stanza in; what it bounces with is dropped. See :meth:`tigrest.backends.backend.Backend.send`."""
        task = self._take(stanza)
        await asyncio.wait({task})
        reply = None if task.cancelled() else task.result()
        if reply is not None and (error := reply.error) is not None:
            log.debug("a %s to %s bounced: %s", stanza.kind, stanza.attributes.get("to"), error.condition)

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Answer an iq; see :meth:`tigrest.backends.backend.Backend.request`."""
        task = self._take(iq)
        await asyncio.wait({task}, timeout=timeout)
        if not task.done():
            raise StanzaTimeout(f"the embedded domain did not answer within {timeout:g} s")
        if task.cancelled():
            raise NotConnected("the embedded domain was stopped")
        reply = task.result()
        if reply is None:
            raise InvalidStanza(f"a {iq.kind} of type {iq.type or 'none'!r} has no reply")
        return reply

    async def request_as(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        """Answer an iq as if a user had sent it; see :meth:`tigrest.backends.backend.Backend.request_as`."""
        return await self.request(iq.with_(sender=owner), timeout)

    async def check_credentials(self, jid: JID, password: str) -> bool:
        """Check a password; see :meth:`tigrest.backends.backend.Backend.check_credentials`."""
        self._expect_connected()
        return await self._accounts.verify(jid, password)

    async def set_status(self, status: UserStatus) -> StatusOutcome:
        """Show a user as online at a resource, or take it back; see :meth:`tigrest.backends.backend.Backend.set_status`."""
        self._expect_connected()
        return await self._presences.set(status)

    @property
    def opens_bosh(self) -> bool:
        """There is no BOSH here; see :meth:`tigrest.backends.backend.Backend.opens_bosh`."""
        return False

    def offer(self, commands: Iterable[Command]) -> None:
        """Offer commands at our own address; see :meth:`tigrest.backends.backend.Backend.offer`."""
        self._gateway = Entity(self._identity, answers={("get", f"{{{PING}}}ping"): self._pong}, commands=Commands(commands))

    def on_account_change(self, changed: Callable[[JID], None]) -> None:
        """Have somebody told of changed accounts; see :meth:`tigrest.backends.backend.Backend.on_account_change`."""
        self._accounts.watchers.append(changed)

    def _take(self, stanza: Stanza) -> asyncio.Task[Stanza | None]:
        """Process a stanza in a task of its own: as on a server, it goes on when the asker no longer waits."""
        self._expect_connected()
        task = asyncio.create_task(self._process(stanza.prepared()))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _expect_connected(self) -> None:
        if not self._connected:
            raise NotConnected("the embedded domain is not running")

    async def _process(self, stanza: Stanza) -> Stanza | None:
        """Process a stanza; the edge where everything that goes wrong becomes an error stanza."""
        if stanza.kind == "iq" and stanza.type in ("result", "error"):
            return None  # nobody is connected who could get it
        to = None
        try:
            to = self._recipient(stanza)
            if stanza.kind == "presence":
                if self.inbound.is_ours(to):
                    self.inbound.take(stanza)
                return None
            if stanza.kind == "message":
                await self._deliver(to, stanza)
                return None
            return await self._answer(to, stanza)
        except StorageUnavailable:
            raise  # nothing was accepted: the sender is told so, rather than that it bounced
        except IntegrityError:  # the account was deleted between the look at it and the change
            return error_reply(stanza.with_(to=to or self.domain), StanzaError("service-unavailable"))
        except Exception as error:
            return error_reply(stanza.with_(to=to or self.domain), as_stanza_error(error))

    def _recipient(self, stanza: Stanza) -> JID:
        """Whom a stanza is for: without ``to``, the account that sends it, or the server. RFC 6120 §10.3"""
        to = stanza.attributes.get("to")
        if to is not None:
            return JID(to)
        sender = self._sender(stanza)
        return sender.bare if sender.local and sender.domain == self.domain.domain else self.domain

    def _sender(self, stanza: Stanza) -> JID:
        sender = stanza.attributes.get("from")
        if sender is None:
            raise InvalidStanza("the stanza has no from")
        return JID(sender)

    async def _deliver(self, to: JID, message: Stanza) -> None:
        if self.inbound.is_ours(to):
            if not self.inbound.take(message) and message.type != "error":
                raise StanzaError("service-unavailable", text="nobody reads messages here")
            return
        if to.domain != self.domain.domain:
            raise StanzaError("remote-server-not-found")
        if not to.local or to.local in self._services:
            raise StanzaError("service-unavailable")
        await self._messages.deliver(to, message)

    async def _answer(self, to: JID, iq: Stanza) -> Stanza:
        """Answer an iq. RFC 6120 §8.2.3"""
        payload = iq.payload
        if not iq.awaits_reply or payload is None or len([child for child in iq.xml if child.tag != f"{{{CLIENT}}}error"]) != 1:
            raise InvalidStanza("an iq is of type get or set and has one payload element")
        sender = self._sender(iq)
        if self.inbound.is_ours(to) and (reply := await self.inbound.answer(iq)) is not None:
            return reply
        entity = self._entity(to)
        answer = await entity.answer(Request(iq.type, payload, sender, to, self._administers(sender)))
        return iq.reply() if answer is None else iq.reply(answer)

    def _entity(self, to: JID) -> Entity:
        """Whom an address belongs to. RFC 6121 §8"""
        if self.inbound.is_ours(to):
            return self._gateway
        if to.domain != self.domain.domain:
            raise StanzaError("remote-server-not-found", text=f"{to.domain} is not served here, and there are no links to other servers")
        if not to.local:
            return self._server
        service = self._services.get(to.local)
        if service is None and to.resource:
            raise StanzaError("service-unavailable", text=f"no client is connected as {to}")
        return service or self._user

    async def _expect_account(self, request: Request) -> None:
        if not await self._accounts.exists(request.to):
            raise StanzaError("service-unavailable")
