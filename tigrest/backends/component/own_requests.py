"""Stanzas of the gateway itself, from its own address."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from tigrest.backends.backend import REQUEST_TIMEOUT, UserRepository
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza


class OwnBackend(Protocol):
    """The back end that sends them, for whoever wants."""

    jid: JID
    is_tigase: bool
    software: str
    users: UserRepository

    def send(self, stanza: Stanza) -> Coroutine[Any, Any, None]:
        """Hand over a stanza."""

    def request(self, iq: Stanza, timeout: float) -> Coroutine[Any, Any, Stanza]:
        """Send an iq and wait for its reply."""


class OwnRequests:
    """Sends iqs of the gateway itself, from its own address.

    Args:
        backend: sends them.
    """

    def __init__(self, backend: OwnBackend) -> None:
        self.loop = asyncio.get_running_loop()
        self._backend = backend
        self.send = backend.send

    @property
    def is_tigase(self) -> bool:
        """Return whether the server is Tigase."""
        return self._backend.is_tigase

    @property
    def software(self) -> str:
        """Return the name of the server's software; empty when it is not known."""
        return self._backend.software

    async def request(self, iq: Stanza, timeout: float = REQUEST_TIMEOUT) -> Stanza:
        """Send an iq and wait for its reply; one with a ``from`` goes out from there, with no rights."""
        own = iq if "from" in iq.attributes else iq.with_(sender=self._backend.jid).entitled()
        return await self._backend.request(own, timeout)

    async def exists(self, jid: JID) -> bool:
        """Return whether there is an account; see :meth:`tigrest.backends.backend.UserRepository.exists`."""
        return await self._backend.users.exists(jid)
