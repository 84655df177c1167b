"""Who of the senders is next: one lane for each, so that nobody waits for another's trouble, and nobody is overtaken by himself.

Senders are kept in memory, a bounded number of them. What they sent is read when it is their turn, but for the first delivery of
each, as long as these are not too large together: when all is well, nothing is read twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from tigrest.inbound.webhooks.store import Delivery

MOST = 1000
"""Senders in memory; further ones wait in the store until one of these has nothing left."""

MOST_BYTES = 4 * 1024 * 1024
"""Size of the first deliveries that are kept."""


@dataclass(slots=True)
class Lane:
    """Deliveries of one sender.

    Args:
        sender: bare address.
        done: number up to which all is settled.
        noticed: number of the last that is known.
        first: what comes next, if it is kept.
        pauses: how often in a row it had to wait.
    """

    sender: str
    done: int
    noticed: int
    first: Delivery | None = None
    pauses: int = 0


class Lanes:
    """The senders that have something to deliver.

    Args:
        most: how many to keep.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._parked: dict[str, tuple[asyncio.TimerHandle, Lane, bool]] = {}
        self._is_ready = asyncio.Event()
        self._kept = 0
        self.cursor = 0
        """Number up to which all is known."""

    @property
    def has_room(self) -> bool:
        """Whether another sender may come."""
        return len(self._lanes) < self._most

    def notice(self, delivery: Delivery) -> None:
        """Learn of a delivery; of one after the other."""
        self.cursor = delivery.number
        lane = self._lanes.get(delivery.sender)
        if lane is not None:
            lane.noticed = delivery.number
            return
        lane = self._lanes[delivery.sender] = Lane(delivery.sender, delivery.number - 1, delivery.number)
        if self._kept + len(delivery.stanza) <= MOST_BYTES:
            self._kept += len(delivery.stanza)
            lane.first = delivery
        self._make_ready(lane)

    async def next(self) -> tuple[Lane, Delivery | None]:
        """Wait for a sender whose turn it is, until given back or parked; and his first delivery, if it was kept."""
        while not self._ready:
            self._is_ready.clear()
            await self._is_ready.wait()
        lane = self._ready.popleft()
        first, lane.first = lane.first, None
        if first is not None:
            self._kept -= len(first.stanza)
        return lane, first

    def give_back(self, lane: Lane) -> bool:
        """Put a sender behind the others, or forget him if he has nothing left; tell whether that made room."""
        lane.pauses = 0
        if lane.done < lane.noticed:
            self._make_ready(lane)
            return False
        was_full = not self.has_room
        del self._lanes[lane.sender]
        return was_full

    def park(self, lane: Lane, delay: float, may_be_woken: bool) -> None:
        """Let a sender wait.

        Args:
            lane: whose turn it was.
            delay: seconds.
            may_be_woken: whether :meth:`wake` makes it shorter.
        """
        timer = asyncio.get_running_loop().call_later(delay, self._unpark, lane.sender)
        self._parked[lane.sender] = (timer, lane, may_be_woken)

    def wake(self) -> None:
        """Let those wait no longer who may be woken."""
        for sender in [sender for sender, (_, _, may_be_woken) in self._parked.items() if may_be_woken]:
            self._unpark(sender)

    def clear(self) -> None:
        """Forget everything."""
        for timer, _, _ in self._parked.values():
            timer.cancel()
        self._parked.clear()
        self._ready.clear()
        self._lanes.clear()
        self.cursor = self._kept = 0

    def _unpark(self, sender: str) -> None:
        timer, lane, _ = self._parked.pop(sender)
        timer.cancel()
        self._make_ready(lane)

    def _make_ready(self, lane: Lane) -> None:
        self._ready.append(lane)
        self._is_ready.set()
