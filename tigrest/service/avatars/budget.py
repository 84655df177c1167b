"""Bounds on what callers without login make the gateway ask the XMPP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tigrest.errors import TooManyLookups


@dataclass(frozen=True)
class LookupLimits:
    """Limits of the look-ups of one kind.

    Args:
        running: most that run at once.
        waiting: most that wait for one of these to end.
        iqs_per_second: that all of them send.
        wait_seconds: how long one waits before it is refused.
        retry_seconds: sent as ``Retry-After`` to a caller who is refused.
    """

    running: int
    waiting: int
    iqs_per_second: int
    wait_seconds: float = 2.0
    retry_seconds: float = 2.0


_BURST_SECONDS = 0.1
"""Burst allowed after a pause, in seconds of the rate."""


class Rate:
    """Limits a rate: a token bucket, whose waiters are served in order.

    Args:
        per_second: how many pass in a second; after a pause a tenth more.
    """

    def __init__(self, per_second: int) -> None:
        self._interval = 1.0 / per_second
        self._next = 0.0
        """When the next one is due, in seconds of the event loop."""
        self._turn = asyncio.Lock()
        self._clock = asyncio.get_running_loop().time

    async def wait(self) -> None:
        """Wait until one more may pass."""
        async with self._turn:
            now = self._clock()
            due = max(self._next, now - _BURST_SECONDS)
            if due > now:
                await asyncio.sleep(due - now)
            self._next = due + self._interval


class Lookups:
    """Bounds the look-ups of one kind.

    Args:
        limits: of these.
    """

    def __init__(self, limits: LookupLimits) -> None:
        self._limits, self._waiting = limits, 0
        self._slots = asyncio.Semaphore(limits.running)
        self._rate = Rate(limits.iqs_per_second)

    @asynccontextmanager
    async def lookup(self) -> AsyncIterator[Callable[[], Awaitable[object]]]:
        """Run a look-up; gives what it has to await before each iq.

        Raises:
            TooManyLookups: too many wait already, or have waited too long.
        """
        await self._enter()
        try:
            yield self._rate.wait
        finally:
            self._slots.release()

    async def _enter(self) -> None:
        if self._slots.locked() and self._waiting >= self._limits.waiting:
            raise TooManyLookups(self._limits.retry_seconds)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise TooManyLookups(self._limits.retry_seconds) from None
        finally:
            self._waiting -= 1


SERVED_LIMITS = LookupLimits(running=75, waiting=300, iqs_per_second=420)
OTHER_LIMITS = LookupLimits(running=25, waiting=100, iqs_per_second=90)


class Budget:
    """Bounds the look-ups of callers without login: at most 600 iqs a second, and 300 at once.

    A look-up takes three to fourteen iqs, three at once. Other domains may answer slowly or never, so their look-ups have a share of
    their own: whoever asks for them does not stop the look-ups of our users.

    Args:
        served: limits of look-ups of users of the served domain.
        others: limits of look-ups of all other addresses.
    """

    def __init__(self, served: LookupLimits = SERVED_LIMITS, others: LookupLimits = OTHER_LIMITS) -> None:
        self.served = Lookups(served)
        """For users of the served domain."""
        self.others = Lookups(others)
        """For all other addresses."""
