"""Expire many time limits with one timer, instead of one timer each."""

from __future__ import annotations

import asyncio
from typing import Protocol

PERIOD = 0.1
"""Seconds between two checks, which is how exactly a limit is kept."""


class Limited(Protocol):
    """Something with a deadline."""

    deadline: float
    """Time of the deadline, by the clock of the event loop."""

    def expire(self) -> None:
        """Handle that the deadline has passed. Called once; it is no longer watched then."""


class Deadlines:
    """A set of things with deadlines. The timer runs only while there are any."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[Limited] = set()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float) -> float:
        """Return the deadline that is some seconds away."""
        return self._loop.time() + seconds

    def add(self, limited: Limited) -> None:
        """Add something whose :meth:`Limited.expire` is called after its deadline."""
        self._watched.add(limited)
        if self._timer is None:
            self._timer = self._loop.call_later(PERIOD, self._look)

    def discard(self, limited: Limited) -> None:
        """Remove something; nothing happens when it is not there."""
        self._watched.discard(limited)

    def _look(self) -> None:
        now = self._loop.time()
        try:
            for limited in [limited for limited in self._watched if limited.deadline <= now]:
                self._watched.discard(limited)
                limited.expire()
        finally:  # one that raises must not keep the others from expiring
            self._timer = self._loop.call_later(PERIOD, self._look) if self._watched else None

    def stop(self) -> None:
        """Remove everything, and stop the timer."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
