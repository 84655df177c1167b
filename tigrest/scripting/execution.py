"""Running a handler's method: on the loop or in a thread, with its callback, within its time."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, cast

from starlette.types import Scope, Send

from tigrest.concurrency.caller import caller_of
from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import BodyTimeout, HandlerTimeout, TigrestError
from tigrest.observability.context import current_request
from tigrest.observability.metrics import Metrics
from tigrest.scripting.routes import Endpoint, Route
from tigrest.scripting.signature import Call, Invocation
from tigrest.scripting.workers import Workers
from tigrest.service import reply_failed

log = logging.getLogger(__name__)

NOTICE = 1.0
"""Seconds that a cancelled method gets to end."""


class Callback:
    """What a handler gets as ``callback``: takes one result, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiter: asyncio.Future[Any] | None = None
        self.called = False
        """Whether there is a result."""
        self._result: Any = None
        self._error: BaseException | None = None

    def __call__(self, result: Any = None) -> None:
        """Give the result of the request; a second call is logged and ignored."""
        if not self._settle(result, None):
            log.warning("callback was called again; only its first result counts")

    def fail(self, error: BaseException) -> None:
        """End the request with an error, unless it has a result already."""
        self._settle(None, error)

    def _settle(self, result: Any, error: BaseException | None) -> bool:
        with self._lock:
            if self.called:
                return False
            self.called, self._result, self._error = True, result, error
            if self._waiter is not None:
                self._loop.call_soon_threadsafe(_wake, self._waiter)
            return True

    async def wait(self) -> Any:
        """Wait for the result.

        Raises:
            Exception: what the request was made to :meth:`fail` with.
        """
        with self._lock:
            if not self.called:
                self._waiter = self._loop.create_future()
        if self._waiter is not None:
            await self._waiter
        if self._error is not None:
            raise self._error
        return self._result


def _wake(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Run:
    """A method that is running."""

    __slots__ = ("deadline", "execution", "expired", "left", "request", "route", "scope", "seconds", "send", "task")

    def __init__(self, execution: Execution, route: Route, scope: Scope, send: Send, task: asyncio.Task[Any], seconds: float) -> None:
        self.execution, self.route, self.scope, self.send, self.task, self.seconds = execution, route, scope, send, task, seconds
        self.deadline = 0.0
        self.request = current_request.get()
        self.expired = self.left = False

    def expire(self) -> None:
        """Cancel it; if it goes on nevertheless, have somebody else answer the request."""
        if self.expired:
            self.left = True
            self.execution.leave_behind(self)
        else:
            self.expired = True
            self.task.cancel()
            self.execution.expect_end(self)

    def error(self) -> TigrestError:
        """Return what to answer: a body that did not arrive is not the handler's fault."""
        caller = caller_of(self.scope)
        if caller is not None and caller.waits_for_body:
            return BodyTimeout(self.seconds)
        return HandlerTimeout(f"{self.route.uri} gave no result within {self.seconds:g} s")


Answer = Callable[[Scope, Send, str, TigrestError, float], Coroutine[Any, Any, None]]
"""Answers a request whose handler does not: its scope and ``send`` (ASGI), the URI of its route, why, and seconds since it began."""


class Execution:
    """Runs handlers' methods.

    Args:
        request_timeout: seconds a request may take where its handler does not say.
        loop: the running event loop.
        answer: answers requests whose handlers go on although they were cancelled.
    """

    def __init__(self, request_timeout: float, loop: asyncio.AbstractEventLoop, answer: Answer) -> None:
        self._request_timeout = request_timeout
        self._loop = loop
        self._answer = answer
        self._deadlines = Deadlines()
        self.workers = Workers()
        self._left: set[asyncio.Task[Any]] = set()
        self._answering: set[asyncio.Task[None]] = set()

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the numbers of threads, and of handlers that go on, to the metrics."""
        metrics.gauge("tigrest_threads", "Threads for def methods.", ("state",), self.workers.numbers)
        metrics.gauge("tigrest_handlers_left_behind", "Handlers that go on.", (), lambda: [((), self.left_behind)])

    @property
    def left_behind(self) -> int:
        """Number of handlers that go on although they were cancelled."""
        return len(self._left)

    async def run(self, route: Route, endpoint: Endpoint, call: Call, scope: Scope, send: Send) -> Any:
        """Run a method and return its result.

        Args:
            route: the handler.
            endpoint: its method.
            call: the arguments.
            scope: of the request (ASGI).
            send: of the request (ASGI); used when the method goes on although it was cancelled.

        Raises:
            HandlerTimeout: there is no result in time.
            BodyTimeout: the method waited for the body of the request, which did not arrive in time.
            asyncio.CancelledError: nobody wants the result any more, also because the request was answered meanwhile.
            Exception: whatever the method raises.
        """
        seconds = route.timeout or self._request_timeout
        task = asyncio.current_task(self._loop)
        assert task is not None
        run = _Run(self, route, scope, send, task, seconds)
        run.deadline = self._deadlines.after(seconds)
        self._deadlines.add(run)
        invocation = endpoint.invocation
        route.active += 1
        try:
            if invocation.is_coroutine and "callback" not in invocation.names:
                result = await invocation(call)
            else:
                result = await self._run(route, invocation, call, seconds)
            if not run.expired:
                return result
        except BaseException:
            if not run.expired:
                raise  # its own error, or somebody else wants it to end
        finally:
            self._deadlines.discard(run)
            if not run.left:
                route.active -= 1
        self._left.discard(task)
        if task.uncancel() > 0 or run.left:
            raise asyncio.CancelledError
        raise run.error()

    async def _run(self, route: Route, invocation: Invocation, call: Call, seconds: float) -> Any:
        callback: Callback | None = None
        if "callback" in invocation.names:
            callback = call.callback = Callback(asyncio.get_running_loop())
            reply_failed.set(callback.fail)
        if invocation.is_coroutine:
            result = await cast("Coroutine[Any, Any, Any]", invocation(call))
        else:
            result = await self.workers.run(route, invocation, call, seconds)
        if result is None and callback is not None and (callback.called or route.is_async):
            result = await callback.wait()
        return result

    def expect_end(self, run: _Run) -> None:
        """Give a cancelled method a moment to end."""
        run.deadline = self._deadlines.after(NOTICE)
        self._deadlines.add(run)

    def leave_behind(self, run: _Run) -> None:
        """Answer the request of a method that goes on although it was cancelled, and let it go on."""
        self._left.add(run.task)
        context = Context()
        context.run(current_request.set, run.request)
        route, caller = run.route, caller_of(run.scope)
        route.active -= 1  # it does not keep a script that was replaced from being shut down
        line = _line(run.task, str(route.path)) or route.line
        context.run(
            log.error,
            "%s was cancelled after %g s and goes on: %s:%d swallows CancelledError; the request is answered without it",
            *(route.uri, run.seconds, route.relative, line),
        )
        if caller is not None:
            caller.detach()
        coroutine = self._answer(run.scope, run.send, route.uri, run.error(), run.seconds + NOTICE)
        answering = self._loop.create_task(coroutine, context=context)
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)


def _line(task: asyncio.Task[Any], path: str) -> int:
    """Return the line of a file that a task waits in; 0 when it waits elsewhere."""
    line, awaited = 0, cast("Any", task.get_coro())
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        if frame.f_code.co_filename == path:
            line = frame.f_lineno
        awaited = awaited.cr_await
    return line
