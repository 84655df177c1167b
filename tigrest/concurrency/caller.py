"""Tell whether the caller of a request still waits for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from starlette.types import Scope

from tigrest.errors import CallerGone

T = TypeVar("T")

CALLER = "tigrest.caller"
"""Name of the ASGI extension: ``scope["extensions"][CALLER]`` is a :class:`Caller`."""


class Waiting(Protocol):
    """The caller of the request being served."""

    @property
    def is_gone(self) -> bool:
        """Return whether he disconnected before the answer was complete."""

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Have the event loop call something once if he goes away before the answer is complete; soon, if he has already.

        Args:
            callback: called without arguments.
        """

    def off_gone(self, callback: Callable[[], object]) -> None:
        """Undo one :meth:`on_gone`.

        Args:
            callback: what was given there; ignored when it is not known any more.
        """


class Caller(Waiting, Protocol):
    """The caller of a request, as far as the run of its handler needs him."""

    @property
    def waits_for_body(self) -> bool:
        """Return whether the application waits, or waited when it was cancelled, for a part of the body."""

    def expect_upload(self) -> None:
        """Give the body more time the more of it has come: it may be large."""

    def detach(self) -> None:
        """Stop waiting for the task that serves the request: another task answers it."""


def caller_of(scope: Scope) -> Caller | None:
    """Return the caller of a request; ``None`` where the server does not tell.

    Args:
        scope: of the request (ASGI).
    """
    extensions = scope.get("extensions")
    caller: Caller | None = extensions.get(CALLER) if extensions else None
    return caller


waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)
"""Caller of the request being served; ``None`` where it cannot be known whether he still waits."""


async def while_there(work: Awaitable[T]) -> T:
    """Await something, but no longer than the caller waits for his answer.

    Raises:
        CallerGone: he has disconnected.
    """
    caller, task = waiting.get(), asyncio.current_task()
    if caller is None or task is None:
        return await work
    caller.on_gone(task.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        if caller.is_gone and task.uncancel() == 0:
            raise CallerGone("the caller has gone away") from None
        raise
    finally:
        caller.off_gone(task.cancel)
