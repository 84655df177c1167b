"""The latest events of an address."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

RING_EVENTS = 5000
"""Most events kept for an address. One read from the server's link can have a thousand stanzas, before anybody gets to send them."""

RING_BYTES = 1024 * 1024
"""Most bytes of them; a single one may be larger."""


@dataclass(frozen=True, slots=True)
class Event:
    """One stanza as it is sent, made once for all who read it.

    Args:
        number: counts up over all addresses.
        frame: the lines of Server-Sent Events.
    """

    number: int
    frame: bytes


class Ring:
    """The latest events of an address, and who waits for more.

    Whoever reads it keeps a position: how many events there were before the one he wants next.

    Args:
        address: whose events; ``*`` for all.
        since: number of the latest event before it began.
    """

    def __init__(self, address: str, since: int) -> None:
        self.address = address
        self.since = since
        """Number of the event before the oldest: of what came after it, everything is here."""
        self.start = 0
        """Position of the oldest event."""
        self.size = 0
        """Bytes of all events."""
        self.readers: set[asyncio.Event] = set()
        """Set when there is news."""
        self.left_at = 0.0
        """When the last reader left, by the clock of the loop."""
        self.forgetting: asyncio.TimerHandle | None = None
        """What forgets it, while there is no reader."""
        self._events: deque[Event] = deque()

    @property
    def end(self) -> int:
        """Position of the next event to come."""
        return self.start + len(self._events)

    def append(self, event: Event) -> int:
        """Add an event in place of the oldest ones, and tell the readers.

        Returns:
            By how many bytes it is larger now.
        """
        before = self.size
        self._events.append(event)
        self.size += len(event.frame)
        while len(self._events) > RING_EVENTS or (self.size > RING_BYTES and len(self._events) > 1):
            self.drop()
        for reader in self.readers:
            reader.set()
        return self.size - before

    def drop(self) -> int:
        """Drop the oldest event.

        Returns:
            Its bytes.
        """
        event = self._events.popleft()
        self.start += 1
        self.since = event.number
        self.size -= len(event.frame)
        return len(event.frame)

    def after(self, number: int) -> int:
        """The position behind the event with a number, or where it would be."""
        return self.end - sum(1 for _ in self._newer(number))

    def _newer(self, number: int) -> Iterator[Event]:
        for event in reversed(self._events):
            if event.number <= number:
                return
            yield event

    def read(self, position: int, most: int) -> list[Event]:
        """Give events from a position on, at least one if there is one.

        Args:
            position: not before the start.
            most: bytes at which to stop.
        """
        found: list[Event] = []
        for index in range(position - self.start, len(self._events)):
            event = self._events[index]
            found.append(event)
            most -= len(event.frame)
            if most <= 0:
                break
        return found
