"""The event loop of the program: uvloop's, in every command and in tests, so that what was tested is what serves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop of the kind that ``tigrest serve`` runs on."""
    return uvloop.new_event_loop()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a new event loop, as :func:`asyncio.run` does.

    Args:
        main: the coroutine.

    Returns:
        What it returns.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
