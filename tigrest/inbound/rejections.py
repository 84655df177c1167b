"""Telling senders that there was no room for what they sent: a bounded number at once, and the rest in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tigrest.errors import NotConnected, TigrestError
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

MOST = 1000
"""Most refusals being sent at once; further stanzas are refused in the log only."""


class Rejections:
    """Sends errors to those whose stanzas could not be taken.

    Args:
        send: sends a stanza.
        taker: who could not take them, for the log.
    """

    def __init__(self, send: Callable[[Stanza], Awaitable[None]], taker: str) -> None:
        self._send, self._taker = send, taker
        self.running: set[asyncio.Task[None]] = set()
        """What is being sent."""
        self._untold = 0

    def tell(self, error: Stanza | None) -> None:
        """Send an error. Returns at once.

        Args:
            error: the error stanza; ``None`` where the sender may not be told.
        """
        if error is None or len(self.running) >= MOST:
            self._untold += 1
            if self._untold == 1 or self._untold % 1000 == 0:
                log.error("too many stanzas wait for %s: %d were dropped, and their senders not told", self._taker, self._untold)
            return
        task = asyncio.create_task(self.deliver(error))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def stop(self) -> None:
        """Send no more."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)

    async def deliver(self, error: Stanza) -> None:
        """Send an error and wait until it is handed over; what goes wrong is logged."""
        try:
            await self._send(error)
        except NotConnected as trouble:
            log.debug("a refusal was not sent: %s", trouble)
        except TigrestError as trouble:
            log.warning("a refusal cannot be sent: %s", trouble)
