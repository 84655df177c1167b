"""Delays between attempts to connect to the server."""

from __future__ import annotations

import random

FIRST_DELAY = 0.5
LAST_DELAY = 30.0
"""Seconds of the shortest and the longest delay, before jitter takes up to half of it away."""

QUICK_DELAY = 2.0
"""Seconds of the longest delay in the first :data:`QUICK_SECONDS` of an outage: a server that is restarted is back soon."""

QUICK_SECONDS = 60.0
"""Seconds for which a server may be away until the delays grow further."""

SHORT_SECONDS = 5.0
"""A link that lasted for less was short."""

SHORT_LINKS = 10
"""Short links in a row after which the delays grow, whatever ended them."""

WAR_SECONDS = 2 * LAST_DELAY
"""A link that another program ended within this time, by connecting with our address, is one of a series."""


class Backoff:
    """Doubles the delay with each attempt that fails, and begins anew with each link that comes up.

    Only links that are ended by a ``conflict``, or many short ones in a row, count as failures: two gateways with one address
    throw each other out, each of them connected for a moment.
    """

    def __init__(self) -> None:
        self._delay = FIRST_DELAY
        self._away = 0.0
        """Seconds of delay in this outage so far."""
        self._short = 0
        self._conflicts = 0

    def after_failure(self) -> float:
        """Return the delay after an attempt that failed."""
        delay = min(self._delay, QUICK_DELAY) if self._away < QUICK_SECONDS else self._delay
        if self._away >= QUICK_SECONDS or self._delay < QUICK_DELAY:
            self._delay = min(LAST_DELAY, self._delay * 2)
        self._away += delay
        return _with_jitter(delay)

    def after_link(self, lasted: float, condition: str) -> float:
        """Return the delay after a link has ended.

        Args:
            lasted: seconds that it was up.
            condition: of the stream error that ended it; empty when there was none.
        """
        self._delay, self._away = FIRST_DELAY, 0.0
        self._short = self._short + 1 if lasted < SHORT_SECONDS else 0
        self._conflicts = self._conflicts + 1 if condition == "conflict" and lasted < WAR_SECONDS else 0
        doublings = max(self._conflicts - 1, self._short - SHORT_LINKS, 0)
        return _with_jitter(min(LAST_DELAY, FIRST_DELAY * 2.0 ** min(doublings, 10)))


def _with_jitter(delay: float) -> float:
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - nothing depends on nobody guessing it
