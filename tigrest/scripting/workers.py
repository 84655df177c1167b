"""Worker threads for ``def`` methods: a share for each handler, so that one that hangs does not stop all others."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from tigrest.errors import NoThread
from tigrest.scripting.routes import Route
from tigrest.scripting.signature import Call, Invocation

THREADS = 100
"""Most ``def`` methods running at once, those that are stuck aside; further ones wait for a thread."""

SHARE = 80
"""Most of them of one handler."""

WAIT_SECONDS = 10.0
"""Most seconds to wait for a thread."""

MAX_STUCK = 100
"""Most threads that may be stuck: in methods that go on although their time is over."""

MAX_STUCK_OF_ROUTE = 20
"""Most of them in one handler."""


class _Job:
    """A method in a thread."""

    __slots__ = ("began", "ended", "route")

    def __init__(self, route: Route) -> None:
        self.route, self.began = route, time.monotonic()
        self.ended = False

    def run(self, invocation: Invocation, call: Call) -> Any:
        """Run the method; in the thread."""
        try:
            return invocation(call)
        finally:
            self.ended = True


class Workers:
    """Runs methods in threads."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(THREADS)
        self._shares: WeakKeyDictionary[Route, asyncio.Semaphore] = WeakKeyDictionary()
        self._running: set[_Job] = set()
        self._abandoned: set[_Job] = set()
        self._limiter = CapacityLimiter(math.inf)  # the semaphores are the limit

    async def run(self, route: Route, invocation: Invocation, call: Call, seconds: float) -> Any:
        """Run a method in a thread; when this is cancelled, the thread goes on.

        Args:
            route: whose method it is.
            invocation: the method.
            call: its arguments.
            seconds: its time limit; at most half of it is spent waiting for a thread.

        Raises:
            NoThread: none is free in time, or too many are stuck.
            Exception: whatever the method raises.
        """
        self._refuse_if_stuck(route)
        async with self._thread(route, min(WAIT_SECONDS, seconds / 2)):
            job = _Job(route)
            self._running.add(job)
            try:
                return await run_sync(job.run, invocation, call, abandon_on_cancel=True, limiter=self._limiter)
            finally:
                self._running.discard(job)
                if not job.ended:
                    self._abandoned.add(job)

    def numbers(self) -> Iterator[tuple[tuple[str], float]]:
        """Give the number of threads by their state, for the metrics."""
        yield ("running",), len(self._running)
        yield ("stuck",), len(self._stuck())

    def _stuck(self) -> set[_Job]:
        self._abandoned = {job for job in self._abandoned if not job.ended}
        return self._abandoned

    def _refuse_if_stuck(self, route: Route) -> None:
        if not self._abandoned:
            return
        stuck = self._stuck()
        if len(stuck) >= MAX_STUCK:
            raise NoThread(f"{len(stuck)} threads are stuck, {_most(stuck)}; correct that script and restart")
        of_route = sum(job.route is route for job in stuck)
        if of_route >= MAX_STUCK_OF_ROUTE:
            raise NoThread(f"{of_route} calls of {route.uri} are stuck in threads; correct {route.relative}, line {route.line}")

    @asynccontextmanager
    async def _thread(self, route: Route, seconds: float) -> AsyncIterator[None]:
        """Hold a permit for a thread: one of the handler's share, and one of all."""
        share = self._shares.get(route)
        if share is None:
            share = self._shares[route] = asyncio.Semaphore(SHARE)
        await self._acquire(share, route, seconds)
        try:
            await self._acquire(self._free, route, seconds)
            try:
                yield
            finally:
                self._free.release()
        finally:
            share.release()

    async def _acquire(self, semaphore: asyncio.Semaphore, route: Route, seconds: float) -> None:
        if not semaphore.locked():
            await semaphore.acquire()  # at once
            return
        try:
            async with asyncio.timeout(seconds):
                await semaphore.acquire()
        except TimeoutError:
            if semaphore is self._free:
                raise NoThread(f"no thread became free within {seconds:g} s: all {THREADS} are busy, {_most(self._running)}") from None
            raise NoThread(f"no thread became free within {seconds:g} s: {SHARE} calls of {route.uri} run already") from None


def _most(jobs: set[_Job]) -> str:
    """Say which handler has most of the threads."""
    [(route, number)] = Counter(job.route for job in jobs).most_common(1)
    longest = time.monotonic() - min(job.began for job in jobs if job.route is route)
    return f"{number} of them with {route.uri} ({route.relative}), for up to {longest:.0f} s"
