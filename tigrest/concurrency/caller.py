"""Whether the caller whose request is being served still waits for the answer."""

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
    """Whoever waits for the answer to the request being served."""

    @property
    def is_gone(self) -> bool:
        """Whether he went away before the answer was complete."""

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
    """Whoever waits for the answer to a request, as its handler's run knows him."""

    @property
    def waits_for_body(self) -> bool:
        """Whether the application waits, or waited when it was cancelled, for a part of the body."""

    def detach(self) -> None:
        """Stop waiting for the task that serves the request: it is answered by another one."""


def caller_of(scope: Scope) -> Caller | None:
    """Return who waits for the answer to a request; ``None`` where the server does not tell.

    Args:
        scope: of the request (ASGI).
    """
    extensions = scope.get("extensions")
    caller: Caller | None = extensions.get(CALLER) if extensions else None
    return caller


waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)
"""Who waits for the answer to the request being served; ``None`` where it cannot be known whether he still does."""


async def while_there(work: Awaitable[T]) -> T:
    """Wait for something until the caller goes away; where that cannot be known, until it is done.

    Raises:
        CallerGone: he has gone.
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
