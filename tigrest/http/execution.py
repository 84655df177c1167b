"""Running a handler's method: on the loop or in a thread, with its callback, within its time."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from tigrest.deadlines import Deadlines
from tigrest.errors import HandlerTimeout
from tigrest.scripting.routing import Endpoint, Route
from tigrest.scripting.signature import Call, Invocation
from tigrest.service import reply_failed

log = logging.getLogger(__name__)

THREADS = 100
"""Most ``def`` methods running at once; further ones wait for a thread."""


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

    __slots__ = ("deadline", "expired", "task")

    def __init__(self, task: asyncio.Task[Any], deadline: float) -> None:
        self.task, self.deadline = task, deadline
        self.expired = False

    def expire(self) -> None:
        """Cancel it."""
        self.expired = True
        self.task.cancel()


class Execution:
    """Runs handlers' methods.

    Args:
        request_timeout: seconds a request may take where its handler does not say.
        loop: the running event loop.
    """

    def __init__(self, request_timeout: float, loop: asyncio.AbstractEventLoop) -> None:
        self._request_timeout = request_timeout
        self._loop = loop
        self._deadlines = Deadlines()
        self._threads = CapacityLimiter(THREADS)

    async def run(self, route: Route, endpoint: Endpoint, call: Call) -> Any:
        """Run a method and return its result.

        Raises:
            HandlerTimeout: there is no result in time.
            Exception: whatever the method raises.
        """
        seconds = route.timeout or self._request_timeout
        task = asyncio.current_task(self._loop)
        assert task is not None
        run = _Run(task, self._deadlines.after(seconds))
        self._deadlines.add(run)
        invocation = endpoint.invocation
        try:
            if invocation.is_coroutine and "callback" not in invocation.names:
                return await invocation(call)
            return await self._run(route, invocation, call)
        except asyncio.CancelledError:
            if not run.expired or task.uncancel() > 0:
                raise  # somebody else wants it to end
            raise HandlerTimeout(f"{route.uri} gave no result within {seconds:g} s") from None
        finally:
            self._deadlines.discard(run)

    async def _run(self, route: Route, invocation: Invocation, call: Call) -> Any:
        callback: Callback | None = None
        if "callback" in invocation.names:
            callback = call.callback = Callback(asyncio.get_running_loop())
            reply_failed.set(callback.fail)
        if invocation.is_coroutine:
            result = await cast("Coroutine[Any, Any, Any]", invocation(call))
        else:
            result = await run_sync(invocation, call, abandon_on_cancel=True, limiter=self._threads)
        if result is None and callback is not None and (callback.called or route.is_async):
            result = await callback.wait()
        return result
