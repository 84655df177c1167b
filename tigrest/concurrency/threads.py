"""Make coroutine methods callable from worker threads."""

from __future__ import annotations

import asyncio
import functools
import inspect
from threading import get_ident
from typing import Any, TypeVar

T = TypeVar("T")

HOME = "_thread_of_loop"
"""Name of the attribute that caches the id of the thread that the loop runs in."""


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
        if get_ident() == self.__dict__.get(HOME):  # asking for the running loop is a system call before Python 3.12
            return method(self, *args, **kwargs)
        if (running := asyncio._get_running_loop()) is not None:
            if running is self.loop:
                self.__dict__[HOME] = get_ident()
            return method(self, *args, **kwargs)
        return asyncio.run_coroutine_threadsafe(method(self, *args, **kwargs), self.loop).result()

    return call
