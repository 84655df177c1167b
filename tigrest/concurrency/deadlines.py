"""Time limits of many things at once: one timer for all of them, instead of one each."""

from __future__ import annotations

import asyncio
from typing import Protocol

PERIOD = 0.1
"""Seconds between two looks: how exactly a limit is kept."""


class Limited(Protocol):
    """Something whose time may run out."""

    deadline: float
    """When, by the clock of the event loop."""

    def expire(self) -> None:
        """Its time is over. Called once; it is no longer watched."""


class Deadlines:
    """Watches what is in it, as long as there is something."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[Limited] = set()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float) -> float:
        """The deadline that is so many seconds away."""
        return self._loop.time() + seconds

    def add(self, limited: Limited) -> None:
        """Begin to watch something."""
        self._watched.add(limited)
        if self._timer is None:
            self._timer = self._loop.call_later(PERIOD, self._look)

    def discard(self, limited: Limited) -> None:
        """Watch something no longer."""
        self._watched.discard(limited)

    def _look(self) -> None:
        now = self._loop.time()
        for limited in [limited for limited in self._watched if limited.deadline <= now]:
            self._watched.discard(limited)
            limited.expire()
        self._timer = self._loop.call_later(PERIOD, self._look) if self._watched else None

    def stop(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
