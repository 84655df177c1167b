"""Worker threads for ``def`` methods: a share for each part of a script, so that one that hangs does not stop all others."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from tigrest.errors import NoThread
from tigrest.scripting.parts import Part
from tigrest.scripting.signature import Invocation


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of the worker threads.

    Args:
        threads: most ``def`` methods running at once, those that are stuck aside; further ones wait for a thread.
        share: most of them of one part.
        wait_seconds: most seconds to wait for a thread.
        stuck: most threads that may be stuck: in methods that go on although their time is over.
        stuck_of_part: most of them in one part.
    """

    threads: int = 100
    share: int = 80
    wait_seconds: float = 10.0
    stuck: int = 100
    stuck_of_part: int = 20


class ThreadCall:
    """A method in a thread."""

    __slots__ = ("_lock", "_waiter", "began", "ended", "part")

    def __init__(self, part: Part) -> None:
        self.part, self.began = part, time.monotonic()
        self.ended = False
        self._lock = threading.Lock()
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def run(self, invocation: Invocation, call: Any) -> Any:
        """Run the method; in the thread."""
        try:
            return invocation(call)
        except GeneratorExit as error:  # a task that gets it from a future closes its coroutines
            raise RuntimeError("the script raises GeneratorExit; a method only returns or raises errors") from error
        finally:
            with self._lock:
                self.ended = True
                waiter = self._waiter
            if waiter is not None:
                loop, event = waiter
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        """Wait until the method has ended; for one that waits at most."""
        event = asyncio.Event()
        with self._lock:
            if self.ended:
                return
            self._waiter = asyncio.get_running_loop(), event
        await event.wait()


class ThreadRun(Protocol):
    """A call of a ``def`` method, as :class:`tigrest.scripting.execution.Run` is."""

    part: Part
    invocation: Invocation
    call: Any
    seconds: float
    thread: ThreadCall | None


class Workers:
    """Runs methods in threads.

    Args:
        limits: its limits.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._free = asyncio.Semaphore(limits.threads)
        self._shares: WeakKeyDictionary[Part, asyncio.Semaphore] = WeakKeyDictionary()
        self._running: set[ThreadCall] = set()
        self._abandoned: set[ThreadCall] = set()
        self._limiter = CapacityLimiter(math.inf)  # the semaphores are the limit

    async def run(self, run: ThreadRun) -> Any:
        """Run a method in a thread; when this is cancelled, the thread goes on.

        Args:
            run: the call; gets its ``thread``. At most half of its time is spent waiting for one.

        Raises:
            NoThread: none is free in time, or too many are stuck.
            Exception: whatever the method raises.
        """
        part = run.part
        self._refuse_if_stuck(part)
        async with self._permit(part, min(self._limits.wait_seconds, run.seconds / 2)):
            thread = run.thread = ThreadCall(part)
            self._running.add(thread)
            try:
                return await run_sync(thread.run, run.invocation, run.call, abandon_on_cancel=True, limiter=self._limiter)
            finally:
                self._running.discard(thread)
                if not thread.ended:
                    self._abandoned.add(thread)

    def numbers(self) -> Iterator[tuple[tuple[str], float]]:
        """Give the number of threads by their state, for the metrics."""
        yield ("running",), len(self._running)
        yield ("stuck",), len(self._stuck())

    def _stuck(self) -> set[ThreadCall]:
        self._abandoned = {thread for thread in self._abandoned if not thread.ended}
        return self._abandoned

    def _refuse_if_stuck(self, part: Part) -> None:
        if not self._abandoned:
            return
        stuck = self._stuck()
        if len(stuck) >= self._limits.stuck:
            raise NoThread(f"{len(stuck)} threads are stuck, {_most(stuck)}; correct that script and restart")
        of_part = sum(thread.part is part for thread in stuck)
        if of_part >= self._limits.stuck_of_part:
            raise NoThread(f"{of_part} calls of {part.title} are stuck in threads; correct {part.relative}, line {part.line}")

    @asynccontextmanager
    async def _permit(self, part: Part, seconds: float) -> AsyncIterator[None]:
        """Hold a permit for a thread: one of the part's share, and one of all."""
        share = self._shares.get(part)
        if share is None:
            share = self._shares[part] = asyncio.Semaphore(self._limits.share)
        await self._acquire(share, part, seconds)
        try:
            await self._acquire(self._free, part, seconds)
            try:
                yield
            finally:
                self._free.release()
        finally:
            share.release()

    async def _acquire(self, semaphore: asyncio.Semaphore, part: Part, seconds: float) -> None:
        if not semaphore.locked():
            await semaphore.acquire()  # at once
            return
        try:
            async with asyncio.timeout(seconds):
                await semaphore.acquire()
        except TimeoutError:
            if semaphore is self._free:
                busy = f"all {self._limits.threads} are busy, {_most(self._running)}"
                raise NoThread(f"no thread became free within {seconds:g} s: {busy}") from None
            raise NoThread(f"no thread became free within {seconds:g} s: {self._limits.share} calls of {part.title} run already") from None


def _most(threads: set[ThreadCall]) -> str:
    """Say which part has most of the threads."""
    [(part, number)] = Counter(thread.part for thread in threads).most_common(1)
    longest = time.monotonic() - min(thread.began for thread in threads if thread.part is part)
    return f"{number} of them with {part.title} ({part.relative}), for up to {longest:.0f} s"
