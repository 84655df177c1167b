"""Write in batches: what is queued while a transaction runs is written together in the next one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tigrest.concurrency.tasks import TaskSet
from tigrest.state.database_errors import reason

log = logging.getLogger(__name__)

B = TypeVar("B")


@dataclass(frozen=True)
class BatchLimits:
    """Limits of a batch writer. All in seconds.

    Args:
        pause_seconds: pause after each transaction, in which the next batch collects.
        retry_seconds: pause after a transaction that failed.
        stop_seconds: time for the last batches at the stop.
    """

    pause_seconds: float = 0.0
    retry_seconds: float = 1.0
    stop_seconds: float = 5.0


class BatchWriter(Generic[B]):
    """Runs one write at a time; its owner keeps the queue.

    A write that fails is repeated until it succeeds: nothing that was taken is given up.

    Args:
        name: of what is written, for the log.
        take: returns the next batch; ``None`` when there is nothing to write.
        write: writes a batch in one transaction. Where it must not be tried again it handles its errors itself.
        limits: pauses and timeouts; the defaults of :class:`BatchLimits`.
    """

    def __init__(
        self, name: str, take: Callable[[], B | None], write: Callable[[B], Awaitable[None]], limits: BatchLimits | None = None
    ) -> None:
        self._name, self._take, self._write = name, take, write
        self._limits = limits or BatchLimits()
        self._tasks = TaskSet()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wake(self, within: float = 0.0) -> None:
        """Write what is queued now.

        Args:
            within: seconds by which the write may be put off; 0 for at once.
        """
        if within:
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(within, self.wake)
            return
        self._forget_timer()
        if self._task is None:
            self._task = self._tasks.start(self._run())

    async def stop(self) -> bool:
        """Write what is left; return whether that succeeded in time. May be used again afterwards."""
        self.wake()
        task = self._task
        assert task is not None
        await asyncio.wait({task}, timeout=self._limits.stop_seconds)
        if task.done():
            return not task.cancelled() and task.exception() is None
        task.cancel()
        await asyncio.wait({task})
        self._task = None
        return False

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run(self) -> None:
        try:
            while (batch := self._take()) is not None:
                self._forget_timer()
                await self._until_written(batch)
                await asyncio.sleep(self._limits.pause_seconds)
        finally:
            self._task = None

    async def _until_written(self, batch: B) -> None:
        failures = 0
        while True:
            try:
                await self._write(batch)
            except Exception as error:
                failures += 1
                if failures == 1:
                    log.error("%s cannot be stored: %s; trying again", self._name, reason(error))
                    log.debug("the reason", exc_info=error)
                await asyncio.sleep(self._limits.retry_seconds)
            else:
                if failures:
                    log.info("%s are stored again", self._name)
                return
