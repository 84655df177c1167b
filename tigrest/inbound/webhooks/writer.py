"""Write to the store of deliveries: many rows in one transaction, so that stanzas are taken at the speed of memory."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tigrest.inbound.webhooks.limits import WebhookLimits
from tigrest.inbound.webhooks.store import Changes, DeliveryState, Store
from tigrest.state.batches import BatchWriter

log = logging.getLogger(__name__)


def new_id() -> str:
    """Make a ``webhook-id``."""
    return f"msg_{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True)
class QueuedStanza:
    """A stanza that is to be stored for a webhook."""

    webhook: str
    sender: str
    kind: str
    stanza: bytes
    created: float

    def as_row(self) -> dict[str, Any]:
        """Return the row that it becomes."""
        row = {"webhook": self.webhook, "sender": self.sender, "kind": self.kind, "stanza": self.stanza, "created": self.created}
        return row | {"id": new_id(), "state": DeliveryState.WAITING, "attempts": 0, "problem": "", "reply": None}


@dataclass(frozen=True)
class _Batch:
    """Changes that are written in one transaction, and the futures of those who wait for it."""

    changes: Changes
    stanzas: Sequence[QueuedStanza]
    waiters: Sequence[asyncio.Future[None]]


class DeliveryWriter:
    """Collects changes of deliveries, and writes them together.

    Args:
        store: where to.
        on_added: called after each transaction that added something to deliver.
        limits: of what waits to be stored.
    """

    def __init__(self, store: Store, on_added: Callable[[], None], limits: WebhookLimits) -> None:
        self._store, self._on_added, self._limits = store, on_added, limits
        self._queue: deque[QueuedStanza] = deque()
        self._queued_bytes = 0
        self._pending = Changes()
        self._waiters: list[asyncio.Future[None]] = []
        self._writer = BatchWriter("stanzas for webhooks", self._take, self._write, limits.batches)

    async def stop(self) -> list[QueuedStanza]:
        """Write what is left, and stop.

        Returns:
            Stanzas that could not be stored, in order.
        """
        if not await self._writer.stop():
            log.error("%s stanzas for webhooks could not be stored before the end; their senders are told", len(self._queue))
        return list(self._queue)

    def offer(self, stanzas: Sequence[QueuedStanza]) -> bool:
        """Take stanzas to be stored, all or none; return whether there was room."""
        size = sum([len(one.stanza) for one in stanzas])
        is_full = len(self._queue) + len(stanzas) > self._limits.buffered_stanzas
        if is_full or self._queued_bytes + size > self._limits.buffered_bytes:
            return False
        self._queue.extend(stanzas)
        self._queued_bytes += size
        self._writer.wake()
        return True

    def remove(self, number: int) -> None:
        """Queue the removal of a delivery."""
        self._pending.removed.append(number)
        self._writer.wake(self._limits.remove_seconds)

    async def change(self, number: int, state: DeliveryState, *, attempts: int, problem: str, reply: bytes | None = None) -> None:
        """Queue a change of a delivery, and wait until it is stored.

        Args:
            number: of the delivery.
            state: its new state.
            attempts: that have failed so far.
            problem: of the last attempt; empty for none.
            reply: to be sent, in XML; ``None`` for none.
        """
        changed = {"of": number, "new_state": state, "new_attempts": attempts, "new_problem": problem, "new_reply": reply}
        self._pending.changed.append(changed)
        written = asyncio.get_running_loop().create_future()
        self._waiters.append(written)
        self._writer.wake()
        await written

    def requeue(self) -> None:
        """Queue putting what is replayed at the end of the queue."""
        self._pending.requeue = True
        self._writer.wake()

    def _take(self) -> _Batch | None:
        """Return the next batch. Its stanzas stay in the queue until they are stored."""
        stanzas = list(itertools.islice(self._queue, self._limits.stored_together))
        if not stanzas and not self._pending:
            return None
        batch = _Batch(self._pending, stanzas, self._waiters)
        self._pending, self._waiters = Changes(), []
        batch.changes.added = [one.as_row() for one in stanzas]
        return batch

    async def _write(self, batch: _Batch) -> None:
        await self._store.write(batch.changes)
        for one in batch.stanzas:
            self._queued_bytes -= len(one.stanza)
            self._queue.popleft()
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_result(None)
        if batch.changes.added or batch.changes.requeue:
            self._on_added()
