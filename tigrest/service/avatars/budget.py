"""Bounds on what callers without login make the gateway ask the XMPP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tigrest.errors import TooManyLookups

WAIT_SECONDS = 2.0
"""How long a look-up waits for others to end before it is refused."""

BURST_SECONDS = 0.1
"""Burst that is allowed after a pause, as the seconds that it takes otherwise."""

RETRY_SECONDS = 2.0
"""After how many seconds a refused caller should try again."""


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
            due = max(self._next, now - BURST_SECONDS)
            if due > now:
                await asyncio.sleep(due - now)
            self._next = due + self._interval


class Lane:
    """Bounds the look-ups of one kind.

    Args:
        running: most that run at once.
        waiting: most that wait for one of these to end.
        iqs_per_second: how many iqs all of them send in a second.
        patience: seconds that one waits for another to end before it is refused.
    """

    def __init__(self, running: int, waiting: int, iqs_per_second: int, patience: float) -> None:
        self._slots = asyncio.Semaphore(running)
        self._most_waiting, self._waiting, self._patience = waiting, 0, patience
        self._rate = Rate(iqs_per_second)

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
        if self._slots.locked() and self._waiting >= self._most_waiting:
            raise TooManyLookups(RETRY_SECONDS)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._slots.acquire()
        except TimeoutError:
            raise TooManyLookups(RETRY_SECONDS) from None
        finally:
            self._waiting -= 1


class Budget:
    """Bounds the look-ups of callers without login: at most 600 iqs a second, and 300 at once.

    A look-up takes three to fourteen iqs, three at once. Other domains may answer slowly or never, so their look-ups have a share of
    their own: whoever asks for them does not stop the look-ups of our users.

    Args:
        patience: seconds that a look-up waits for others to end before it is refused.
    """

    def __init__(self, patience: float = WAIT_SECONDS) -> None:
        self.served = Lane(running=75, waiting=300, iqs_per_second=420, patience=patience)
        """For users of the served domain."""
        self.others = Lane(running=25, waiting=100, iqs_per_second=90, patience=patience)
        """For all other addresses."""
