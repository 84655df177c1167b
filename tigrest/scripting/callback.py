"""The ``callback`` of a method: its result, given from any thread, also after the method has ended."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

log = logging.getLogger(__name__)


class Callback:
    """The argument ``callback``: takes one result, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiter: asyncio.Future[Any] | None = None
        self.called = False
        """True once there is a result."""
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
