"""The entrance: what comes in is let through, or turned away once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tigrest.errors import InvalidStanza, StanzaError
from tigrest.stanza import Stanza

log = logging.getLogger(__name__)

LOG_SECONDS = 60.0
"""Seconds between two lines about stanzas that were turned away: strangers may send any number of them."""


class Entrance:
    """Turns stanzas away that cannot be used, so that nobody behind it stumbles over them.

    These are stanzas with a flaw (see :attr:`~tigrest.stanza.Stanza.flaw`), and those whose addresses are none to us: servers
    and RFC 7622 let some pass that the older stringprep does not, e.g. ``x@http.example.org/📱``.

    Args:
        send: sends an error to the sender. Returns at once.
        now: tells the time in seconds.
    """

    def __init__(self, send: Callable[[Stanza], None], now: Callable[[], float] = time.monotonic) -> None:
        self._send, self._now = send, now
        self._next_line = 0.0
        self._untold = 0

    def admit(self, stanza: Stanza) -> Stanza | None:
        """Let a stanza in, with its addresses prepared.

        Args:
            stanza: any but a reply to a request of ours.

        Returns:
            The stanza; ``None`` when it was turned away.
        """
        if not stanza.flaw:
            try:
                _ = stanza.sender, stanza.to
            except InvalidStanza as error:
                self._turn_away(stanza, "jid-malformed", str(error))
                return None
            return stanza.prepared()
        self._turn_away(stanza, "not-acceptable", stanza.flaw)
        return None

    def _turn_away(self, stanza: Stanza, condition: str, reason: str) -> None:
        self._note(stanza, reason)
        if "from" in stanza.attributes and _may_be_answered(stanza):
            self._send(stanza.error_reply(StanzaError(condition, "modify", reason)))

    def _note(self, stanza: Stanza, reason: str) -> None:
        """Write to the log, but seldom."""
        now = self._now()
        if now < self._next_line:
            self._untold += 1
            return
        more = f"; so were {self._untold} others since the last line about it" if self._untold else ""
        log.warning("%s from %.200s was refused: %s%s", stanza.kind, stanza.attributes.get("from"), reason, more)
        self._next_line, self._untold = now + LOG_SECONDS, 0


def _may_be_answered(stanza: Stanza) -> bool:
    """Tell whether an error may go back. RFC 6120 §8.3.1, RFC 6121 §8.5.2"""
    return stanza.awaits_reply or (stanza.kind == "message" and stanza.type not in ("error", "groupchat", "headline"))
