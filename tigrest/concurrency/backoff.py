"""Exponential backoff with jitter: delays between attempts of anything that may fail."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Delays that grow with each failure.

    Args:
        first: delay after the first failure, in seconds.
        factor: ratio of each delay to the one before.
        last: longest delay, in seconds.
        patience: longest delay that the other side may ask for (``Retry-After``), in seconds.
        jitter: least and greatest factor by which a delay is multiplied at random, so that not all come back at once.
    """

    first: float = 1.0
    factor: float = 2.0
    last: float = 300.0
    patience: float = 3600.0
    jitter: tuple[float, float] = (0.75, 1.25)

    def delay(self, failures: int, asked: float = 0.0) -> float:
        """Return the delay before the next attempt, in seconds.

        Args:
            failures: attempts that failed so far, 1 or more.
            asked: delay that the other side asked for, in seconds.
        """
        return max(self.jittered(self.exact(failures)), min(asked, self.patience))

    def exact(self, failures: int) -> float:
        """Return the delay without jitter, in seconds."""
        return float(min(self.first * self.factor ** min(failures - 1, 64), self.last))

    def jittered(self, delay: float) -> float:
        """Apply the jitter to a delay."""
        return delay * random.uniform(*self.jitter)  # noqa: S311 – not a secret
