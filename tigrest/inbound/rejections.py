"""Tell senders that there was no room for their stanzas: a bounded number at once, the rest in the log only."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import NotConnected, TigrestError
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

REJECTIONS_AT_ONCE = 1000
"""Most rejections being sent at once; further stanzas are rejected in the log only."""


class Rejections:
    """Sends errors to the senders of stanzas that were not accepted.

    Args:
        send: sends a stanza.
        taker: who did not accept them, for the log.
        at_once: most rejections being sent at once.
    """

    def __init__(self, send: Callable[[Stanza], Awaitable[None]], taker: str, at_once: int = REJECTIONS_AT_ONCE) -> None:
        self._send, self._taker, self._at_once = send, taker, at_once
        self.running = TaskSet()
        """Rejections being sent."""
        self._untold = 0

    def tell(self, error: Stanza | None) -> None:
        """Send an error. Return at once.

        Args:
            error: the error stanza; ``None`` where the sender may not be told.
        """
        if error is None or len(self.running) >= self._at_once:
            self._untold += 1
            if self._untold == 1 or self._untold % 1000 == 0:
                log.error("too many stanzas wait for %s: %d were dropped, and their senders not told", self._taker, self._untold)
            return
        self.running.start(self.deliver(error))

    async def stop(self) -> None:
        """Send no more."""
        await self.running.stop()

    async def deliver(self, error: Stanza) -> None:
        """Send an error, and wait until it is handed over; log what goes wrong."""
        try:
            await self._send(error)
        except NotConnected as trouble:
            log.debug("a rejection was not sent: %s", trouble)
        except TigrestError as trouble:
            log.warning("a rejection cannot be sent: %s", trouble)
