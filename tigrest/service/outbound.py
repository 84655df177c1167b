"""Send stanzas to the XMPP server that the policy has allowed."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import itertools
import secrets
from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass

from tigrest.backends.backend import Backend
from tigrest.errors import ServerFailed
from tigrest.service.confirming import Confirmation, Confirming, Until
from tigrest.xmpp.namespaces import MESSAGE_ARCHIVE
from tigrest.xmpp.stanza import Stanza, make_stanza

_ARCHIVE = MESSAGE_ARCHIVE.encode()
_SEED_LENGTH = 22
"""Characters of base64 in which 128 bits are spelt."""


class IdSeed:
    """Source of the ids of stanzas that are sent for one request: a request with the same text gets the same ids, in the same order.

    Args:
        text: what the ids are made of.
    """

    def __init__(self, text: str) -> None:
        digest = hashlib.sha256(text.encode()).digest()
        self._prefix = base64.urlsafe_b64encode(digest)[:_SEED_LENGTH].decode()
        self._numbers = itertools.count(1)
        self.has_sent = False
        """Whether a message or presence was sent."""
        self.is_uncertain = False
        """Whether the time was up before the server confirmed something that was sent, so that nobody knows what became of it."""
        self.is_open = True
        """Whether the request goes on; tasks that it has started may outlive it, and then get ids of their own."""

    def new_id(self) -> str:
        """Make the next id."""
        return f"{self._prefix}-{next(self._numbers)}"

    def prepare(self, stanza: Stanza) -> Stanza:
        """Return a message or presence as it is sent, with an id, and note that it is."""
        self.has_sent = True
        return stanza if stanza.id else stanza.with_(id=self.new_id())


id_seed: ContextVar[IdSeed | None] = ContextVar("id_seed", default=None)
"""Source of ids for the request being served; ``None`` where any will do."""


@dataclass(frozen=True)
class ArchiveLimits:
    """Bounds the messages buffered for queries of archives: the entity that is asked decides how many it sends.

    Args:
        page_bytes: buffered for one query.
        total_bytes: buffered for all queries under way.
    """

    page_bytes: int = 16 * 1024 * 1024
    total_bytes: int = 64 * 1024 * 1024


class Outbound:
    """Sends stanzas whose ``from`` is known to be allowed. Whoever calls it has asked the policy, or is trusted.

    Args:
        backend: the connection to XMPP.
        limits: of queries of archives.
    """

    def __init__(self, backend: Backend, limits: ArchiveLimits = ArchiveLimits()) -> None:
        self.loop = asyncio.get_running_loop()
        self._backend = backend
        self._confirming = Confirming(backend)
        self.limits = limits
        """Of queries of archives."""
        self.collected = 0
        """Bytes of messages buffered for the queries of archives under way."""
        self._id_prefix, self._id_numbers = f"{secrets.token_urlsafe(8)}-", itertools.count(1)

    def send(self, stanza: Stanza) -> Awaitable[None]:
        """Send a stanza; see :meth:`tigrest.backends.backend.Backend.send`."""
        return self._backend.send(stanza if id_seed.get() is None else self.prepared(stanza))

    def send_confirmed(self, stanza: Stanza, until: Until, timeout: float) -> Awaitable[Confirmation]:
        """Send a stanza with an id and wait for its confirmation; see :meth:`tigrest.service.confirming.Confirming.send`."""
        seed = id_seed.get()
        if seed is None:
            return self._confirming.send(stanza, until, timeout)
        return self._send_noted(self.prepared(stanza), until, timeout, seed)

    async def _send_noted(self, stanza: Stanza, until: Until, timeout: float, seed: IdSeed) -> Confirmation:
        """Note if the time is up before a confirmation. A server that is known to confirm nothing says so at once."""
        began = self.loop.time()
        outcome = await self._confirming.send(stanza, until, timeout)
        if outcome.waited and outcome.confirmed is None and self.loop.time() - began > timeout / 2:  # timers may be a little early
            seed.is_uncertain = True
        return outcome

    def prepared(self, stanza: Stanza) -> Stanza:
        """Return a stanza as it is sent: for a request whose repeat has to send the same, messages and presence have an id."""
        seed = id_seed.get()
        return stanza if seed is None or not seed.is_open or stanza.kind == "iq" else seed.prepare(stanza)

    def request(self, iq: Stanza, timeout: float) -> Awaitable[Stanza]:
        """Send an iq and wait for its reply; see :meth:`tigrest.backends.backend.Backend.request`."""
        return self._backend.request(iq, timeout)

    def new_id(self) -> str:
        """Make an id for a stanza that has none: no other process makes the same, unless it repeats the request being served."""
        if (seed := id_seed.get()) is not None and seed.is_open:
            return seed.new_id()
        return f"{self._id_prefix}{next(self._id_numbers):x}"

    async def request_all(self, iq: Stanza, timeout: float) -> list[Stanza]:
        """Send an iq and wait for its reply and for the messages of an archive that come before it.

        Returns:
            The messages, if any, and the result or the error stanza as the last.

        Raises:
            ServerFailed: the messages exceed the limits.

        XEP-0313 §4.2
        """
        if not iq.mentions(_ARCHIVE):
            return [await self.request(iq, timeout)]
        page = _Page(self, self._with_queryid(iq))
        stop = self._backend.inbound.claim(page.take)
        try:
            async with page.waiting:
                reply = await self.request(page.query, timeout)
        except TimeoutError:
            whom = iq.to or "the server"
            raise ServerFailed(f"{whom} sent more messages than there is room for: ask for fewer at a time (XEP-0059 max)") from None
        finally:
            stop()
            self.collected -= page.size
        return [*page.messages, reply]

    def _with_queryid(self, query: Stanza) -> Stanza:
        """Give an archive query a ``queryid``, so that what comes for it does not mix with what comes for others. XEP-0313 §4.1"""
        element = query.payload
        if element is None or element.tag != f"{{{MESSAGE_ARCHIVE}}}query" or element.get("queryid"):
            return query
        named = copy.copy(element)
        named.set("queryid", self.new_id())
        made = make_stanza("iq", query.type, None, named).with_(**query.attributes)
        return made.entitled() if query.is_entitled else made


class _Page:
    """Buffers the messages that come for a query of an archive, within the limits.

    Args:
        outbound: counts the bytes buffered for all queries.
        query: the iq.
    """

    def __init__(self, outbound: Outbound, query: Stanza) -> None:
        self._outbound, self.query = outbound, query
        self.messages: list[Stanza] = []
        self.size = 0
        self.waiting = asyncio.timeout(None)
        """Ends the wait for the reply when a limit is exceeded."""
        self._is_full = False

    def take(self, inbound: Stanza) -> bool:
        """Buffer a message that belongs to the query; return whether it does."""
        if not _belongs(inbound, self.query):
            return False
        if self._is_full:
            return True
        size, limits = len(bytes(inbound)), self._outbound.limits
        self.size += size
        self._outbound.collected += size
        if self.size > limits.page_bytes or self._outbound.collected > limits.total_bytes:
            self._is_full = True
            self.messages.clear()
            self.waiting.reschedule(0.0)
        else:
            self.messages.append(inbound)
        return True


def _belongs(inbound: Stanza, query: Stanza) -> bool:
    """Tell whether a stanza is a result of an archive query: from whom was asked, for who asked, with the id of the query."""
    if inbound.kind != "message" or not inbound.mentions(_ARCHIVE) or inbound.attributes.get("to") != query.attributes.get("from"):
        return False
    asked = query.payload.get("queryid") if query.payload is not None else None
    found = inbound.xml.find(f"{{{MESSAGE_ARCHIVE}}}result")
    return found is not None and found.get("queryid") == asked and inbound.sender == query.to
