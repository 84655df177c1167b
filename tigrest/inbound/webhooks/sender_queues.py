"""Queue the deliveries of one webhook by sender: the failures of one hold up no other, and the order of each is kept.

Senders are kept in memory, a bounded number of them. Their deliveries are read from the store when it is their turn; the first one of
each is kept, up to a number of bytes, so that usually nothing is read twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from tigrest.inbound.webhooks.limits import WebhookLimits
from tigrest.inbound.webhooks.store import Delivery


@dataclass(slots=True)
class SenderQueue:
    """Deliveries of one sender.

    Args:
        sender: bare address.
        done: number up to which all deliveries are settled.
        noticed: number of the last delivery that is known.
        first: the next delivery, if it is kept.
        pauses: how often in a row the sender had to wait.
    """

    sender: str
    done: int
    noticed: int
    first: Delivery | None = None
    pauses: int = 0


class SenderQueues:
    """The senders that have something to deliver to one webhook.

    Args:
        limits: how many senders and bytes to keep.
    """

    def __init__(self, limits: WebhookLimits) -> None:
        self._limits = limits
        self._queues: dict[str, SenderQueue] = {}
        self._ready: deque[SenderQueue] = deque()
        self._parked: dict[str, tuple[asyncio.TimerHandle, SenderQueue, bool]] = {}
        self._is_ready = asyncio.Event()
        self._kept_bytes = 0
        self.cursor = 0
        """Number up to which all deliveries are known."""

    def __len__(self) -> int:
        """Return how many senders are kept."""
        return len(self._queues)

    @property
    def has_room(self) -> bool:
        """Return whether another sender may be kept."""
        return len(self._queues) < self._limits.senders

    def notice(self, delivery: Delivery) -> None:
        """Add a delivery; in the order of their numbers."""
        self.cursor = delivery.number
        queue = self._queues.get(delivery.sender)
        if queue is not None:
            queue.noticed = delivery.number
            return
        queue = self._queues[delivery.sender] = SenderQueue(delivery.sender, delivery.number - 1, delivery.number)
        if self._kept_bytes + len(delivery.stanza) <= self._limits.first_bytes:
            self._kept_bytes += len(delivery.stanza)
            queue.first = delivery
        self._make_ready(queue)

    async def next(self) -> tuple[SenderQueue, Delivery | None]:
        """Wait for a sender whose turn it is; return his queue until it is given back or parked, and his first delivery if it was kept."""
        while not self._ready:
            self._is_ready.clear()
            await self._is_ready.wait()
        queue = self._ready.popleft()
        first, queue.first = queue.first, None
        if first is not None:
            self._kept_bytes -= len(first.stanza)
        return queue, first

    def give_back(self, queue: SenderQueue) -> bool:
        """Put a sender behind the others, or forget him if he has nothing left; return whether that made room."""
        queue.pauses = 0
        if queue.done < queue.noticed:
            self._make_ready(queue)
            return False
        was_full = not self.has_room
        del self._queues[queue.sender]
        return was_full

    def park(self, queue: SenderQueue, delay: float, may_be_woken: bool) -> None:
        """Let a sender wait.

        Args:
            queue: of the sender whose turn it was.
            delay: seconds.
            may_be_woken: whether :meth:`wake` makes it shorter.
        """
        timer = asyncio.get_running_loop().call_later(delay, self._unpark, queue.sender)
        self._parked[queue.sender] = (timer, queue, may_be_woken)

    def wake(self) -> None:
        """End the wait of those who may be woken."""
        for sender in [sender for sender, (_, _, may_be_woken) in self._parked.items() if may_be_woken]:
            self._unpark(sender)

    def clear(self) -> None:
        """Forget everything."""
        for timer, _, _ in self._parked.values():
            timer.cancel()
        self._parked.clear()
        self._ready.clear()
        self._queues.clear()
        self.cursor = self._kept_bytes = 0

    def _unpark(self, sender: str) -> None:
        timer, queue, _ = self._parked.pop(sender)
        timer.cancel()
        self._make_ready(queue)

    def _make_ready(self, queue: SenderQueue) -> None:
        self._ready.append(queue)
        self._is_ready.set()
