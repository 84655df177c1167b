"""Validation of inbound stanzas, before any other code sees them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tigrest.errors import InvalidStanza, StanzaError
from tigrest.observability.log_limit import LogLimit
from tigrest.xmpp.kinds import NEVER_BOUNCED
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

LOG_SECONDS = 60.0
"""Seconds between two log lines about refused stanzas, as strangers may send any number of them."""


class Entrance:
    """Refuses invalid stanzas, so that no other code has to expect them.

    These are stanzas with a flaw (see :attr:`~tigrest.xmpp.stanza.Stanza.flaw`), and those with addresses that are invalid by the
    rules of stringprep, which we apply. Servers that follow RFC 7622 accept more, e.g. ``x@http.example.org/📱``.

    Args:
        send: sends an error to the sender. Must not block.
        now: returns the time in seconds.
    """

    def __init__(self, send: Callable[[Stanza], None], now: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._log_limit = LogLimit(LOG_SECONDS, now)

    def admit(self, stanza: Stanza) -> Stanza | None:
        """Check a stanza, and prepare its addresses.

        Args:
            stanza: any but a reply to a request of ours.

        Returns:
            The stanza; ``None`` when it was refused.
        """
        if stanza.flaw:
            self._refuse(stanza, "not-acceptable", stanza.flaw)
            return None
        attributes = stanza.attributes
        try:
            sender, to = stanza.sender, stanza.to
        except InvalidStanza as error:
            self._refuse(stanza, "jid-malformed", str(error))
            return None
        if sender == attributes.get("from") and to == attributes.get("to"):
            return stanza  # as servers write addresses: prepared
        return stanza.prepared()

    def _refuse(self, stanza: Stanza, condition: str, reason: str) -> None:
        self._log(stanza, reason)
        if "from" in stanza.attributes and _may_be_answered(stanza):
            self._send(stanza.error_reply(StanzaError(condition, "modify", reason)))

    def _log(self, stanza: Stanza, reason: str) -> None:
        suppressed = self._log_limit.admit()
        if suppressed is None:
            return
        more = f"; so were {suppressed} others since the last line about it" if suppressed else ""
        log.warning("%s from %.200s was refused: %s%s", stanza.kind, stanza.attributes.get("from"), reason, more)


def _may_be_answered(stanza: Stanza) -> bool:
    """Tell whether an error may go back. RFC 6120 §8.3.1, RFC 6121 §8.5.2"""
    return stanza.awaits_reply or (stanza.kind == "message" and stanza.type not in NEVER_BOUNCED)


def deserves_an_answer(message: Stanza) -> bool:
    """Tell whether the sender of a message is sent an error when nobody reads it. RFC 6121 §8.5.2"""
    return message.type not in NEVER_BOUNCED and message.xml.find(f"{{{CLIENT}}}body") is not None
