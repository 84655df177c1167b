"""Send stanzas for callers: every stanza that contains input of a caller passes through here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar, Unpack

from tigrest.auth.principal import Principal
from tigrest.backends.adhoc import AdHoc
from tigrest.backends.backend import REQUEST_TIMEOUT
from tigrest.backends.open_stages import OpenStages
from tigrest.concurrency.caller import while_there
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidStanza
from tigrest.service.avatars import Avatar, Avatars
from tigrest.service.confirming import CONFIRM_TIMEOUT, Confirmation, Until
from tigrest.service.outbound import Outbound
from tigrest.service.own_account import OwnAccount
from tigrest.service.policy import Policy
from tigrest.service.rooms import Places, Rooms, Speaker
from tigrest.service.rooms.settings import NICK
from tigrest.service.shares import Shares
from tigrest.service.stanzas import MessageParts, StanzaLike, message_of, stanza_of
from tigrest.service.uploads.uploads import FileBody, Uploads
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

T = TypeVar("T")

CACHE_SIZE = 1024
"""Entries of the cache of bounded services, by caller."""


@dataclass(frozen=True)
class CallerLimits:
    """Limits of each caller. The first two together are less than the link lets wait for send permits in all.

    Args:
        requests: most iqs that wait for replies.
        stanzas: most stanzas that wait for a send permit.
        uploads: most files that are uploaded at a time.
        confirmations: most stanzas that wait for their confirmation.
    """

    requests: int = 256
    stanzas: int = 400
    uploads: int = 8
    confirmations: int = 1000


@callable_from_threads
class BoundedService:
    """The service, restricted to what a caller may do. Handlers get it by ``service.for_(principal)``.

    Args:
        callers: what all callers have in common.
        principal: the caller.
    """

    def __init__(self, callers: Callers, principal: Principal) -> None:
        self._callers, self._outbound, self._policy, self.principal = callers, callers.outbound, callers.policy, principal
        self._share_of = principal.jid or str(principal)
        self.loop = callers.outbound.loop

    @cached_property
    def adhoc(self) -> AdHoc:
        """Return the ad-hoc commands (XEP-0050), as far as the caller may run them."""
        return AdHoc(_Commands(self), self._callers.stages, self._share_of)

    @cached_property
    def rooms(self) -> Rooms:
        """Return the chat rooms (XEP-0045), as the caller speaks in them: from an address of his at the gateway, under his own name.

        Raises:
            SenderNotAllowed: he has no address.
        """
        principal, callers = self.principal, self._callers
        nick = principal.jid.local if principal.jid is not None and principal.jid.local else NICK
        speaker = Speaker(self._policy.addresses.occupant_for(principal), nick, self._share_of, self._admit, callers.waiting)
        return Rooms(callers.places, speaker, callers.outbound.new_id)

    def _admit(self, stanza: Stanza) -> None:
        self._policy.require(self.principal, "send", stanza)

    def addressed(self, stanza: StanzaLike) -> Stanza:
        """Return a stanza as it is sent for the caller: from him, to himself unless it says whom it is for, with an id.

        Args:
            stanza: in any form that :meth:`tigrest.service.Service.send` takes.

        Raises:
            MalformedContent: it is JSON with an unknown key or an invalid value, which the message names.
            InvalidStanza: it is not one.
            SenderNotAllowed: its ``from`` is not his.
            NotPermitted: he may not send it; the message says why.
        """
        given, principal, policy = stanza if type(stanza) is Stanza else stanza_of(stanza), self.principal, self._policy
        attributes = given.attributes
        to = given.to or principal.jid
        if to is None:
            raise InvalidStanza("the stanza has no to")
        sender = given.sender if "from" in attributes else None
        is_admin, kind = principal.is_admin, given.kind
        addressed = given.addressed(
            sender or policy.addresses.sender_for(principal, kind, to),
            to,
            attributes.get("id") or self._outbound.new_id(),
            is_entitled=is_admin and kind == "iq",
        )
        if sender is not None or not is_admin:  # an admin may send anything from the gateway's own address
            policy.require(principal, "send", addressed)
        return addressed

    async def send(self, stanza: StanzaLike) -> None:
        """Send a stanza of the caller; nobody waits for a reply.

        Args:
            stanza: as for :meth:`addressed`.

        Raises:
            TooManyWaiting: the server does not keep up, and many stanzas of the caller wait already.
            NotConnected: there is no server now.
            Exception: as :meth:`addressed`.
        """
        addressed, share = self.addressed(stanza), self._callers.sending
        share.take(self._share_of)
        try:
            await self._outbound.send(addressed)
        finally:
            share.give_back(self._share_of)

    async def send_confirmed(self, stanza: StanzaLike, *, until: Until = "server", timeout: float = CONFIRM_TIMEOUT) -> Confirmation:
        """Send a stanza of the caller, and wait until the server has processed it or its recipient has acknowledged it.

        Args, result: as for :meth:`tigrest.service.Service.send_confirmed`.

        Raises:
            StanzaError: it bounced, e.g. as there is no such user.
            TooManyWaiting: he waits for as many as he may already.
            CallerGone: he does not wait any more; it was sent nevertheless.
            NotConnected: there is no server now, or it went away before the confirmation; the message says which.
            Exception: as :meth:`addressed`.
        """
        addressed, share = self.addressed(stanza), self._callers.confirming
        share.take(self._share_of)
        try:
            return await while_there(self._outbound.send_confirmed(addressed, until, timeout))
        finally:
            share.give_back(self._share_of)

    async def message(self, to: JID | str, body: str = "", **parts: Unpack[MessageParts]) -> str:
        """Send a message of the caller, and return its id.

        Args:
            to: recipient.
            body: text; may be left out where there is something else.
            parts: as for :meth:`tigrest.service.Service.message`. Without ``from_`` it is from the caller.

        Raises:
            Exception: as :meth:`addressed` and :meth:`send`.
        """
        parts["id"] = parts.get("id") or self._outbound.new_id()
        stanza = message_of(to, body, parts)
        await self.send(stanza)
        return stanza.id

    async def request(self, iq: StanzaLike, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq of the caller and wait for its reply, as long as he waits for it.

        Args:
            iq: of type get or set, as for :meth:`addressed`.
            timeout: seconds to wait, above 0.

        Returns:
            The result or the error stanza.

        Raises:
            TooManyWaiting: he waits for as many as he may already.
            CallerGone: he does not wait any more.
            Exception: as :meth:`addressed` and :meth:`tigrest.service.Service.request`.
        """
        given = iq if type(iq) is Stanza else stanza_of(iq)
        if self._callers.own.concerns(self.principal, given) and (reply := await self._to_own_account(given, timeout)) is not None:
            return reply
        return await self._wait_for(self._outbound.request, self._asking(given), timeout)

    async def request_all(self, iq: StanzaLike, timeout: float = REQUEST_TIMEOUT) -> list[Stanza]:
        """Send an iq of the caller and wait for its reply and for the messages of an archive that come before it.

        Args, raised errors: as :meth:`request`; result: as :meth:`tigrest.service.Service.request_all`.
        """
        given = iq if type(iq) is Stanza else stanza_of(iq)
        if self._callers.own.concerns(self.principal, given) and (reply := await self._to_own_account(given, timeout)) is not None:
            return [reply]
        return await self._wait_for(self._outbound.request_all, self._asking(given), timeout)

    async def _to_own_account(self, iq: Stanza, timeout: float) -> Stanza | None:
        """Have an iq to the caller's own account made in his name, as far as the server grants that; ``None`` where it does not."""
        own, principal = self._callers.own, self.principal
        if password := own.new_password(principal, iq):
            return await self._wait_for(lambda asked, _: own.set_password(principal, asked, password), iq, timeout)
        owner = principal.jid
        if owner is None or not own.is_granted(principal, iq):
            return None
        asked = self._asking(iq.with_(sender=None))
        return await self._wait_for(lambda asked, timeout: own.request(owner, asked, timeout), asked, timeout)

    async def command(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq about ad-hoc commands as the one who may run them: the caller himself, or the gateway for its admins.

        Raises:
            NotPermitted: the caller may not run the commands of the one who is asked.
            Exception: as :meth:`request`.
        """
        to = iq.to or self.principal.jid
        assert to is not None  # AdHoc says whom it asks
        self._policy.require(self.principal, "command", to)
        asked = iq.with_(sender=self._policy.addresses.commander_for(self.principal, to))
        return await self._wait_for(self._outbound.request, asked.entitled() if self.principal.is_admin else asked, timeout)

    async def set_avatar(self, owner: JID | str, data: bytes) -> Avatar:
        """Publish an avatar: the caller's own, or anybody's for an admin.

        Args, raised errors: as :meth:`tigrest.service.avatars.Avatars.set`, and

        Raises:
            NotPermitted: it is somebody else's.
        """
        bare = JID(owner).bare
        self._policy.require(self.principal, "act_as", bare)
        return await self._callers.avatars.set(bare, data)

    async def upload(self, name: str, size: int, content_type: str, chunks: FileBody) -> str:
        """Upload a file for the caller, as long as he waits for it, and return the URL at which it is then.

        The slot is asked for from his address at the gateway, so that a server counts what each of them uploads.

        Args:
            name, size, content_type, chunks: as for :meth:`tigrest.service.Service.upload`.

        Raises:
            TooManyWaiting: he uploads as many files as he may already.
            CallerGone: he does not wait any more.
            Exception: as :meth:`addressed` and :meth:`tigrest.service.Service.upload`.
        """
        share = self._callers.uploading
        share.take(self._share_of)
        try:
            return await while_there(self._callers.uploads.upload(self, name, size, content_type, chunks))
        finally:
            share.give_back(self._share_of)

    def _asking(self, given: Stanza) -> Stanza:
        if not given.awaits_reply:
            raise InvalidStanza(f"a {given.kind} is sent with type get or set to be answered, this one has {given.type or 'none'!r}")
        return self.addressed(given)

    async def _wait_for(self, ask: Callable[[Stanza, float], Awaitable[T]], iq: Stanza, timeout: float) -> T:
        """Wait for a reply, within the caller's share and as long as he is there.

        Raises:
            CallerGone: he has gone.
        """
        share = self._callers.waiting
        share.take(self._share_of)
        try:
            return await while_there(ask(iq, timeout))
        finally:
            share.give_back(self._share_of)


class Callers:
    """State shared by all callers: outbound stanzas, policy, and the limit of each on what waits.

    Args:
        outbound: sends what is allowed.
        policy: who may do what.
        avatars: publishes avatars.
        uploads: uploads files.
        limits: of each caller.
        stages: remembers the forms of commands that callers go on with.
        own: makes iqs of callers to their own accounts.
        places: of ours in rooms.
    """

    def __init__(
        self,
        outbound: Outbound,
        policy: Policy,
        avatars: Avatars,
        uploads: Uploads,
        limits: CallerLimits,
        stages: OpenStages,
        own: OwnAccount,
        places: Places,
    ) -> None:
        self.outbound, self.policy, self.avatars, self.uploads, self.stages, self.own = outbound, policy, avatars, uploads, stages, own
        self.places = places
        self.waiting = Shares(limits.requests, "requests")
        """Replies that callers wait for."""
        self.sending = Shares(limits.stanzas, "stanzas")
        """Stanzas of callers that wait for the server to take them."""
        self.uploading = Shares(limits.uploads, "uploads")
        """Files that callers upload."""
        self.confirming = Shares(limits.confirmations, "confirmations")
        """Stanzas whose confirmations callers wait for."""
        self.of = lru_cache(maxsize=CACHE_SIZE)(self._of)
        """Return the service as a caller may use it."""

    def _of(self, principal: Principal) -> BoundedService:
        return BoundedService(self, principal)


class _Commands:
    """Sends the iqs of ad-hoc commands for a caller."""

    def __init__(self, caller: BoundedService) -> None:
        self.loop = caller.loop
        self._caller = caller

    async def request(self, iq: Stanza, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq and wait for its reply."""
        return await self._caller.command(iq, timeout)
