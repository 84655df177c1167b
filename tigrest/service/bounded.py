"""What a caller may make the gateway do: every stanza that he had a hand in goes through here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import cached_property
from typing import Any, Protocol, TypeVar

from tigrest.adhoc import AdHoc
from tigrest.auth.principal import Principal
from tigrest.avatars import Avatar, Avatars
from tigrest.errors import CallerGone, InvalidStanza
from tigrest.jid import JID
from tigrest.service.policy import Policy
from tigrest.service.shares import Shares
from tigrest.stanza import Stanza
from tigrest.threads import callable_from_threads

T = TypeVar("T")

WAITING = 256
"""Iqs of one caller that may wait for their replies."""

SENDING = 512
"""Stanzas of one caller that may wait for the server to take them."""


class Waiting(Protocol):
    """Whoever waits for the answer to the request being served."""

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Call something once if he goes away before the answer is complete."""

    def off_gone(self, callback: Callable[[], object]) -> None:
        """Do not call it any more."""


waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)
"""Who waits for the answer to the request being served; ``None`` where it cannot be known whether he still does."""


class Trusted(Protocol):
    """What sends whatever it is given: the service of scripts."""

    loop: asyncio.AbstractEventLoop
    policy: Policy
    avatars: Avatars
    waiting: Shares
    sending: Shares

    def new_id(self) -> str:
        """Make an id for a stanza that has none."""

    async def send(self, stanza: Any) -> None:
        """Send a stanza."""

    async def request(self, iq: Any, timeout: float = ...) -> Stanza:
        """Send an iq and wait for its reply."""

    async def request_all(self, iq: Any, timeout: float = ...) -> list[Stanza]:
        """Send an iq and wait for its reply and what comes before it."""


@callable_from_threads
class BoundedService:
    """The service, bounded by what a caller may do. Handlers get it by ``service.for_(principal)``.

    Args:
        service: sends what is allowed.
        principal: the caller.
    """

    def __init__(self, service: Trusted, principal: Principal) -> None:
        self._service, self._policy, self.principal = service, service.policy, principal
        self.loop = service.loop

    @cached_property
    def adhoc(self) -> AdHoc:
        """Ad-hoc commands (XEP-0050), as far as the caller may run them."""
        return AdHoc(_Commands(self))

    def addressed(self, stanza: Any) -> Stanza:
        """Return a stanza as it is sent for the caller: from him, to himself unless it says whom it is for, with an id.

        Args:
            stanza: in any form that :meth:`tigrest.service.Service.send` takes.

        Raises:
            InvalidStanza: it is not one.
            SenderNotAllowed: its ``from`` is not his.
            NotPermitted: he may not send it; the message says why.
        """
        given, principal = Stanza.of(stanza), self.principal
        sender = given.sender or self._policy.sender_for(principal, given.kind)
        addressed = given.with_(sender=sender, to=given.to or principal.jid, id=given.id or self._service.new_id())
        self._policy.require(principal, "send", addressed)
        return addressed

    async def send(self, stanza: Any) -> None:
        """Send a stanza of the caller; nobody waits for a reply.

        Args:
            stanza: as for :meth:`addressed`.

        Raises:
            TooManyWaiting: the server does not keep up, and many stanzas of the caller wait already.
            NotConnected: there is no server now.
            Exception: as :meth:`addressed`.
        """
        addressed = self.addressed(stanza)
        with self._service.sending.of(self.principal):
            await self._service.send(addressed)

    async def request(self, iq: Any, timeout: float = 30.0) -> Stanza:
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
        addressed = self._asking(iq)
        return await self._wait_for(lambda: self._service.request(addressed, timeout))

    async def request_all(self, iq: Any, timeout: float = 30.0) -> list[Stanza]:
        """Send an iq of the caller and wait for its reply and for the messages of an archive that come before it.

        Args, raised errors: as :meth:`request`; result: as :meth:`tigrest.service.Service.request_all`.
        """
        addressed = self._asking(iq)
        return await self._wait_for(lambda: self._service.request_all(addressed, timeout))

    async def command(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq about ad-hoc commands as the one who may run them: the caller himself, or the gateway for its admins.

        Raises:
            NotPermitted: the caller may not run the commands of the one who is asked.
            Exception: as :meth:`request`.
        """
        self._policy.require(self.principal, "command", iq.to)
        stanza = iq.with_(sender=self._policy.commander_for(self.principal))
        return await self._wait_for(lambda: self._service.request(stanza, timeout))

    async def set_avatar(self, owner: JID | str, data: bytes) -> Avatar:
        """Publish an avatar: the caller's own, or anybody's for an admin.

        Args, raised errors: as :meth:`tigrest.avatars.Avatars.set`, and

        Raises:
            NotPermitted: it is somebody else's.
        """
        bare = JID(owner).bare
        self._policy.require(self.principal, "act_as", bare)
        return await self._service.avatars.set(bare, data)

    def _asking(self, iq: Any) -> Stanza:
        given = Stanza.of(iq)
        if not given.awaits_reply:
            raise InvalidStanza(f"a {given.kind} is sent with type get or set to be answered, this one has {given.type or 'none'!r}")
        return self.addressed(given)

    async def _wait_for(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for a reply, within the caller's share and as long as he is there."""
        with self._service.waiting.of(self.principal):
            caller = waiting.get()
            return await work() if caller is None else await _while_there(work, caller)


async def _while_there(work: Callable[[], Awaitable[T]], caller: Waiting) -> T:
    """Wait for something until the caller goes away.

    Raises:
        CallerGone: he has gone.
    """
    task = asyncio.current_task()
    assert task is not None
    has_gone = False

    def leave() -> None:
        nonlocal has_gone
        has_gone = True
        task.cancel()

    caller.on_gone(leave)
    try:
        return await work()
    except asyncio.CancelledError:
        if has_gone and task.uncancel() == 0:
            raise CallerGone("the caller has gone away") from None
        raise
    finally:
        caller.off_gone(leave)


class _Commands:
    """Sends the iqs of ad-hoc commands for a caller."""

    def __init__(self, caller: BoundedService) -> None:
        self.loop = caller.loop
        self._caller = caller

    async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
        """Send an iq and wait for its reply."""
        return await self._caller.command(iq, timeout)
