"""Tasks that have an owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class TaskSet:
    """Tasks of one owner, who cancels and awaits those that are left when he stops.

    asyncio keeps no strong reference to a task, so that one without an owner may vanish in the middle.
    https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task

    Args:
        logs: whether to log what a task raises; ``False`` where somebody awaits each task.
    """

    def __init__(self, *, logs: bool = True) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._forget = self._report if logs else self._tasks.discard

    def __len__(self) -> int:
        """Return how many tasks are not done."""
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        """Iterate over the tasks that are not done."""
        return iter(tuple(self._tasks))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine in a task.

        Args:
            work: the coroutine.

        Returns:
            The task.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def stop(self) -> None:
        """Cancel the tasks that are not done, and wait for their end."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _report(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", getattr(task.get_coro(), "__qualname__", task.get_name()), exc_info=error)
