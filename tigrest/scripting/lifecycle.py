"""Keep the served table up to date: load, start, swap, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import ScriptError
from tigrest.observability.places import place_of
from tigrest.scripting.commands import Command
from tigrest.scripting.loader import Loader
from tigrest.scripting.module import LOAD_SECONDS, script_error
from tigrest.scripting.parts import Part
from tigrest.scripting.table import Table
from tigrest.scripting.watcher import changes
from tigrest.service import Service

log = logging.getLogger(__name__)

DRAIN_SECONDS = 60.0
"""Seconds a replaced handler may go on with its requests, stanzas and runs, before its ``shutdown`` is called anyway."""


PATIENCE_SECONDS = 1.0
"""Seconds that scripts which were saved wait for one among them that takes long to load or to start."""

POLL_SECONDS = 0.1
"""Seconds between two looks at scripts that take long."""


@dataclass
class _Start:
    """A run of ``startup``.

    Args:
        hook: the method, bound to its handler.
        task: the run; its result is what it raised, or ``None``.
    """

    hook: Callable[..., object]
    task: asyncio.Task[BaseException | None]
    is_told: bool = False

    def tell(self) -> None:
        """Log once that it takes long."""
        if not self.is_told:
            self.is_told = True
            log.warning("%s takes long; the other scripts are served meanwhile", place_of(self.hook))


class Scripts:
    """The scripts being served.

    Args:
        loader: loads them.
        service: what their ``startup`` gets.
        serve: called with each new table.
        seconds: how long ``startup`` and ``shutdown`` of a handler may take.
        patience: how long scripts that were saved wait for one among them that takes long to load or to start; it follows later.
    """

    def __init__(
        self,
        loader: Loader,
        service: Service,
        serve: Callable[[Table], None],
        seconds: float = LOAD_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._seconds, self._patience = seconds, patience
        self._loader = loader
        self._service = service
        self._serve = serve
        self._reloading = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._retiring = TaskSet()
        self._starts: dict[int, _Start] = {}
        """Runs of ``startup`` by the id of the handler, until their results are taken."""
        self._following: asyncio.Task[None] | None = None
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
        waiting = [*(start.task for start in self._starts.values()), *([self._following] if self._following is not None else [])]
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=self._seconds)
        await self._retiring.stop()
        await asyncio.gather(*[_shut_down(parts[0], self._seconds) for parts in self.table.handlers])

    async def reload(self, patience: float | None = None, follows: bool = False) -> Table:
        """Load what changed and serve it; requests in flight finish on the table they began with.

        Args:
            patience: seconds to wait for scripts that take long, which follow when they are ready; ``None`` to wait for all.
            follows: whether it is only to take those.
        """
        async with self._reloading:
            before = self.table
            table = await asyncio.to_thread(self._loader.load, before, patience, follows)
            table = await self._start_up(table, before, patience)
            self._serve(table)
            self.table = table
            kept = {id(part.handler) for part in table.parts}
            self._retire(parts for parts in before.handlers if id(parts[0].handler) not in kept)
            _report(before, table)
            self._follow()
            return table

    async def _start_up(self, table: Table, before: Table, patience: float | None) -> Table:
        """Await ``startup`` of new handlers, all at once. Scripts in which one fails are not served; where it takes long, not yet."""
        running = {id(part.handler) for part in before.parts}
        fresh = [parts[0] for parts in table.handlers if id(parts[0].handler) not in running]
        self._forget_starts({id(part.handler) for part in fresh})
        starts = {part: start for part in fresh if (start := self._start_of(part)) is not None}
        if starts:
            await asyncio.wait([start.task for start in starts.values()], timeout=patience)
        for part, start in starts.items():
            if not start.task.done():
                start.tell()
                table = self._loader.postpone(table, part.path, before)
        for part, start in starts.items():
            if start.task.done() and table.scripts.get(part.path) is not None and part in table.scripts[part.path].parts:
                del self._starts[id(part.handler)]
                table = self._checked(table, before, part, start)
        return table

    def _start_of(self, part: Part) -> _Start | None:
        """Return the run of a handler's ``startup``, which began earlier or begins now; ``None`` where it has none."""
        startup = getattr(part.handler, "startup", None)
        if startup is not None and id(part.handler) not in self._starts:
            task = asyncio.create_task(_run_hook(partial(startup, self._service), self._seconds))
            self._starts[id(part.handler)] = _Start(startup, task)
        return self._starts.get(id(part.handler))

    def _forget_starts(self, wanted: set[int]) -> None:
        """Cancel runs of ``startup`` of scripts that have changed or gone meanwhile."""
        for key in [key for key in self._starts if key not in wanted]:
            self._retiring.start(_cancelled(self._starts.pop(key).task))

    def _checked(self, table: Table, before: Table, part: Part, start: _Start) -> Table:
        """Take a script whose handler did not start out of a table."""
        error = start.task.result()
        if error is None:
            return table
        late = isinstance(error, TimeoutError)
        log.error("%s failed", place_of(start.hook), exc_info=None if late else error)
        problem = script_error(part.path, error)
        if isinstance(error, SystemExit):
            problem = ScriptError(part.path, problem.line, "startup() calls sys.exit(); raise an error instead")
        if late:
            problem = ScriptError(part.path, part.line, f"startup() did not end within {self._seconds:g} s")
        return self._loader.reject(table, problem, before)

    def _follow(self) -> None:
        """Have scripts that took too long taken when they are ready."""
        if self._loader.postponed and (self._following is None or self._following.done()):
            self._following = asyncio.create_task(self._take_later())

    async def _take_later(self) -> None:
        while self._loader.postponed:
            count = self._unready
            while count and self._unready == count and not self._loader.has_ready:  # noqa: ASYNC110 - threads tell no loop that they end
                await asyncio.sleep(POLL_SECONDS)
            await self.reload(self._patience, follows=True)

    @property
    def _unready(self) -> int:
        return len(self._loader.unfinished) + sum(not start.task.done() for start in self._starts.values())

    def _retire(self, handlers: Iterable[list[Part]]) -> None:
        for parts in handlers:
            self._retiring.start(_drain(parts, self._seconds))

    async def _watch(self) -> None:
        while True:
            try:
                async for _ in changes(self._loader.dirs):
                    await self.reload(self._patience)
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


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and wait for its end."""
    task.cancel()
    await asyncio.wait({task})


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
        commands = table.of(Command)
        names = {command.name for command in commands}  # one each, whatever versions there are
        log.info("%d handlers and %d commands from %d scripts", len(table.handlers) - len(commands), len(names), len(fresh))
        return
    for path in sorted(fresh):
        log.info("loaded %s", path)
    for path in sorted(gone):
        log.info("no longer served: %s", path)
