"""Confirmations: senders wait until the server has processed what they sent.

A barrier (see :mod:`tigrest.backends.component.window`) confirms everything that was sent before it, so one serves several who wait. While
some are unanswered, further senders share the next one: what waits for a slow server costs it no more pings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import NotConnected, StanzaTimeout, TigrestError


class Unconfirmed:
    """A sender that waits for the confirmation of a stanza.

    Args:
        deadline: time until which he waits, by the clock of the event loop.
        timeout: seconds that he waits, for the error message.
    """

    __slots__ = ("deadline", "done", "timeout")

    def __init__(self, deadline: float, timeout: float) -> None:
        self.deadline, self.timeout = deadline, timeout
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the server has answered a barrier that was sent after the stanza."""

    def complete(self) -> None:
        """Tell the sender that the server has processed the stanza."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: TigrestError) -> None:
        """Raise an error at the sender."""
        if not self.done.done():
            self.done.set_exception(error)

    def expire(self) -> None:
        """Raise a timeout at the sender."""
        self.fail(StanzaTimeout(f"the XMPP server has not confirmed the stanza within {self.timeout:g} s; it was sent nevertheless"))


SHARED_BY = 4
"""Senders that get a barrier of their own, and most that are told of a confirmation in one turn of the event loop.

Larger ones leave the server idle while the gateway works, and the gateway while the server does; smaller ones cost more pings.
"""


class Confirmations:
    """The senders that wait for a confirmation from one server.

    Args:
        send_barrier: sends a barrier, which calls :meth:`covered` for those whom its answer confirms.
        deadlines: keeps their time limits.
        limit: most unanswered barriers sent for them.
    """

    def __init__(self, send_barrier: Callable[[], None], deadlines: Deadlines, limit: int) -> None:
        self._send_barrier, self._deadlines, self._limit = send_barrier, deadlines, limit
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Unconfirmed] = []
        """Those whose stanzas no barrier has followed yet."""
        self._unanswered = 0
        """Number of barriers that confirm somebody and are unanswered."""
        self._is_scheduled = False

    async def wait(self, timeout: float) -> None:
        """Wait until everything is confirmed that has been sent until now.

        Args:
            timeout: seconds.

        Raises:
            StanzaTimeout: the server has not confirmed it in time.
            NotConnected: the link broke before.
        """
        waiting = Unconfirmed(self._deadlines.after(timeout), timeout)
        self._waiting.append(waiting)
        if len(self._waiting) >= SHARED_BY and self._unanswered < self._limit:
            self._send_barrier()  # now: the server answers it while this turn of the event loop goes on
        else:
            self._schedule()
        self._deadlines.add(waiting)
        try:
            await waiting.done
        finally:
            self._deadlines.discard(waiting)

    def covered(self) -> list[Unconfirmed]:
        """Return those whom the barrier confirms that is being sent; :meth:`answered` or :meth:`fail` must follow if there are any."""
        covered, self._waiting = self._waiting, []
        if covered:
            self._unanswered += 1
        return covered

    def answered(self, covered: list[Unconfirmed]) -> None:
        """Tell senders that a barrier was answered.

        Args:
            covered: by it; may be empty.
        """
        if not covered:
            return
        self._unanswered -= 1
        self._tell(covered)
        if self._waiting:
            self._schedule()

    def _tell(self, confirmed: list[Unconfirmed]) -> None:
        """Complete the waits of some senders in this turn of the event loop, and of the others in the next ones.

        Told all at once, they would all send their next stanzas at once, and the server would have nothing to do meanwhile.
        """
        for each in confirmed[:SHARED_BY]:
            each.complete()
        if others := confirmed[SHARED_BY:]:
            self._loop.call_soon(self._tell, others)

    def fail(self, covered: list[Unconfirmed], error: TigrestError) -> None:
        """Raise an error at senders whose barrier is not answered any more.

        Args:
            covered: by it; may be empty.
            error: to raise.
        """
        if covered:
            self._unanswered -= 1
        for each in covered:
            each.fail(error)

    def fail_waiting(self, error: TigrestError) -> None:
        """Raise an error at those whose stanzas no barrier has followed."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.fail(error)

    def _schedule(self) -> None:
        """Schedule a barrier for the end of this turn of the event loop, unless enough are unanswered; it covers all who wait for one."""
        if not self._is_scheduled and self._unanswered < self._limit:
            self._is_scheduled = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._is_scheduled = False
        if self._waiting:  # else a barrier of the flow control has followed their stanzas
            self._send_barrier()


def cut_off(reason: str) -> NotConnected:
    """Return the error for a sender whose stanza was sent, but not confirmed before the link broke.

    Args:
        reason: why it broke, for people.
    """
    return NotConnected(
        f"the link to the XMPP server broke before it confirmed the stanza ({reason}): it may have arrived or not. Send it again with the "
        "same id, or over HTTP with the same Idempotency-Key, so that nobody takes it for a second one"
    )
