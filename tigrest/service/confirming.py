"""Confirmed sends: wait until the server has processed a stanza, or its recipient has acknowledged it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest.backends.backend import Backend
from tigrest.errors import InvalidStanza, NotConnected, StanzaTimeout
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import RECEIPTS
from tigrest.xmpp.stanza import Stanza

CONFIRM_TIMEOUT = 5.0
"""Default time to wait for a confirmation, in seconds."""

Until = Literal["server", "receipt"]
"""Kinds of confirmation: that the server has processed the stanza, or a receipt of the recipient (XEP-0184)."""

_RECEIPTS = RECEIPTS.encode()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Outcome of a confirmed send that did not fail.

    Args:
        id: of the stanza.
        confirmed: what is known: ``server`` when the server has processed it, ``receipt`` when the recipient has it; ``None`` when
            the time was up before, or no error could be learned of.
        waited: false when no error could be learned of, as what comes back for the stanza goes to somebody else, or there was no time.
    """

    id: str
    confirmed: Until | None
    waited: bool = True


class _Pending:
    """A stanza whose confirmation is waited for."""

    __slots__ = ("answer", "arrived", "sender", "to")

    def __init__(self, sender: JID, to: JID | None) -> None:
        self.sender, self.to = sender, to
        self.answer: Stanza | None = None
        """The error, or the receipt, that came for it."""
        self.arrived: asyncio.Event | None = None
        """Set with it; only where a receipt is waited for."""

    def take(self, answer: Stanza) -> None:
        """Note what came for it."""
        self.answer = answer
        if self.arrived is not None:
            self.arrived.set()

    def raise_bounce(self) -> None:
        """Raise the error that came for it, if one did.

        Raises:
            StanzaError: it bounced.
        """
        if self.answer is not None:
            self.answer.raise_error()


class Confirming:
    """Sends stanzas and waits for their confirmations.

    Args:
        backend: the connection to XMPP.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loop = asyncio.get_running_loop()
        self._pending: dict[str, list[_Pending]] = {}
        """Stanzas that wait, by their ids, which several callers may have chosen alike."""
        backend.inbound.claim(self._take)

    async def send(self, stanza: Stanza, until: Until, timeout: float) -> Confirmation:
        """Send a stanza and wait for its confirmation.

        Args:
            stanza: with ``from`` and id.
            until: what is waited for.
            timeout: seconds to wait; 0 for not at all.

        Raises:
            InvalidStanza: a receipt is wanted, but for this kind of stanza there are none.
            StanzaError: it bounced.
            NotConnected: there is no server now, or it went away before the confirmation.
        """
        if until == "receipt":
            stanza = with_request(stanza)
        sender = stanza.sender
        assert sender is not None  # the caller has set it
        if timeout <= 0:
            await self._backend.send(stanza)
            return Confirmation(stanza.id, None, waited=False)
        if not self._backend.learns_bounces(sender):
            return Confirmation(stanza.id, None, waited=not await self._is_processed(stanza, timeout))
        pending = _Pending(sender, stanza.to)
        alike = self._pending.setdefault(stanza.id, [])
        alike.append(pending)
        try:
            confirmed = await self._confirmed(stanza, pending, until, timeout)
        finally:
            alike.remove(pending)
            if not alike:
                del self._pending[stanza.id]
        return Confirmation(stanza.id, confirmed)

    async def _is_processed(self, stanza: Stanza, timeout: float) -> bool:
        """Send a stanza; return whether the server has processed it in time. Where the link breaks before, it has to be sent again."""
        try:
            await self._backend.send_confirmed(stanza, timeout)
        except StanzaTimeout:
            return False
        return True

    async def _confirmed(self, stanza: Stanza, pending: _Pending, until: Until, timeout: float) -> Until | None:
        """Send a stanza; return what is known when the wait ends."""
        end = self._loop.time() + timeout
        confirmed: Until | None = None
        if until == "receipt":
            pending.arrived = asyncio.Event()
        try:
            await self._backend.send_confirmed(stanza, timeout)
            confirmed = "server"
        except StanzaTimeout:
            pass  # the time is up, or this server confirms nothing
        except NotConnected:
            pending.raise_bounce()
            if pending.answer is None:
                raise
        if pending.arrived is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await pending.arrived.wait()
        pending.raise_bounce()
        return confirmed if pending.answer is None else "receipt"

    def _take(self, inbound: Stanza) -> bool:
        """Match an inbound stanza with one that waits: an error by its id, a receipt by the id in it. XEP-0184 §5"""
        if inbound.type == "error":
            alike = self._pending.get(inbound.id)
            found = next((each for each in alike if _bounces(inbound, each)), None) if alike else None
        elif self._pending and inbound.kind == "message" and inbound.mentions(_RECEIPTS):
            received = inbound.xml.find(f"{{{RECEIPTS}}}received")
            alike = self._pending.get(received.get("id", "")) if received is not None else None
            found = next((each for each in alike if _acknowledges(inbound, each)), None) if alike else None
        else:
            return False
        if found is not None:
            found.take(inbound)
        return found is not None


def with_request(message: Stanza) -> Stanza:
    """Return a message with a request for a receipt.

    ``<message …><body>…</body><request xmlns="urn:xmpp:receipts"/></message>``

    Raises:
        InvalidStanza: it is of a kind that is not acknowledged.

    XEP-0184 §5.1, §5.3
    """
    if message.kind != "message" or message.type in ("error", "groupchat"):
        what = f"a {message.kind}" if message.kind != "message" else f"a message of type {message.type}"
        raise InvalidStanza(f"receipts are for messages to somebody: {what} gets none")
    if message.mentions(_RECEIPTS) and message.xml.find(f"{{{RECEIPTS}}}request") is not None:
        return message
    return message.extended(ET.Element(f"{{{RECEIPTS}}}request"))


def _bounces(error: Stanza, pending: _Pending) -> bool:
    """Tell whether an error is for a stanza: to its sender, from its recipient or a server on the way to him. RFC 6120 §8.3.1

    jabberd2 returns what it cannot route with its addresses as they were.
    """
    sender, to, recipient = error.sender, error.to, pending.to
    if sender == pending.sender and to == recipient:
        return True
    return to == pending.sender and (sender is None or recipient is None or sender in (recipient, recipient.bare, recipient.domain))


def _acknowledges(receipt: Stanza, pending: _Pending) -> bool:
    """Tell whether a receipt is from the recipient of a message, at any resource, to its sender. XEP-0184 §8"""
    sender, to, recipient = receipt.sender, receipt.to, pending.to
    if sender is None or to is None or recipient is None:
        return False
    return sender.bare == recipient.bare and to.bare == pending.sender.bare
