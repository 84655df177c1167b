"""Limit how often a message is logged that strangers can trigger any number of times."""

from __future__ import annotations

import time
from collections.abc import Callable


class LogLimit:
    """Admits one log line per period, and counts those suppressed.

    Args:
        seconds: between two lines.
        now: monotonic clock, in seconds.
    """

    def __init__(self, seconds: float = 60.0, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._next = float("-inf")
        self._suppressed = 0

    def admit(self) -> int | None:
        """Tell whether a line may be logged now.

        Returns:
            The number of lines suppressed since the last one; ``None`` when this one is to be suppressed too.
        """
        now = self._now()
        if now < self._next:
            self._suppressed += 1
            return None
        suppressed, self._suppressed = self._suppressed, 0
        self._next = now + self._seconds
        return suppressed
