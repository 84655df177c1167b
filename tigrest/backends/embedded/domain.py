"""The embedded domain: routes stanzas to its entities, and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tigrest.backends.backend import LoginPort, UserRepository
from tigrest.backends.embedded.accounts import EmbeddedAccounts
from tigrest.backends.embedded.administration import Administration
from tigrest.backends.embedded.files import EmbeddedFiles
from tigrest.backends.embedded.messages import OfflineMessages
from tigrest.backends.embedded.pep import FEATURES, PersonalEvents
from tigrest.backends.embedded.presences import Presences
from tigrest.backends.embedded.room_iqs import rooms_entity
from tigrest.backends.embedded.rooms import EmbeddedRooms
from tigrest.backends.embedded.session_manager import SessionManager
from tigrest.backends.embedded.settings import EmbeddedSettings
from tigrest.backends.embedded.tables import EMBEDDED
from tigrest.backends.embedded.vcards import VCards
from tigrest.backends.embedded.vhost_manager import VHostManager
from tigrest.backends.entities.answering import Answering
from tigrest.backends.entities.commands import AdHocCommands, SessionCommands
from tigrest.backends.entities.entity import DiscoIdentity, Entity
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.backends.entities.self_description import SelfDescription
from tigrest.backends.inbound import Inbound
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import ConfigError, InvalidStanza, InvalidValue, NotConnected, StanzaError, StanzaTimeout, StorageUnavailable
from tigrest.passwords import Passwords
from tigrest.state.database import Database
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import RESPONSES
from tigrest.xmpp.namespaces import VCARD4_NODE
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

SESSION_MANAGER = "sess-man"
VHOST_MANAGER = "vhost-man"


class EmbeddedDomain:
    """One XMPP domain inside the process: a :class:`~tigrest.backends.backend.Backend` that needs no server.

    Args:
        settings: its addresses, accounts and limits.
        administers: tells whether an address may run commands and act for others.
        database: where all state is stored; started here, stopped by its owner.
        passwords: hashes and verifies; closed by its owner.
        inbound: gets the stanzas that come in for our own addresses.
        files: takes files, at an address below the domain; started and stopped here. No files are taken when ``None``.
    """

    def __init__(
        self,
        settings: EmbeddedSettings,
        *,
        administers: Callable[[JID], bool],
        database: Database,
        passwords: Passwords,
        inbound: Inbound | None = None,
        files: EmbeddedFiles | None = None,
    ) -> None:
        self.jid, self.domain, self._limits = settings.jid, settings.domain, settings.limits
        self.inbound = inbound or Inbound(self.jid)
        self.created = False
        """After the start: whether there were no accounts in the database before."""
        self._database, self._files = database, files
        self._configured = dict(settings.accounts)
        self._connected = False
        self._link_watchers: list[Callable[[bool], None]] = []
        self._running = TaskSet(logs=False)
        self._accounts = EmbeddedAccounts(self.domain, (SESSION_MANAGER, VHOST_MANAGER), database, passwords)
        self.users: UserRepository = self._accounts
        self.login_port: LoginPort | None = None
        self._presences = Presences(database)
        self._messages = OfflineMessages(database, self._limits.messages)
        self._vhosts = VHostManager(self.domain, database)
        self._rooms = EmbeddedRooms(self.domain, self.inbound, self._limits.occupants)
        self._room_service = rooms_entity(self._rooms)
        description = SelfDescription()
        self._build_entities(description)
        self._answering = Answering(description, self.inbound, administers, self._entity)

    def _build_entities(self, description: SelfDescription) -> None:
        events = PersonalEvents(self._database, self._limits.pep)
        sessions = SessionManager(self.domain, self._presences, self._database, self._accounts.tell)
        administration = Administration(self._accounts, self._presences, self._messages)
        services = {SESSION_MANAGER: "Session manager", VHOST_MANAGER: "VHost manager"}
        self._server = Entity(
            DiscoIdentity("server", "im", "tigrest"),
            answers=description.answers,
            features=("msgoffline",),
            items=self._items(services),
            commands=[SessionCommands(administration.commands, self._limits.command_sessions)],
        )
        self._services = {
            SESSION_MANAGER: Entity(DiscoIdentity("component", "sm", services[SESSION_MANAGER]), commands=[sessions.commands]),
            VHOST_MANAGER: Entity(DiscoIdentity("component", "generic", services[VHOST_MANAGER]), commands=[self._vhosts.commands]),
        }
        self._user = Entity(
            DiscoIdentity("account", "registered"),
            DiscoIdentity("pubsub", "pep"),
            answers={**VCards(self._database, events).answers, **events.answers},
            features=(*FEATURES, VCARD4_NODE),
            check=self._expect_account,
        )

    def _items(self, services: dict[str, str]) -> tuple[tuple[JID, str], ...]:
        listed = tuple((JID.of(local, self.domain.domain), name) for local, name in services.items())
        files = () if self._files is None else ((self._files.jid, "Files"),)
        return (*listed, (self._rooms.jid, "Rooms"), *files)

    @property
    def connected(self) -> bool:
        """Return whether it was started and not stopped."""
        return self._connected

    async def start(self) -> None:
        """Create the tables and the accounts that are missing.

        Raises:
            ConfigError: the database cannot be used, or an account cannot be one of this domain.
        """
        self._accounts.loop = asyncio.get_running_loop()
        await self._database.start(EMBEDDED)
        try:
            self.created = await self._accounts.ensure(self._configured)
        except InvalidValue as error:
            raise ConfigError(f"[[embedded.accounts]]: {error}") from None
        await self._vhosts.start()
        if self._files is not None:
            await self._files.start()
        self._connected = True
        for changed in self._link_watchers:
            changed(True)
        log.info("embedded domain %s started, %d accounts", self.domain, len(await self._accounts.list()))

    async def stop(self) -> None:
        """End the requests that run. The database and the passwords stay open for their owner to close."""
        if not self._connected:
            return
        self._connected = False
        await self._running.stop()
        if self._files is not None:
            await self._files.stop()
        log.info("embedded domain %s stopped", self.domain)

    async def send(self, stanza: Stanza) -> None:
        """Process a stanza; an error reply to it is dropped. See :meth:`tigrest.backends.backend.Backend.send`."""
        task = self._spawn(stanza)
        await asyncio.wait({task})
        reply = None if task.cancelled() else task.result()
        if reply is not None and (error := reply.error) is not None:
            log.debug("a %s to %s bounced: %s", stanza.kind, stanza.attributes.get("to"), error.condition)

    async def send_confirmed(self, stanza: Stanza, timeout: float) -> None:
        """Process a stanza, and raise the error reply to it; see :meth:`tigrest.backends.backend.Backend.send_confirmed`."""
        task = self._spawn(stanza)
        await asyncio.wait({task}, timeout=timeout)
        if not task.done():
            raise StanzaTimeout(f"the embedded domain has not processed the stanza within {timeout:g} s; it goes on with it")
        if task.cancelled():
            raise NotConnected("the embedded domain was stopped")
        if (reply := task.result()) is not None and not stanza.awaits_reply:
            reply.raise_error()

    def learns_bounces(self, sender: JID) -> bool:
        """Return true, as all errors are made here; see :meth:`tigrest.backends.backend.Backend.learns_bounces`."""
        return True

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Answer an iq; see :meth:`tigrest.backends.backend.Backend.request`."""
        task = self._spawn(iq)
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

    def delegation_trouble(self, type: str, namespace: str) -> str:
        """Return what accounts here do not answer; see :meth:`tigrest.backends.backend.Backend.delegation_trouble`."""
        if self._user.answers(type, namespace):
            return ""
        return f"{self.domain} has no {namespace} for its users (iqs of type {type})"

    async def check_credentials(self, jid: JID, password: str) -> bool:
        """Check a password; see :meth:`tigrest.backends.backend.Backend.check_credentials`."""
        self._expect_connected()
        return await self._accounts.verify(jid, password)

    async def set_presence(self, presence: UserStatus) -> StatusOutcome:
        """Show a user as online at a resource, or take it back; see :meth:`tigrest.backends.backend.Backend.set_presence`."""
        self._expect_connected()
        return await self._presences.set(presence)

    @property
    def opens_bosh(self) -> bool:
        """Return false, as there is no BOSH here; see :meth:`tigrest.backends.backend.Backend.opens_bosh`."""
        return False

    def offer(self, *groups: AdHocCommands) -> None:
        """Offer commands at our own address; see :meth:`tigrest.backends.backend.Backend.offer`."""
        self._answering.offer(*groups)

    def on_link(self, changed: Callable[[bool], None]) -> None:
        """Add a callback for the start; see :meth:`tigrest.backends.backend.Backend.on_link`."""
        self._link_watchers.append(changed)

    def on_account_change(self, changed: Callable[[JID], None]) -> None:
        """Add a callback for accounts that change; see :meth:`tigrest.backends.backend.Backend.on_account_change`."""
        self._accounts.watchers.append(changed)

    def _spawn(self, stanza: Stanza) -> asyncio.Task[Stanza | None]:
        """Process a stanza in a task of its own: as on a server, it goes on when the caller no longer waits."""
        self._expect_connected()
        return self._running.start(self._process(stanza.prepared()))

    def _expect_connected(self) -> None:
        if not self._connected:
            raise NotConnected("the embedded domain is not running")

    async def _process(self, stanza: Stanza) -> Stanza | None:
        """Process a stanza, and return the reply or error to send back; ``None`` when there is none."""
        if stanza.kind == "iq" and stanza.type in RESPONSES:
            return None  # no client is connected that could get it
        to = None
        try:
            to = self._recipient(stanza)
            if stanza.kind != "iq" and to.domain == self._rooms.jid.domain and not self.inbound.is_ours(to):
                self._rooms.take(stanza, to, self._sender(stanza))
                return None
            if stanza.kind == "presence":
                if self.inbound.is_ours(to):
                    self.inbound.take(stanza)
                return None
            if stanza.kind == "message":
                await self._deliver(to, stanza)
                return None
            return await self._answering.answer(stanza, to)
        except StorageUnavailable:
            raise  # the stanza was not accepted, so the caller gets the exception instead of a stanza error
        except Exception as error:
            return error_reply(stanza.with_(to=to or self.domain), as_stanza_error(error))

    def _recipient(self, stanza: Stanza) -> JID:
        """Return the address that a stanza is for: without ``to``, the account that sends it, or the server. RFC 6120 §10.3"""
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

    def _entity(self, to: JID) -> Entity:
        """Find the entity of an address that is none of ours. RFC 6121 §8"""
        if self._files is not None and to == self._files.jid:
            return self._files.entity
        if to.domain == self._rooms.jid.domain:
            return self._room_service
        if to.domain != self.domain.domain:
            raise StanzaError("remote-server-not-found", text=f"{to.domain} is not served here, and there are no links to other servers")
        if not to.local:
            return self._server
        service = self._services.get(to.local)
        if service is None and to.resource:
            raise StanzaError("service-unavailable", text=f"no client is connected as {to}")
        return service or self._user

    async def _expect_account(self, request: IqRequest) -> None:
        if not await self._accounts.exists(request.to):
            raise StanzaError("service-unavailable")
