"""Dispatch of the stanzas that come in for our own addresses: to scripts that listen, to webhooks, to the event stream.

A message or presence goes to every listener that wants it, an iq to the first one that answers. Watchers see everything and consume
nothing. A stanza that belongs to a request under way is claimed by it and goes to nobody else. What is left the back end answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

Watcher = Callable[[Stanza], bool]
"""Called with each inbound stanza; returns whether a subscriber reads it. Must not block."""


StanzaClaim = Callable[[Stanza], bool]
"""Called with each inbound message and presence; returns whether it belongs to a request under way. Must not block."""


Refinement = Callable[[Stanza], Stanza | None]
"""Called with each inbound message and presence; returns it, with more said about it, or ``None`` to keep it from all others."""


class StanzaListener(Protocol):
    """A consumer of inbound stanzas."""

    def offer(self, stanza: Stanza) -> bool:
        """Take a message or presence if it is wanted; return whether it was. Must not block, and raises nothing."""

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Answer an iq of type get or set: return the result or the error, or ``None`` to leave it to others."""


class Inbound:
    """Dispatches stanzas that come in for the addresses of one domain.

    Args:
        jid: our own address; all addresses of its domain are ours, unless it has a local part: then only that one is.
    """

    def __init__(self, jid: JID) -> None:
        self.jid = jid
        self._listeners: list[StanzaListener] = []
        self._watchers: list[Watcher] = []
        self._claims: list[StanzaClaim] = []
        self._refinements: list[Refinement] = []

    def add(self, listener: StanzaListener) -> None:
        """Offer what comes in from now on to a listener, after those that were added before."""
        self._listeners.append(listener)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Show what comes in from now on to a watcher.

        Returns:
            A function that removes the watcher.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def claim(self, belongs: StanzaClaim) -> Callable[[], None]:
        """Keep from all others, from now on, the messages and presences that belong to a request.

        Returns:
            A function that removes the claim.
        """
        self._claims.append(belongs)
        return lambda: self._claims.remove(belongs)

    def refine(self, refinement: Refinement) -> None:
        """Have something replace or keep the messages and presences that are not claimed, before anybody else gets them."""
        self._refinements.append(refinement)

    def is_ours(self, jid: JID) -> bool:
        """Return whether an address is one of ours: at our domain; where our own address has a local part, only that with any resource."""
        return jid.bare == self.jid if self.jid.local else jid.domain == self.jid.domain

    def take(self, stanza: Stanza) -> bool:
        """Dispatch a message or presence.

        Returns:
            Whether it was claimed, is read by a watcher's subscriber, or was taken by a listener.
        """
        if _call_all(self._claims, stanza):
            return True
        refined = self._refined(stanza)
        if refined is None:
            return True
        stanza = refined
        is_taken = _call_all(self._watchers, stanza)
        if stanza.is_duplicate:  # the listeners hear it from the room once
            return True
        for listener in self._listeners:
            is_taken = listener.offer(stanza) or is_taken
        return is_taken

    def _refined(self, stanza: Stanza) -> Stanza | None:
        """Return a stanza as all others get it; ``None`` when it is kept from them. A refinement that raises is logged."""
        refined: Stanza | None = stanza
        for refine in self._refinements:
            try:
                refined = refine(stanza)
            except Exception:
                log.exception("a %s could not be looked at", stanza.kind)
            if refined is None:
                return None
            stanza = refined
        return stanza

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Ask the listeners, one after the other, to answer an iq of type get or set.

        Returns:
            The result or the error of the first that answers; ``None`` when none does.
        """
        _call_all(self._watchers, iq)
        for listener in self._listeners:
            if (reply := await listener.answer(iq)) is not None:
                return reply
        return None


def _call_all(callbacks: list[Callable[[Stanza], bool]], stanza: Stanza) -> bool:
    """Call all callbacks with a stanza, and return whether one of them returned true. One that raises is logged."""
    result = False
    for callback in tuple(callbacks):  # a callback may remove itself
        try:
            result = callback(stanza) or result
        except Exception:
            log.exception("a %s could not be shown", stanza.kind)
    return result
