"""The one that writes to the store: many rows in one transaction, so that stanzas are taken at the speed of memory."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tigrest.inbound.webhooks.store import WAITING, Changes, Store
from tigrest.state.trouble import TROUBLE

log = logging.getLogger(__name__)

MAX_STANZAS = 10_000
MAX_BYTES = 64 * 1024 * 1024
"""What may wait in memory to be stored."""

BATCH = 200
"""Most stanzas stored in one transaction."""

PAUSE_SECONDS = 0.01
"""Pause after each transaction, in which the next one collects."""

REMOVE_SECONDS = 0.1
"""How long what is over may stay in the store, if nothing else is written: what is in it after a crash is delivered again."""

RETRY_SECONDS = 1.0
"""Pause after a transaction that failed."""

LAST_SECONDS = 5.0
"""How long the end may take."""


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
        """The row that it becomes."""
        row = {"webhook": self.webhook, "sender": self.sender, "kind": self.kind, "stanza": self.stanza, "created": self.created}
        return row | {"id": new_id(), "state": WAITING, "attempts": 0, "problem": "", "reply": None}


class Writer:
    """Collects changes while the last transaction runs, and writes them with the next.

    A transaction that fails is tried again until it does not: nothing that was taken is given up.

    Args:
        store: where to.
        written: called after each transaction that added something.
        max_stanzas, max_bytes: what may wait to be stored.
    """

    def __init__(self, store: Store, written: Callable[[], None], max_stanzas: int = MAX_STANZAS, max_bytes: int = MAX_BYTES) -> None:
        self._store, self._written = store, written
        self._max_stanzas, self._max_bytes = max_stanzas, max_bytes
        self._taken: deque[QueuedStanza] = deque()
        self._bytes = 0
        self._pending = Changes()
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._removing: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Stanzas that wait to be stored."""
        return len(self._taken)

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> list[QueuedStanza]:
        """Write what is left, and stop.

        Returns:
            What could not be stored, in order.
        """
        if self._task is None:
            return []
        self._wake.set()
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log.error("%s stanzas for webhooks could not be stored before the end; their senders are told", len(self._taken))
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return list(self._taken)

    def offer(self, stanzas: Sequence[QueuedStanza]) -> bool:
        """Take stanzas to be stored, all or none; tell whether there was room."""
        size = sum([len(one.stanza) for one in stanzas])
        if len(self._taken) + len(stanzas) > self._max_stanzas or self._bytes + size > self._max_bytes:
            return False
        self._taken.extend(stanzas)
        self._bytes += size
        self._touch()
        return True

    def remove(self, number: int) -> None:
        """Have a delivery deleted."""
        self._pending.removed.append(number)
        self._idle.clear()
        if self._removing is None:
            self._removing = asyncio.get_running_loop().call_later(REMOVE_SECONDS, self._touch)

    async def change(self, number: int, state: str, attempts: int, problem: str, reply: bytes | None) -> None:
        """Have a delivery changed, and wait until it is."""
        changed = {"of": number, "new_state": state, "new_attempts": attempts, "new_problem": problem, "new_reply": reply}
        self._pending.changed.append(changed)
        written = asyncio.get_running_loop().create_future()
        self._waiters.append(written)
        self._touch()
        await written

    def requeue(self) -> None:
        """Have what is replayed put at the end of the queue."""
        self._pending.requeue = True
        self._touch()

    def _touch(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._taken or self._pending:
                await self._write_batch()
                await asyncio.sleep(PAUSE_SECONDS)
            self._idle.set()

    async def _write_batch(self) -> None:
        batch = list(itertools.islice(self._taken, BATCH))
        changes, waiters = self._pending, self._waiters
        self._pending, self._waiters = Changes(), []
        if self._removing is not None:
            self._removing.cancel()
            self._removing = None
        changes.added = [one.as_row() for one in batch]
        await self._until_written(changes)
        for one in batch:
            self._bytes -= len(one.stanza)
            self._taken.popleft()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if changes.added or changes.requeue:
            self._written()

    async def _until_written(self, changes: Changes) -> None:
        failures = 0
        while True:
            try:
                await self._store.write(changes)
            except TROUBLE as error:
                failures += 1
                if failures == 1:
                    log.error("stanzas for webhooks cannot be stored: %s; trying again", getattr(error, "orig", None) or error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if failures:
                    log.info("stanzas for webhooks are stored again")
                return
