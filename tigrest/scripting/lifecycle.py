"""Keep the served table up to date: load, start, swap, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import ScriptError
from tigrest.observability.places import place_of
from tigrest.scripting.loader import Loader
from tigrest.scripting.module import LOAD_SECONDS, script_error
from tigrest.scripting.parts import Part
from tigrest.scripting.table import Table
from tigrest.scripting.watcher import changes
from tigrest.service import Service

log = logging.getLogger(__name__)

DRAIN_SECONDS = 60.0
"""Seconds a replaced handler may go on with its requests, stanzas and runs, before its ``shutdown`` is called anyway."""


class Scripts:
    """The scripts being served.

    Args:
        loader: loads them.
        service: what their ``startup`` gets.
        serve: called with each new table.
        seconds: how long ``startup`` and ``shutdown`` of a handler may take.
    """

    def __init__(self, loader: Loader, service: Service, serve: Callable[[Table], None], seconds: float = LOAD_SECONDS) -> None:
        self._seconds = seconds
        self._loader = loader
        self._service = service
        self._serve = serve
        self._reloading = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._retiring = TaskSet()
        self.table = Table()
        """The table that is served now."""

    async def start(self, watch: bool) -> None:
        """Load all scripts, and load them again whenever a file changes if ``watch``."""
        await self.reload()
        if watch:
            self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching, and shut all handlers down."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        await self._retiring.stop()
        await asyncio.gather(*[_shut_down(parts[0], self._seconds) for parts in self.table.handlers])

    async def reload(self) -> Table:
        """Load what changed and serve it; requests in flight finish on the table they began with."""
        async with self._reloading:
            before = self.table
            table = await asyncio.to_thread(self._loader.load, before)
            table = await self._start_up(table, before)
            self._serve(table)
            self.table = table
            kept = {id(part.handler) for part in table.parts}
            self._retire(parts for parts in before.handlers if id(parts[0].handler) not in kept)
            _report(before, table)
            return table

    async def _start_up(self, table: Table, before: Table) -> Table:
        """Await ``startup`` of new handlers; scripts in which one fails are not served."""
        running = {id(part.handler) for part in before.parts}
        for part, *_ in table.handlers:
            startup = getattr(part.handler, "startup", None)
            if id(part.handler) in running or startup is None:
                continue
            error = await _run_hook(partial(startup, self._service), self._seconds)
            if error is not None:
                log.error("%s failed", place_of(startup), exc_info=None if isinstance(error, TimeoutError) else error)
                problem = script_error(part.path, error)
                if isinstance(error, TimeoutError):
                    problem = ScriptError(part.path, part.line, f"startup() did not end within {self._seconds:g} s")
                table = self._loader.reject(table, problem, before)
        return table

    def _retire(self, handlers: Iterable[list[Part]]) -> None:
        for parts in handlers:
            self._retiring.start(_drain(parts, self._seconds))

    async def _watch(self) -> None:
        while True:
            try:
                async for _ in changes(self._loader.dirs):
                    await self.reload()
                return
            except Exception:
                log.exception("watching the scripts failed; trying again")
                await asyncio.sleep(1)


async def _drain(parts: list[Part], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while any(part.active for part in parts):  # noqa: ASYNC110 - a plain counter costs the requests least
                await asyncio.sleep(0.05)
    await _shut_down(parts[0], seconds)


async def _shut_down(part: Part, seconds: float) -> None:
    shutdown: Any = getattr(part.handler, "shutdown", None)
    if shutdown is not None and (error := await _run_hook(shutdown, seconds)) is not None:
        log.error("%s failed", place_of(shutdown), exc_info=error)


async def _run_hook(hook: Callable[[], Awaitable[object]], seconds: float) -> BaseException | None:
    """Run ``startup`` or ``shutdown`` of a handler, in a task of its own: one that swallows its cancellation is left behind.

    Args:
        hook: which.
        seconds: its time.

    Returns:
        What it raised, ``SystemExit`` and the like too, which would end the event loop; a ``TimeoutError`` when its time is over.
    """
    task = asyncio.create_task(_caught(hook))
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
    return TimeoutError(f"it did not end within {seconds:g} s")


async def _caught(hook: Callable[[], Awaitable[object]]) -> BaseException | None:
    try:
        await hook()
    except BaseException as error:
        return error
    return None


def _report(before: Table, table: Table) -> None:
    known = {str(problem) for problem in before.problems}
    for problem in table.problems:
        if str(problem) not in known:
            log.error("%s", problem)
    fresh = {part.path for part in set(table.parts) - set(before.parts)}
    gone = {part.path for part in before.parts} - {part.path for part in table.parts}
    if not before.parts:
        log.info("%d handlers from %d scripts", len(table.handlers), len(fresh))
        return
    for path in sorted(fresh):
        log.info("loaded %s", path)
    for path in sorted(gone):
        log.info("no longer served: %s", path)
