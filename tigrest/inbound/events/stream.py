"""One subscription of the event stream: an iterator of the bytes to send.

HTML Living Standard §9.2 (Server-sent events)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tigrest.inbound.events.limits import EventLimits
from tigrest.inbound.events.ring import Ring
from tigrest.xmpp.jid import JID

RECONNECT_MILLISECONDS = 2000
"""Milliseconds after which a browser connects again."""

_COMMENT = b": keep-alive\n"  # without an empty line, behind which some libraries see an event without data


class Stream:
    """Iterates over pieces of text/event-stream, until it is closed. A slow reader skips what the ring has dropped meanwhile.

    Args:
        ring: what is read.
        user: who reads it.
        token: name of the token that he came with; empty for none.
        position: where he begins.
        last: number of the event before it.
        is_gap: whether he missed events of which nothing is known.
        id_of: makes the id of an event of its number.
        closed: called when it is closed.
        limits: of its pieces and pauses.
    """

    def __init__(
        self,
        ring: Ring,
        user: JID,
        token: str,
        *,
        position: int,
        last: int,
        is_gap: bool,
        id_of: Callable[[int], str],
        closed: Callable[[Stream], None],
        limits: EventLimits,
    ) -> None:
        self.ring, self.user, self.token = ring, user, token
        self._position = position
        self._id_of = id_of
        self._closed = closed
        self._limits = limits
        self._news = asyncio.Event()
        self._is_closed = False
        # An id without data is no event, but who connects again before his first event says where he was.
        self._greeting = f": tigrest\nretry: {RECONNECT_MILLISECONDS}\nid: {id_of(last)}\n\n".encode()
        if is_gap:
            self._greeting += self._gap("null")
        ring.readers.add(self._news)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        if self._greeting:
            greeting, self._greeting = self._greeting, b""
            return greeting
        while not self._is_closed:
            if self._position < self.ring.end:
                return self._piece()
            self._news.clear()
            try:
                async with asyncio.timeout(self._limits.keep_alive):
                    await self._news.wait()
            except TimeoutError:
                return _COMMENT
        raise StopAsyncIteration

    def _piece(self) -> bytes:
        ring = self.ring
        gap = b""
        if (lost := ring.start - self._position) > 0:
            gap = self._gap(str(lost))
            self._position = ring.start
        events = ring.read(self._position, self._limits.piece_bytes)
        self._position += len(events)
        return gap + b"".join([event.frame for event in events])

    def _gap(self, lost: str) -> bytes:
        return f'id: {self._id_of(self.ring.since)}\nevent: gap\ndata: {{"lost":{lost}}}\n\n'.encode()

    async def aclose(self) -> None:
        """Close it: nothing is read any more."""
        self.close()

    def close(self) -> None:
        """Close at once, as :meth:`aclose` does."""
        if not self._is_closed:
            self._is_closed = True
            self.ring.readers.discard(self._news)
            self._news.set()
            self._closed(self)
