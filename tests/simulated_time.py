"""An event loop whose time goes on by as much as everybody waits for, at once: what takes seconds is exact, and takes none."""

from __future__ import annotations

import asyncio
import selectors


class SimulatedTimeLoop(asyncio.SelectorEventLoop):
    """Jump to when the next timer is due, whenever nothing else is to be done.

    For what waits for timers only: of a socket or thread it does not know when it will have something.
    """

    def __init__(self) -> None:
        self._selector_of_time = _TimeSelector()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return self._selector_of_time.now


class _TimeSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where that is nothing, the time of waiting has passed."""
        if timeout is None:
            return super().select()
        ready = super().select(0)
        if not ready:
            self.now += max(timeout, 0.0)
        return ready
