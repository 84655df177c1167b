"""What comes in for our own addresses, and who gets it: scripts that listen, webhooks, the live stream.

Listeners take messages and presence, and answer iqs; the first one that does answers an iq, every one that selects a message
gets it. Watchers only look. What belongs to a request under way goes to nobody else. What nobody takes is left to the gateway itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

Watcher = Callable[[Stanza], bool]
"""Told of every stanza that comes in for our addresses; tells whether anybody will read it. It must be quick."""


Claim = Callable[[Stanza], bool]
"""Told of every message and presence; tells whether it belongs to a request that is under way. It must be quick."""


class Listener(Protocol):
    """Somebody who wants stanzas."""

    def selects(self, stanza: Stanza) -> bool:
        """Tell whether a stanza is for it."""

    def take(self, stanza: Stanza) -> None:
        """Take a message or presence that it selects. Returns at once and raises nothing."""

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Answer an iq of type get or set that it selects: the result or the error; ``None`` to leave it to others."""


class Inbound:
    """Hands out what comes in for the addresses of one domain.

    Args:
        jid: our own address; all addresses of its domain are ours, unless it has a local part: then only that one is.
    """

    def __init__(self, jid: JID) -> None:
        self.jid = jid
        self._listeners: list[Listener] = []
        self._watchers: list[Watcher] = []
        self._claims: list[Claim] = []

    def add(self, listener: Listener) -> None:
        """Give a listener what comes in from now on, after those that are there already."""
        self._listeners.append(listener)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Show a watcher what comes in from now on.

        Returns:
            What ends that.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def claim(self, belongs: Claim) -> Callable[[], None]:
        """Keep from all others, from now on, the messages and presences that belong to a request.

        Returns:
            What ends that.
        """
        self._claims.append(belongs)
        return lambda: self._claims.remove(belongs)

    def is_ours(self, jid: JID) -> bool:
        """Whether an address is one of ours."""
        return jid.bare == self.jid if self.jid.local else jid.domain == self.jid.domain

    def take(self, stanza: Stanza) -> bool:
        """Hand out a message or presence.

        Returns:
            Whether anybody wanted it.
        """
        if _says_so(self._claims, stanza):
            return True
        taken = _says_so(self._watchers, stanza)
        for listener in self._listeners:
            if listener.selects(stanza):
                taken = True
                listener.take(stanza)
        return taken

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Have an iq of type get or set answered.

        Returns:
            The result or the error; ``None`` when nobody wants it.
        """
        _says_so(self._watchers, iq)
        for listener in self._listeners:
            if listener.selects(iq) and (reply := await listener.answer(iq)) is not None:
                return reply
        return None


def _says_so(asked: list[Callable[[Stanza], bool]], stanza: Stanza) -> bool:
    """Show a stanza to all who are asked; whether one of them said yes."""
    yes = False
    for ask in tuple(asked):
        try:
            yes = ask(stanza) or yes
        except Exception:
            log.exception("a %s could not be shown", stanza.kind)
    return yes
