"""Show inbound stanzas live to those who subscribe to an address, and keep some for those who come back.

Stanzas become events only for addresses that somebody reads or has read lately, so that strangers who write to many addresses
fill no memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

import orjson

from tigrest.backends.inbound import Inbound
from tigrest.errors import InvalidValue, MalformedContent, NotConnected, TooManyStreams
from tigrest.formats.stanza_json.writing import to_json
from tigrest.inbound.events.limits import EventLimits
from tigrest.inbound.events.ring import Event, Ring
from tigrest.inbound.events.stream import Stream
from tigrest.observability.metrics import Metrics
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

_EVERYTHING = "*"


class Events:
    """The subscriptions to our addresses, each a :class:`Stream`. To be used on the event loop.

    Args:
        inbound: of our addresses.
        limits: of memory, time and streams; the defaults of :class:`EventLimits`.
    """

    def __init__(self, inbound: Inbound, limits: EventLimits | None = None) -> None:
        self._inbound = inbound
        self.limits = limits or EventLimits()
        """Limits of streams from now on."""
        self._boot = f"{time.time_ns() // 1_000_000:x}"
        self._number = 0
        self._rings: dict[str, Ring] = {}
        self._size = 0
        self._streams: set[Stream] = set()
        self._users: Counter[JID] = Counter()
        self._unwatch: Callable[[], None] | None = None

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the number of open streams to the metrics."""
        metrics.gauge("tigrest_event_streams", "Open event streams.", (), lambda: [((), self.streams)])

    def start(self) -> None:
        """Begin to watch what comes in."""
        self._unwatch = self._inbound.watch(self.see)

    def stop(self) -> None:
        """Close all streams, and drop all events."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        for stream in tuple(self._streams):
            stream.close()
        for ring in tuple(self._rings.values()):
            self._forget(ring)

    def dismiss(self, user: JID) -> None:
        """Close the streams of a user whose password has changed or whose account is gone; he may log in again."""
        if user.bare not in self._users:
            return
        for stream in [stream for stream in self._streams if stream.user == user.bare]:
            stream.close()

    def dismiss_token(self, token: str) -> None:
        """Close the streams that were opened with a token which is not valid any more.

        Args:
            token: its name.
        """
        for stream in [stream for stream in self._streams if stream.token == token]:
            stream.close()

    @property
    def tokens(self) -> frozenset[str]:
        """Return the names of the tokens that streams were opened with."""
        return frozenset(stream.token for stream in self._streams if stream.token)

    @property
    def streams(self) -> int:
        """Return how many streams are open."""
        return len(self._streams)

    def subscribe(self, address: JID | None, user: JID, last_id: str = "", token: str = "") -> Stream:
        """Subscribe to an address. The caller has checked that the user may do that.

        Args:
            address: one of ours, without resource; ``None`` for all of them, which changes nothing for those who write to them.
            user: who reads.
            last_id: id of the last event he has; empty for none: then he gets what comes in from now on.
            token: name of the token that he came with, with which the stream ends; empty for none.

        Returns:
            The stream to send; to be closed at the end.

        Raises:
            InvalidValue: the address is not ours, or has a resource.
            TooManyStreams: the user has too many already.
            NotConnected: too many are open, or the gateway is stopping.
        """
        if address is not None and (address.resource or not self._inbound.is_ours(address)):
            raise InvalidValue(f"{address} is not a bare address of the gateway: use one of {self._inbound.jid}, or * for all")
        if self._unwatch is None:
            raise NotConnected("the gateway is stopping; there are no more events", self.limits.retry_after)
        if self._users[user.bare] >= self.limits.user_streams:
            raise TooManyStreams(self.limits.user_streams, self.limits.retry_after)
        if len(self._streams) >= self.limits.streams:
            raise NotConnected(
                f"there are {self.limits.streams} streams already, and may not be more; try again later", self.limits.retry_after
            )
        ring = self._ring(address or _EVERYTHING)
        last = self._number_of(last_id)
        is_gap = last_id != "" and (last is None or last < ring.since)
        if last is None or is_gap:
            last = ring.since if is_gap else self._number
        stream = Stream(
            ring,
            user.bare,
            token,
            position=ring.after(last),
            last=last,
            is_gap=is_gap,
            id_of=self._id,
            closed=self._closed,
            limits=self.limits,
        )
        self._streams.add(stream)
        self._users[user.bare] += 1
        return stream

    def see(self, stanza: Stanza) -> bool:
        """Take in a stanza.

        Returns:
            Whether somebody reads the address it is for, or did so a moment ago.
        """
        if not self._rings:
            return False
        to = stanza.to
        ring = self._rings.get(to.bare) if to is not None else None
        everything = self._rings.get(_EVERYTHING) if not stanza.is_duplicate else None
        if ring is None and everything is None:
            return False
        self._number += 1
        event = Event(self._number, f"id: {self._id(self._number)}\nevent: {stanza.kind}\ndata: ".encode() + _as_json(stanza) + b"\n\n")
        for each in (ring, everything):
            if each is not None:
                self._size += each.append(event)
        while self._size > self.limits.total_bytes:
            self._size -= max(self._rings.values(), key=lambda ring: ring.size).drop()
        return ring is not None and (bool(ring.readers) or asyncio.get_running_loop().time() - ring.left_at < self.limits.read_seconds)

    def _id(self, number: int) -> str:
        return f"{self._boot}-{number}"

    def _number_of(self, id: str) -> int | None:
        """Return the number of an event by its id; ``None`` when it is not one since the start of the gateway."""
        boot, _, digits = id.partition("-")
        if boot != self._boot or not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            return None
        return number if (number := int(digits)) <= self._number else None

    def _ring(self, address: str) -> Ring:
        ring = self._rings.get(address)
        if ring is None:
            if len(self._rings) >= self.limits.addresses:
                self._forget(min((ring for ring in self._rings.values() if not ring.readers), key=lambda ring: ring.left_at))
            self._number += 1  # whoever has an earlier id may have missed what nobody collected
            ring = self._rings[address] = Ring(address, self._number, self.limits)
        elif ring.forgetting is not None:
            ring.forgetting.cancel()
            ring.forgetting = None
        return ring

    def _closed(self, stream: Stream) -> None:
        self._streams.discard(stream)
        self._users[stream.user] -= 1
        if not self._users[stream.user]:
            del self._users[stream.user]
        ring = stream.ring
        if not ring.readers:
            loop = asyncio.get_running_loop()
            ring.left_at = loop.time()
            ring.forgetting = loop.call_later(self.limits.keep_seconds, self._forget, ring)

    def _forget(self, ring: Ring) -> None:
        del self._rings[ring.address]
        self._size -= ring.size
        if ring.forgetting is not None:
            ring.forgetting.cancel()


def _as_json(stanza: Stanza) -> bytes:
    """Return a stanza as JSON; what has no JSON stands in it as XML."""
    try:
        return orjson.dumps(to_json(stanza))
    except (MalformedContent, orjson.JSONEncodeError) as error:
        log.debug("a %s has no JSON: %s", stanza.kind, error)
        known = {name: stanza.attributes[name] for name in ("type", "id", "from", "to") if name in stanza.attributes}
        return orjson.dumps({"kind": stanza.kind, **known, "xml": str(stanza)})
