"""Keep the latest events of an address."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tigrest.inbound.events.limits import EventLimits


@dataclass(frozen=True, slots=True)
class Event:
    """One stanza as it is sent, encoded once for all readers.

    Args:
        number: counts up over all addresses.
        frame: the lines of Server-Sent Events.
    """

    number: int
    frame: bytes


class Ring:
    """A ring buffer of the latest events of an address, and the readers that wait for more.

    A reader keeps a position: the number of events before the one it reads next.

    Args:
        address: whose events; ``*`` for all.
        since: number of the latest event before it began.
        limits: how much it keeps.
    """

    def __init__(self, address: str, since: int, limits: EventLimits) -> None:
        self.address = address
        self._limits = limits
        self.since = since
        """Number of the event before the oldest that is kept; no later one is missing."""
        self.start = 0
        """Position of the oldest event."""
        self.size = 0
        """Bytes of all events."""
        self.readers: set[asyncio.Event] = set()
        """Set when there are new events."""
        self.left_at = 0.0
        """When the last reader left, by the clock of the loop."""
        self.forgetting: asyncio.TimerHandle | None = None
        """Timer that drops the ring while it has no reader."""
        self._events: deque[Event] = deque()

    @property
    def end(self) -> int:
        """Return the position of the next event to come."""
        return self.start + len(self._events)

    def append(self, event: Event) -> int:
        """Add an event in place of the oldest ones, and tell the readers.

        Returns:
            By how many bytes it is larger now.
        """
        before = self.size
        self._events.append(event)
        self.size += len(event.frame)
        while len(self._events) > self._limits.ring_events or (self.size > self._limits.ring_bytes and len(self._events) > 1):
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
        """Return the position behind the event with a number, or where it would be."""
        return self.end - sum(1 for _ in self._newer(number))

    def _newer(self, number: int) -> Iterator[Event]:
        for event in reversed(self._events):
            if event.number <= number:
                return
            yield event

    def read(self, position: int, most: int) -> list[Event]:
        """Return events from a position on, at least one if there is one.

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
