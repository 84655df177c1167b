"""Bounds on what callers without login make the gateway ask the XMPP server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tigrest.errors import TooManyLookups

WAIT_SECONDS = 2.0
"""How long a look-up waits for others to end before it is refused."""

TICK = 0.002
"""Seconds by which timers may go off too early: uvloop's have milliseconds."""

RETRY_SECONDS = 2.0
"""After how many seconds a refused caller should try again."""


class Rate:
    """Lets at most so many pass in any one second; the rest wait, first come first served.

    Args:
        per_second: how many.
    """

    def __init__(self, per_second: int) -> None:
        self._passed: deque[float] = deque(maxlen=per_second)
        self._turn = asyncio.Lock()
        self._clock = asyncio.get_running_loop().time

    async def wait(self) -> None:
        """Wait until one more may pass."""
        async with self._turn:
            if len(self._passed) == self._passed.maxlen and (left := self._passed[0] + 1.0 - self._clock()) > 0:
                await asyncio.sleep(left + TICK)
            self._passed.append(self._clock())


class Lane:
    """Bounds the look-ups of one kind.

    Args:
        running: most that run at once.
        waiting: most that wait for one of these to end.
        iqs_per_second: most iqs that all of them send in a second.
    """

    def __init__(self, running: int, waiting: int, iqs_per_second: int) -> None:
        self._slots = asyncio.Semaphore(running)
        self._most_waiting, self._waiting = waiting, 0
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
            async with asyncio.timeout(WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise TooManyLookups(RETRY_SECONDS) from None
        finally:
            self._waiting -= 1


class Budget:
    """Bounds the look-ups of callers without login: at most 600 iqs a second, and 300 at once.

    A look-up takes three to ten iqs, three at once. Other domains may answer slowly or never, so their look-ups have a share of
    their own: whoever asks for them does not stop the look-ups of our users.
    """

    def __init__(self) -> None:
        self.served = Lane(running=75, waiting=300, iqs_per_second=500)
        """For users of the served domain."""
        self.others = Lane(running=25, waiting=100, iqs_per_second=100)
        """For all other addresses."""
