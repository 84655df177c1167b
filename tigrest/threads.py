"""Calling the service from worker threads."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any, TypeVar

T = TypeVar("T")


def callable_from_threads(cls: type[T]) -> type[T]:
    """Make the public coroutine methods of a class usable from worker threads too.

    On the event loop such a method gives an awaitable as usual; in any other thread it runs on ``self.loop``, blocks, and
    gives the result itself. The class must set ``loop`` to the running loop before its first use.
    """
    for name, method in list(vars(cls).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(cls, name, _bridged(method))
    return cls


def _bridged(method: Any) -> Any:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if asyncio._get_running_loop() is not None:
            return method(self, *args, **kwargs)
        return asyncio.run_coroutine_threadsafe(method(self, *args, **kwargs), self.loop).result()

    return call
