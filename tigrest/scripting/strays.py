"""Tasks, callbacks and threads that scripts leave behind: they run on when the method that started them has ended.

What fails there is logged with the script, its line, and the request that it was started for; and ``sys.exit()`` in it does not end the
gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextvars import Context
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from tigrest.observability.context import RequestContext, current_request
from tigrest.observability.places import innermost, place_of_code

log = logging.getLogger(__name__)


class _Origin(NamedTuple):
    """Origin of a task.

    Args:
        request: it was started for; ``None`` outside of requests.
        code: of its coroutine.
    """

    request: RequestContext | None
    code: CodeType


class Strays:
    """Looks after what scripts leave behind.

    Args:
        folders: of scripts.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(f"{path}/" for folder in folders for path in (folder.absolute(), folder.resolve()))
        self._known: dict[str, bool] = {}
        self._started: WeakKeyDictionary[asyncio.Task[Any], _Origin] = WeakKeyDictionary()
        """Tasks of scripts. Their coroutines are not kept: through what they wait for, they lead back to the tasks."""

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look after the running loop, and the threads of the process, for the time being."""
        loop = asyncio.get_running_loop()
        hooks = threading.excepthook, sys.unraisablehook
        loop.set_task_factory(self._make_task)  # type: ignore[arg-type]  # a task is a future
        loop.set_exception_handler(self._on_loop_error)
        threading.excepthook, sys.unraisablehook = self._on_thread_error, self._on_unraisable
        try:
            yield
        finally:
            loop.set_task_factory(None)
            loop.set_exception_handler(None)
            threading.excepthook, sys.unraisablehook = hooks

    def is_script(self, file: str) -> bool:
        """Return whether a file is a script, or a helper of one."""
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = file.startswith(self._folders)
        return known

    def _make_task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        """Make a task; of one that a script starts, note for which request."""
        code = getattr(work, "cr_code", None)
        if code is None or not self.is_script(code.co_filename):
            return asyncio.Task(work, loop=loop, **options)
        task: asyncio.Task[Any] = asyncio.Task(_contained(work), loop=loop, **options)
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before it begins never awaits it
        self._started[task] = _Origin(current_request.get(), code)
        return task

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what a task raised that nobody awaits, or what a callback raised."""
        error, task = context.get("exception"), context.get("task") or context.get("future")
        line = innermost(error, self.is_script)
        if not line:
            loop.default_exception_handler(context)
        elif isinstance(task, asyncio.Task) and (origin := self._started.get(task)) is not None:
            log_context = Context()
            log_context.run(current_request.set, origin.request)
            log_context.run(log.error, "%s failed at %s, in a task that nobody awaits", place_of_code(origin.code), line, exc_info=error)
        else:
            log.error("what a script started failed at %s", line, exc_info=error)

    def _on_thread_error(self, failure: threading.ExceptHookArgs) -> None:
        error = failure.exc_value
        if error is None or isinstance(error, SystemExit):
            return  # sys.exit() in a thread ends the thread
        name = failure.thread.name if failure.thread is not None else "?"
        log.error("thread %s failed at %s", name, innermost(error, self.is_script) or "no line of a script", exc_info=error)

    def _on_unraisable(self, failure: sys.UnraisableHookArgs) -> None:
        error = failure.exc_value
        line = innermost(error, self.is_script)
        log.error("%s%s", failure.err_msg or f"an error was ignored in {failure.object!r}", f", at {line}" if line else "", exc_info=error)


async def _contained(work: Coroutine[Any, Any, Any]) -> Any:
    """Await a coroutine of a script. ``SystemExit`` would end the event loop, not only the task."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        did = "calls sys.exit()" if isinstance(error, SystemExit) else "raises KeyboardInterrupt"
        raise RuntimeError(f"the script {did} in a task; that ends the task only") from error
