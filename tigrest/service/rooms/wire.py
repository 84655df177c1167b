"""The wire between places in rooms and the XMPP server."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from tigrest.xmpp.stanza import Stanza


class Wire(Protocol):
    """Sends what a place has to say."""

    def send(self, stanza: Stanza) -> Awaitable[None]:
        """Send a stanza."""

    def request(self, iq: Stanza, timeout: float) -> Awaitable[Stanza]:
        """Send an iq and wait for its reply."""
