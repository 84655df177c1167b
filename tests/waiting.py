"""Wait for what a test expects, instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SECONDS = 20.0
"""Longest wait: much more than it takes, on a busy machine too."""


def eventually(condition: Callable[[], object]) -> None:
    """Wait until something is so; blocks.

    Args:
        condition: tells whether it is so.
    """
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so.

    Args:
        condition: tells whether it is so.
    """
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
