"""Requests and barriers that wait for their replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tigrest.backends.component.confirmations import Confirmations, Unconfirmed
from tigrest.backends.component.stream import ComponentStream
from tigrest.errors import StanzaTimeout, TigrestError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza


@dataclass(slots=True, eq=False)
class Pending:
    """A request that waits for its reply."""

    reply: asyncio.Future[Stanza]
    asked: JID
    id: str
    deadline: float
    timeout: float

    def complete(self, stanza: Stanza) -> None:
        """Give the reply to the caller, with the id of his iq."""
        if not self.reply.done():
            self.reply.set_result(stanza.with_(id=self.id or None))

    def fail(self, error: TigrestError) -> None:
        """Raise an error at the caller."""
        if not self.reply.done():
            self.reply.set_exception(error)

    def expire(self) -> None:
        """Raise a timeout at the caller."""
        self.fail(StanzaTimeout(f"{self.asked} did not answer within {self.timeout:g} s"))


@dataclass(slots=True, eq=False)
class Barrier:
    """A ping whose reply acknowledges all stanzas before it.

    Args:
        id: of the ping.
        stream: that it was sent on.
        asked: address that is pinged.
        sent: time at which it was sent, by the clock of the event loop.
        deadline: time at which it is overdue.
        overdue: called then.
        answered: called with the reply.
        confirmations: of the link.
        covered: senders who wait for it.
        is_counted: whether flow control counts it: it releases permits. One that was sent only for confirmations does not.
    """

    id: str
    stream: ComponentStream
    asked: JID
    sent: float
    deadline: float
    overdue: Callable[[Barrier], None]
    answered: Callable[[Barrier], None]
    confirmations: Confirmations
    covered: list[Unconfirmed]
    is_counted: bool

    def complete(self, _stanza: Stanza) -> None:
        """Release permits and confirm stanzas: the server has processed everything before it."""
        self.release()
        self.confirmations.answered(self.covered)
        self.answered(self)

    def release(self) -> None:
        """Release the permits of the flow control."""
        if self.is_counted:
            self.stream.window.passed()

    def fail(self, error: TigrestError) -> None:
        """Raise an error at those who wait for it."""
        self.confirmations.fail(self.covered, error)

    def expire(self) -> None:
        """Close the link if the server is silent, else extend the deadline."""
        self.overdue(self)
