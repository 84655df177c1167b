"""What leaves for the XMPP server, once it is known to be allowed."""

from __future__ import annotations

import asyncio
import copy
import itertools
import secrets
from collections.abc import Awaitable

from tigrest.backend import Backend
from tigrest.stanza import Stanza, make

ARCHIVE = b"urn:xmpp:mam:2"


class Outbound:
    """Sends stanzas whose ``from`` is known to be allowed. Whoever calls it has asked the policy, or is trusted.

    Args:
        backend: the way to XMPP.
    """

    def __init__(self, backend: Backend) -> None:
        self.loop = asyncio.get_running_loop()
        self._backend = backend
        self._id_prefix, self._id_numbers = f"{secrets.token_urlsafe(8)}-", itertools.count(1)

    def send(self, stanza: Stanza) -> Awaitable[None]:
        """Send a stanza; see :meth:`tigrest.backend.Backend.send`."""
        return self._backend.send(stanza)

    def request(self, iq: Stanza, timeout: float) -> Awaitable[Stanza]:
        """Send an iq and wait for its reply; see :meth:`tigrest.backend.Backend.request`."""
        return self._backend.request(iq, timeout)

    def new_id(self) -> str:
        """Make an id for a stanza that has none: no other process makes the same."""
        return f"{self._id_prefix}{next(self._id_numbers):x}"

    async def request_all(self, iq: Stanza, timeout: float) -> list[Stanza]:
        """Send an iq and wait for its reply and for the messages of an archive that come before it.

        Returns:
            The messages, if any, and the result or the error stanza as the last.

        XEP-0313 §4.2
        """
        if not iq.mentions(ARCHIVE):
            return [await self.request(iq, timeout)]
        query = self._told_apart(iq)
        messages: list[Stanza] = []

        def collect(inbound: Stanza) -> bool:
            belongs = _belongs(inbound, query)
            if belongs:
                messages.append(inbound)
            return belongs

        stop = self._backend.arrivals.claim(collect)
        try:
            reply = await self.request(query, timeout)
        finally:
            stop()
        return [*messages, reply]

    def _told_apart(self, query: Stanza) -> Stanza:
        """Give an archive query a ``queryid``, so that what comes for it does not mix with what comes for others. XEP-0313 §4.1"""
        element = query.payload
        if element is None or element.tag != f"{{{ARCHIVE.decode()}}}query" or element.get("queryid"):
            return query
        named = copy.copy(element)
        named.set("queryid", self.new_id())
        return make("iq", query.type, None, named).with_(**query.attributes)


def _belongs(inbound: Stanza, query: Stanza) -> bool:
    """Tell whether a stanza is a result of an archive query: from whom was asked, for who asked, with the id of the query."""
    if inbound.kind != "message" or not inbound.mentions(ARCHIVE) or inbound.attributes.get("to") != query.attributes.get("from"):
        return False
    asked = query.payload.get("queryid") if query.payload is not None else None
    found = inbound.xml.find(f"{{{ARCHIVE.decode()}}}result")
    return found is not None and found.get("queryid") == asked and inbound.sender == query.to
