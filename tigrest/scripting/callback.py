"""The ``callback`` of a method: its result, given from any thread, also after the method has ended.

A result that comes too late is dropped, and the log says whose it was and why: threads of scripts are in no request's context.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextvars import Context
from typing import Any

from tigrest.observability.context import RequestContext, current_request
from tigrest.observability.places import place_of

log = logging.getLogger(__name__)


class Callback:
    """The argument ``callback``: takes one result, from any thread.

    Args:
        loop: the event loop.
        method: whose argument it is.
        request: the request that it answers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, method: Any, request: RequestContext | None) -> None:
        self._loop, self._method, self._request = loop, method, request
        self._lock = threading.Lock()
        self._waiter: asyncio.Future[Any] | None = None
        self.called = False
        """True once there is a result."""
        self._result: Any = None
        self._error: BaseException | None = None
        self._closed = ""

    def __call__(self, result: Any = None) -> None:
        """Give the result of the request; a second call is logged and ignored."""
        if not self._settle(result, None):
            self._warn("callback was called again; only its first result counts")
        elif self._closed:
            self._warn(f"callback was called {self._closed}; its result is dropped")

    def fail(self, error: BaseException) -> None:
        """End the request with an error, unless it has a result already."""
        self._settle(None, error)

    def close(self, when: str) -> None:
        """Wait no more for a result; one that comes nevertheless is logged.

        Args:
            when: that would be, for the log: ``after …``.
        """
        self._closed = when

    def _warn(self, problem: str) -> None:
        context = Context()
        context.run(current_request.set, self._request)
        context.run(log.warning, "%s: %s", place_of(self._method), problem)

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
