"""The one way to run a method of a script: on the loop or in a thread, within its time.

A request, a stanza and a run of a schedule differ in what becomes of the result, and of a method that does not end: that is what a
subclass of :class:`Run` says.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, cast

from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import HandlerTimeout, TigrestError
from tigrest.observability.context import RequestContext, current_request
from tigrest.observability.metrics import Metrics
from tigrest.scripting.parts import Part
from tigrest.scripting.signature import Invocation
from tigrest.scripting.workers import ThreadCall, WorkerLimits, Workers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExecutionLimits:
    """Limits of the methods of scripts.

    Args:
        notice: seconds that a cancelled method gets to end.
        workers: limits of ``def`` methods, which run in threads.
    """

    notice: float = 1.0
    workers: WorkerLimits = field(default_factory=WorkerLimits)


class Run:
    """One call of a method. It runs in the task that calls :meth:`Execution.run`, which is cancelled when its time is over.

    Args:
        part: what is called.
        invocation: its method.
        call: the arguments.
        seconds: its time.
    """

    left_means = "its result is dropped"
    """Consequence for a call that goes on although it was cancelled; a phrase for the log."""

    execution: Execution
    task: asyncio.Task[Any]
    deadline = 0.0
    expired = left = False
    completes = False
    request: RequestContext | None = None
    thread: ThreadCall | None = None

    def __init__(self, part: Part, invocation: Invocation, call: Any, seconds: float) -> None:
        self.part, self.invocation, self.call, self.seconds = part, invocation, call, seconds

    def __str__(self) -> str:
        """Name script, line and method, e.g. ``scripts/rest/bots/echo.py:9: Echo.on_message``."""
        return self.invocation.where

    async def complete(self, result: Any) -> Any:
        """Make the result out of what the method returned; within its time. Called only if ``completes``."""
        return result

    def error(self) -> TigrestError:
        """Return what to raise when the time is over."""
        return HandlerTimeout(f"{self.part.title} gave no result within {self.seconds:g} s")

    def give_up(self) -> None:
        """Take notice that the time is over: the method is being cancelled."""

    def leave(self) -> None:
        """Take notice that the method goes on although it was cancelled."""

    async def ended(self) -> None:
        """Wait for the thread of a ``def`` method, which goes on when its time is over."""
        if self.thread is not None:
            await self.thread.wait()

    def expire(self) -> None:
        """Cancel the method; when it goes on nevertheless, leave it behind. Called when its deadline has passed."""
        if self.expired:
            self.left = True
            self.execution.leave_behind(self)
        else:
            self.expired = True
            self.give_up()
            self.task.cancel()
            self.execution.expect_end(self)


class Execution:
    """Runs methods of scripts.

    Args:
        limits: its limits.
    """

    def __init__(self, limits: ExecutionLimits | None = None) -> None:
        self.limits = limits or ExecutionLimits()
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines()
        self.workers = Workers(self.limits.workers)
        self._left: set[asyncio.Task[Any]] = set()

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the numbers of threads, and of handlers that go on, to the metrics."""
        metrics.gauge("tigrest_threads", "Threads for def methods.", ("state",), self.workers.numbers)
        metrics.gauge("tigrest_handlers_left_behind", "Handlers that go on.", (), lambda: [((), self.left_behind)])

    @property
    def left_behind(self) -> int:
        """Return the number of methods that go on although they were cancelled."""
        return len(self._left)

    async def run(self, run: Run) -> Any:
        """Run a method in the current task and return its result. No task and no future where it does not wait.

        Args:
            run: the call; each is run once.

        Raises:
            TigrestError: there is no result in time (:meth:`Run.error`), or no thread (:class:`tigrest.errors.NoThread`).
            asyncio.CancelledError: nobody wants the result any more, or :meth:`Run.leave` has dealt with the call meanwhile.
            Exception: whatever the method raises.
        """
        task = asyncio.current_task(self._loop)
        assert task is not None
        run.execution, run.task, run.request = self, task, current_request.get()
        run.deadline = self._deadlines.after(run.seconds)
        self._deadlines.add(run)
        part, invocation = run.part, run.invocation
        part.active += 1
        try:
            result = await invocation(run.call) if invocation.is_coroutine else await self.workers.run(run)
            if run.completes:
                result = await run.complete(result)
            if not run.expired:
                return result
        except asyncio.CancelledError as error:
            if not run.expired:
                if task.cancelling() or run.left:
                    raise  # somebody else wants it to end
                raise RuntimeError("something that the script waits for was cancelled") from error
        except Exception:
            if not run.expired:
                raise  # its own error
        except BaseException as error:  # SystemExit would end the event loop; servers take GeneratorExit for their own
            if asyncio.current_task(self._loop) is not task:
                raise  # the task is dropped: its coroutine gets a GeneratorExit from outside
            if not run.expired:
                did = "calls sys.exit()" if isinstance(error, SystemExit) else f"raises {type(error).__name__}"
                raise RuntimeError(f"the script {did}; a method only returns or raises errors") from error
        finally:
            self._deadlines.discard(run)
            if not run.left:
                part.active -= 1
        self._left.discard(task)
        if task.uncancel() > 0 or run.left:
            raise asyncio.CancelledError
        raise run.error()

    def expect_end(self, run: Run) -> None:
        """Give a cancelled method a moment to end."""
        run.deadline = self._deadlines.after(self.limits.notice)
        self._deadlines.add(run)

    def leave_behind(self, run: Run) -> None:
        """Go on without a method that goes on although it was cancelled."""
        self._left.add(run.task)
        context = Context()
        context.run(current_request.set, run.request)
        part = run.part
        part.active -= 1  # it does not keep a script that was replaced from being shut down
        line = _line(run.task, str(part.path)) or part.line
        context.run(
            log.error,
            "%s was cancelled after %g s and goes on: %s:%d swallows CancelledError; %s",
            *(part.title, run.seconds, part.relative, line, run.left_means),
        )
        context.run(run.leave)


def _line(task: asyncio.Task[Any], path: str) -> int:
    """Return the line of a file that a task waits in; 0 when it waits elsewhere."""
    line, awaited = 0, cast("Any", task.get_coro())
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        if frame.f_code.co_filename == path:
            line = frame.f_lineno
        awaited = awaited.cr_await
    return line
