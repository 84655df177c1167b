"""Delays between attempts to connect to the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from tigrest.concurrency.backoff import Backoff


@dataclass(frozen=True, kw_only=True)
class ReconnectLimits:
    """Limits of the delays between attempts to connect. All in seconds but for ``short_links``.

    Args:
        backoff: delays; the jitter takes up to half of one away.
        quick_delay: longest delay in the first ``quick_seconds`` of an outage: a server that is restarted is back soon.
        quick_seconds: duration of an outage from which on the delays grow further.
        short_seconds: a link that lasted for less was short.
        short_links: short links in a row after which the delays grow, whatever ended them.
        conflict_seconds: a link that ended within this time because another program connected with our address is one of a series.
    """

    backoff: Backoff = field(default_factory=partial(Backoff, first=0.5, last=30.0, jitter=(0.5, 1.0)))
    quick_delay: float = 2.0
    quick_seconds: float = 60.0
    short_seconds: float = 5.0
    short_links: int = 10
    conflict_seconds: float = 60.0


class Reconnecting:
    """Doubles the delay with each attempt that fails, and begins anew with each link that comes up.

    Only links that are ended by a ``conflict``, or many short ones in a row, count as failures: two gateways with one address
    replace each other, each of them connected for a moment.

    Args:
        limits: of the delays.
    """

    def __init__(self, limits: ReconnectLimits) -> None:
        self._limits = limits
        self._failures = 1
        self._away = 0.0
        """Sum of the delays in this outage so far, in seconds."""
        self._short = 0
        self._conflicts = 0

    def after_failure(self) -> float:
        """Return the delay after an attempt that failed, in seconds."""
        limits = self._limits
        delay = limits.backoff.exact(self._failures)
        is_quick = self._away < limits.quick_seconds
        if not is_quick or delay < limits.quick_delay:
            self._failures += 1
        if is_quick:
            delay = min(delay, limits.quick_delay)
        self._away += delay
        return limits.backoff.jittered(delay)

    def after_refusal(self) -> float:
        """Return the delay after a handshake that was refused because of the configuration, in seconds: the longest."""
        return self._limits.backoff.last

    def after_link(self, lasted: float, condition: str) -> float:
        """Return the delay after a link has ended, in seconds.

        Args:
            lasted: seconds that it was up.
            condition: of the stream error that ended it; empty when there was none.
        """
        limits = self._limits
        self._failures, self._away = 1, 0.0
        self._short = self._short + 1 if lasted < limits.short_seconds else 0
        self._conflicts = self._conflicts + 1 if condition == "conflict" and lasted < limits.conflict_seconds else 0
        doublings = max(self._conflicts - 1, self._short - limits.short_links, 0)
        return limits.backoff.delay(doublings + 1)
