"""Event streams that were opened with a token end with it: they are checked as requests are, which are over in a moment."""

from __future__ import annotations

import asyncio

from tigrest.auth.bearers import Bearers
from tigrest.concurrency.tasks import TaskSet
from tigrest.inbound.events.events import Events

CHECK_SECONDS = 1.0
"""Seconds between two looks at the tokens of open streams: within as many a token that another process revoked is refused elsewhere."""


class TokenStreams:
    """Closes the event streams whose tokens are revoked or have expired.

    Args:
        events: has the streams.
        bearers: looks tokens up.
        seconds: between two looks.
    """

    def __init__(self, events: Events, bearers: Bearers, seconds: float = CHECK_SECONDS) -> None:
        self._events, self._bearers, self._seconds = events, bearers, seconds
        self._tasks = TaskSet()

    def start(self) -> None:
        """Begin to look."""
        self._tasks.start(self._watch())

    async def stop(self) -> None:
        """Look no more."""
        await self._tasks.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            if names := self._events.tokens:
                for name in await self._bearers.ended(names):
                    self._events.dismiss_token(name)
