"""Queue the stanzas of one listener: in order for each sender, several senders at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar


@dataclass(frozen=True)
class LaneLimits:
    """Limits of the stanzas of one listener.

    Args:
        at_once: most stanzas of different senders that it deals with at the same time.
        waiting: most stanzas that wait for it, those it deals with included.
        waiting_of_sender: most of them from one sender: nobody fills the lane alone.
    """

    at_once: int = 10
    waiting: int = 1000
    waiting_of_sender: int = 100


J = TypeVar("J")


class Lane(Generic[J]):
    """The stanzas of one listener. Its owner cancels what runs.

    Args:
        run: deals with one of them; raises nothing.
        limits: its limits.
    """

    def __init__(self, run: Callable[[J], Coroutine[Any, Any, None]], limits: LaneLimits) -> None:
        self._run, self._limits = run, limits
        self._waiting: dict[str, deque[J]] = {}
        self._ready: deque[str] = deque()
        self._count = 0
        self.running: set[asyncio.Task[None]] = set()
        """Tasks that run now."""
        self.asked = 0
        """Iqs that are being answered; they do not wait here."""

    @property
    def is_idle(self) -> bool:
        """Return whether nothing waits or runs."""
        return not self._count and not self.asked

    def offer(self, sender: str, job: J) -> bool:
        """Queue a stanza behind those of its sender; return whether there was room."""
        queue = self._waiting.get(sender)
        if self._count >= self._limits.waiting or (queue is not None and len(queue) >= self._limits.waiting_of_sender):
            return False
        self._count += 1
        if queue is not None:
            queue.append(job)
            return True
        self._waiting[sender] = deque([job])
        self._ready.append(sender)
        self._fill()
        return True

    def clear(self) -> list[J]:
        """Remove and return what waits and does not run yet."""
        dropped = [job for queue in self._waiting.values() for job in queue]
        self._count -= len(dropped)
        self._ready.clear()
        for queue in self._waiting.values():
            queue.clear()
        return dropped

    def _fill(self) -> None:
        while self._ready and len(self.running) < self._limits.at_once:
            sender = self._ready.popleft()
            task = asyncio.create_task(self._run(self._waiting[sender].popleft()))
            self.running.add(task)
            task.add_done_callback(partial(self._done, sender))

    def _done(self, sender: str, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self._count -= 1
        if self._waiting[sender]:
            self._ready.append(sender)
        else:
            del self._waiting[sender]
        self._fill()
