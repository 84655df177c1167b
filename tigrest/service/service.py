"""Access to XMPP: the :class:`Service` that scripts get."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Unpack

from tigrest.auth.principal import Principal
from tigrest.backends.adhoc import AdHoc
from tigrest.backends.admin_commands import AdminCommands
from tigrest.backends.backend import REQUEST_TIMEOUT, Backend, UserRepository
from tigrest.backends.open_stages import OpenStages
from tigrest.concurrency.tasks import TaskSet
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import ScriptSenderInvalid, ScriptStanzaInvalid, TigrestError
from tigrest.observability.places import place_of
from tigrest.service.avatars import Avatars, AvatarSettings
from tigrest.service.bosh import BoshEndpoint
from tigrest.service.bounded import BoundedService, CallerLimits, Callers
from tigrest.service.confirming import CONFIRM_TIMEOUT, Confirmation, Until
from tigrest.service.outbound import ArchiveLimits, Outbound
from tigrest.service.own_account import OwnAccount
from tigrest.service.policy import Policy
from tigrest.service.rooms import Places, RoomLimits, Rooms, Speaker
from tigrest.service.rooms.places import GATEWAY_OWNER
from tigrest.service.rooms.settings import NICK
from tigrest.service.stanzas import MessageParts, StanzaLike, blaming_script, message_of, stanza_of
from tigrest.service.uploads.services import UploadServices
from tigrest.service.uploads.storage import Storage
from tigrest.service.uploads.uploads import FileBody, TakesFiles, Uploads
from tigrest.xmpp.jid import JID
from tigrest.xmpp.presence import StatusOutcome, UserStatus
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

reply_failed: ContextVar[Callable[[BaseException], None] | None] = ContextVar("reply_failed", default=None)
"""Called with what a callback given to :meth:`Service.sendPacket` raised: fails the request that waits for its result."""


@callable_from_threads
class Service:
    """Access to XMPP for scripts. Every method works from ``async def`` (await it) and from worker threads (it blocks).

    It does what it is told, with the rights of the gateway, since the administrator wrote the script. Whatever a caller had a hand in
    goes through :meth:`for_`.

    Args:
        backend: the way to XMPP.
        policy: who may do what.
        avatars: what the administrator decides about avatars; the defaults when ``None``.
        archives: limits of queries of archives; the defaults when ``None``.
        callers: limits of each caller; the defaults when ``None``.
        stages: remembers the sessions of ad-hoc commands; of its own when ``None``. Whoever gives it stops it.
        storage: takes the files that are uploaded; by HTTP when ``None``.
        rooms: limits of what the gateway does in rooms; the defaults when ``None``.
    """

    def __init__(
        self,
        backend: Backend,
        policy: Policy,
        *,
        avatars: AvatarSettings | None = None,
        archives: ArchiveLimits | None = None,
        callers: CallerLimits | None = None,
        stages: OpenStages | None = None,
        storage: TakesFiles | None = None,
        rooms: RoomLimits | None = None,
    ) -> None:
        self._backend = backend
        self.policy = policy
        """The rules that :meth:`for_` applies to what callers send."""
        self.loop = asyncio.get_running_loop()
        stages = OpenStages() if stages is None else stages
        self.adhoc = AdHoc(self, stages)
        """Ad-hoc commands (XEP-0050): list and execute."""
        self.admin_commands = AdminCommands(self.adhoc, backend.domain)
        """The commands of the served domain for administrators (XEP-0133)."""
        self.avatars = Avatars(self, avatars or AvatarSettings())
        """Avatars (XEP-0084, XEP-0153, XEP-0292): get and set."""
        self._outbound = Outbound(backend, archives or ArchiveLimits())
        self._uploads = Uploads(self, UploadServices(self, backend.domain, backend.jid), storage or Storage())
        own = OwnAccount(backend, policy)
        self.places = Places(self._outbound, policy, rooms or RoomLimits())
        """Our places in rooms; started and stopped by the gateway."""
        self.rooms = Rooms(self.places, Speaker(policy.addresses.room_owner, NICK, GATEWAY_OWNER, lambda _: None), self._outbound.new_id)
        """Chat rooms (XEP-0045): enter, speak, look who is there."""
        self._callers = Callers(self._outbound, policy, self.avatars, self._uploads, callers or CallerLimits(), stages, own, self.places)
        self._bosh: BoshEndpoint | None = None
        self._callbacks = TaskSet()

    @property
    def jid(self) -> JID:
        """Return our own address."""
        return self._backend.jid

    @property
    def domain(self) -> JID:
        """Return the domain whose users are served."""
        return self._backend.domain

    @property
    def room_owner(self) -> JID:
        """Return the address of ours that owns the rooms which the gateway makes (XEP-0045); no user may send from it."""
        return self.policy.addresses.room_owner

    @property
    def connected(self) -> bool:
        """Return whether the XMPP server is connected."""
        return self._backend.connected

    @property
    def users(self) -> UserRepository:
        """Return the accounts of the domain."""
        return self._backend.users

    @property
    def bosh(self) -> BoshEndpoint | None:
        """Return the endpoint that opens BOSH sessions for users; ``None`` where the server does that itself, and on the embedded one."""
        return None if self._backend.opens_bosh else self._bosh

    @bosh.setter
    def bosh(self, endpoint: BoshEndpoint | None) -> None:
        self._bosh = endpoint

    def for_(self, principal: Principal) -> BoundedService:
        """Return the service as a caller may use it: his stanzas, from him, within his rights.

        Args:
            principal: the caller, as handlers get him in their argument ``principal``.
        """
        return self._callers.of(principal)

    def is_admin(self, jid: JID | str | None) -> bool:
        """Tell whether an address has the role admin (``[auth] admins``)."""
        return self.policy.is_admin(jid)

    def address_of(self, user: JID) -> JID:
        r"""Return the address at the gateway that is a user's own.

        ``alice@example.org`` has ``alice@http.example.org``. Who is not of the served domain has his whole address as local part,
        ``robot\40example.net@http.example.org``. Nobody shares one with another user, unless our own address has a local part:
        then that is everybody's.

        Args:
            user: of the served domain or not; a resource does not matter.

        Raises:
            InvalidJID: the local part would be longer than 1023 bytes.

        XEP-0106
        """
        return self.policy.addresses.address_of(user)

    def new_id(self) -> str:
        """Make an id for a stanza that has none: no other process makes the same."""
        return self._outbound.new_id()

    async def send(self, stanza: StanzaLike) -> None:
        """Send a stanza; nobody waits for a reply.

        Args:
            stanza: a dict of its keys in JSON, XML as text, bytes or an ElementTree element, a slixmpp stanza or a :class:`Stanza`. Without
                ``from`` it is from us.

        Raises:
            ScriptStanzaInvalid: it is not one. It is an ``InvalidStanza`` too.
            ScriptSenderInvalid: its ``from`` may not be used. It is a ``SenderNotAllowed`` too.
            NotConnected: there is no server now.
        """
        await self._outbound.send(self._from_us(self._own(stanza)))

    async def send_confirmed(self, stanza: StanzaLike, *, until: Until = "server", timeout: float = CONFIRM_TIMEOUT) -> Confirmation:
        """Send a stanza, and wait until the server has processed it or its recipient has acknowledged it.

        Args:
            stanza: in any form that :meth:`send` takes. Without an id it gets one.
            until: what to wait for: ``server``, or ``receipt`` for a receipt of the recipient, which a message is made to ask for.
            timeout: seconds to wait.

        Returns:
            What is known: see :class:`~tigrest.service.confirming.Confirmation`.

        Raises:
            StanzaError: it bounced, e.g. as there is no such user.
            NotConnected: there is no server now, or it went away before the confirmation; the message says which.
            Exception: as :meth:`send`.

        XEP-0184
        """
        given = self._own(stanza)
        named = self._from_us(given if given.id else given.with_(id=self.new_id()))
        return await self._outbound.send_confirmed(named, until, timeout)

    async def message(self, to: JID | str, body: str = "", **parts: Unpack[MessageParts]) -> str:
        """Send a message, and return its id.

        Args:
            to: recipient.
            body: text; may be left out where there is something else.
            parts: see :class:`~tigrest.service.stanzas.MessageParts`: ``type`` (by default ``chat``), ``subject``, ``thread``, ``from_``,
                ``html``, ``url``, ``id``, ``lang``, …; and every other key of messages in JSON.

        Raises:
            ScriptStanzaInvalid: a part is unknown or has an invalid value; the message names it. It is an ``InvalidStanza`` too.
            ScriptSenderInvalid: ``from_`` may not be used. It is a ``SenderNotAllowed`` too.
            NotConnected: there is no server now.
        """
        parts["id"] = parts.get("id") or self.new_id()
        stanza = blaming_script(message_of, to, body, parts)
        await self._outbound.send(self._from_us(stanza))
        return stanza.id

    async def request(self, iq: StanzaLike, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq and wait for its reply.

        Args:
            iq: of type get or set, in any form that :meth:`send` takes. Without ``from`` it is from us.
            timeout: seconds to wait, above 0.

        Returns:
            The result or the error stanza; ``.raise_error()`` turns the latter into an exception.

        Raises:
            ScriptStanzaInvalid: it is not an iq of type get or set. It is an ``InvalidStanza`` too.
            ScriptSenderInvalid: its ``from`` may not be used.
            NotConnected: there is no server, or it went away before the reply.
            StanzaTimeout: no reply in time.
        """
        stanza = self._own(iq)
        if not stanza.awaits_reply:
            raise ScriptStanzaInvalid(
                f"a {stanza.kind} of type {stanza.type or 'none'!r} has no reply: request() takes an iq of type get or set"
            )
        return await self._backend.request(self._from_us(stanza), timeout)

    async def request_all(self, iq: StanzaLike, timeout: float = REQUEST_TIMEOUT) -> list[Stanza]:
        """Send an iq and wait for its reply and for the messages of an archive that come before it.

        Args:
            iq: as for :meth:`request`.
            timeout: seconds to wait, above 0.

        Returns:
            The messages, if any, and the result or the error stanza as the last.

        Raises:
            Exception: as :meth:`request`.

        XEP-0313 §4.2
        """
        return await self._outbound.request_all(self._from_us(self._own(iq)), timeout)

    async def request_as(self, owner: JID | str, iq: StanzaLike, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq in the name of a user and wait for its reply. The script has decided that this is right.

        Args:
            owner: the user.
            iq: of type get or set, in any form that :meth:`send` takes; its ``from`` does not matter.
            timeout: seconds to wait, above 0.

        Raises:
            NotSupported: the server does not let us; the message says what to grant.
            Exception: as :meth:`request`.

        XEP-0356 §6
        """
        return await self._backend.request_as(JID(owner).bare, self._own(iq).with_(sender=None), timeout)

    async def upload(self, name: str, size: int, content_type: str, chunks: FileBody) -> str:
        """Upload a file to the storage of the XMPP server, and return the URL at which it is then.

        Args:
            name: of the file; folders and what could mislead are left out.
            size: in bytes, above 0.
            content_type: its media type; empty for the usual one for its name.
            chunks: the file: bytes, or what gives its parts (``async for``), which are not all kept at a time.

        Raises:
            Exception: as :meth:`tigrest.service.uploads.Uploads.upload`.

        XEP-0363
        """
        return await self._uploads.upload(self, name, size, content_type, chunks)

    def delegation_trouble(self, type: str, namespace: str) -> str:
        """Return why the server does not let :meth:`request_as` send iqs of a type and namespace; empty when it lets.

        Args:
            type: get or set.
            namespace: of the payload, e.g. ``jabber:iq:roster``.
        """
        return self._backend.delegation_trouble(type, namespace)

    def sendPacket(
        self, packet: StanzaLike, timeout: float | None = None, callback: Callable[[Stanza | None], object] | None = None
    ) -> None:
        """Send a stanza the way Tigase's scripts do; works from any thread, never blocks.

        Args:
            packet: as for :meth:`send`.
            timeout: seconds to wait for the reply; ``None`` or negative for 30.
            callback: called on the event loop with the reply, or with ``None`` when there is none in time. Without it
                nobody waits.

        Raises:
            ScriptStanzaInvalid: it is not a stanza. It is an ``InvalidStanza`` too.
            ScriptSenderInvalid: its ``from`` may not be used.

        Tigase HTTP API guide §2.1.2 (service)
        """
        stanza = self._outbound.prepared(self._from_us(self._own(packet)))
        seconds = REQUEST_TIMEOUT if timeout is None or timeout < 0 else timeout
        self.loop.call_soon_threadsafe(self._spawn, stanza, seconds, callback)

    def _spawn(self, stanza: Stanza, timeout: float, callback: Callable[[Stanza | None], object] | None) -> None:
        self._callbacks.start(self._deliver(stanza, timeout, callback))

    async def _deliver(self, stanza: Stanza, timeout: float, callback: Callable[[Stanza | None], object] | None) -> None:
        reply: Stanza | None = None
        try:
            if callback is None or not stanza.awaits_reply:
                await self._backend.send(stanza)
            else:
                reply = await self._backend.request(stanza, timeout)
        except TigrestError as error:
            log.warning("sendPacket%s: %s", f" for {place_of(callback)}" if callback is not None else "", error)
        if callback is not None and (failure := _failure_of(callback, reply)) is not None:
            log.error("%s, the callback given to sendPacket, failed", place_of(callback), exc_info=failure)
            if (tell := reply_failed.get()) is not None:
                tell(failure)

    async def check_credentials(self, jid: JID | str, password: str) -> bool:
        """Check a password against the XMPP server, every time anew.

        Raises:
            InvalidJID: not an address.
            NotConnected: the server cannot be asked.
        """
        return await self._backend.check_credentials(JID(jid).bare, password)

    async def set_status(self, status: UserStatus) -> StatusOutcome:
        """Show the presence of a user at a resource that no client of his holds, or take it back."""
        return await self._backend.set_presence(status)

    def _own(self, given: StanzaLike) -> Stanza:
        return given if type(given) is Stanza else blaming_script(stanza_of, given)

    def _from_us(self, stanza: Stanza) -> Stanza:
        sender = stanza.sender
        if sender is None:
            own = stanza.with_(sender=self.jid)
            return own.entitled() if stanza.kind == "iq" else own
        if not self.policy.addresses.may_send_from(sender):
            raise ScriptSenderInvalid(self.policy.cure_for(sender))
        return stanza.entitled() if stanza.kind == "iq" else stanza


def _failure_of(callback: Callable[[Stanza | None], object], reply: Stanza | None) -> Exception | None:
    """Call a callback of a script, and return what it raises, or what is wrong with what it returns."""
    try:
        returned = callback(reply)
    except Exception as error:
        return error
    except (SystemExit, KeyboardInterrupt) as error:  # it would end the event loop
        failure = RuntimeError(f"the callback raises {type(error).__name__}")
        failure.__cause__ = error
        return failure
    if inspect.iscoroutine(returned):
        returned.close()  # else Python warns of it, some time later
        return TypeError("the callback is a coroutine function, which nobody awaits: write def, or await service.request()")
    return None
