"""What waits for one listener: in order for each sender, side by side for several of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

AT_ONCE = 10
"""Most stanzas of different senders that a listener deals with at the same time."""

MOST = 1000
"""Most stanzas that wait for a listener, those it deals with included."""

MOST_OF_ONE = 100
"""Most of them from one sender: nobody fills the lane alone."""

J = TypeVar("J")


class Lane(Generic[J]):
    """The stanzas of one listener. Its owner cancels what runs.

    Args:
        run: deals with one of them; raises nothing.
    """

    def __init__(self, run: Callable[[J], Coroutine[Any, Any, None]]) -> None:
        self._run = run
        self._waiting: dict[str, deque[J]] = {}
        self._ready: deque[str] = deque()
        self._count = 0
        self.running: set[asyncio.Task[None]] = set()
        """What it deals with now."""
        self.asked = 0
        """Iqs that are being answered; they do not wait here."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing."""
        return not self._count and not self.asked

    def offer(self, sender: str, job: J) -> bool:
        """Put a stanza behind what is there from its sender; tell whether there was room."""
        queue = self._waiting.get(sender)
        if self._count >= MOST or (queue is not None and len(queue) >= MOST_OF_ONE):
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
        """Take out what waits and does not run yet."""
        dropped = [job for queue in self._waiting.values() for job in queue]
        self._count -= len(dropped)
        self._ready.clear()
        for queue in self._waiting.values():
            queue.clear()
        return dropped

    def _fill(self) -> None:
        while self._ready and len(self.running) < AT_ONCE:
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
