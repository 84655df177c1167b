"""How long to wait before a delivery is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Delays that grow with each failure.

    Args:
        first: seconds after the first failure.
        factor: how much longer each next delay is.
        last: most seconds.
        patience: most seconds that a receiver may ask for by ``Retry-After``.
        jitter: part by which a delay is made longer or shorter at random, so that not all come back at once.
    """

    first: float = 1.0
    factor: float = 2.0
    last: float = 300.0
    patience: float = 3600.0
    jitter: float = 0.25

    def delay(self, failures: int, asked: float = 0.0) -> float:
        """Seconds to wait.

        Args:
            failures: attempts that failed so far, 1 or more.
            asked: seconds that the receiver asked for.
        """
        growth = self.factor ** min(failures - 1, 64)
        delay = min(self.first * growth, self.last) * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 – not a secret
        return max(delay, min(asked, self.patience))
