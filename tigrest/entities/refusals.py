"""From what went wrong to the error stanza that says so."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.errors import (
    InvalidJID,
    InvalidValue,
    MalformedContent,
    NoSuchUser,
    NotPermitted,
    StanzaError,
    TigrestError,
    Unavailable,
    UserExists,
)
from tigrest.stanza import CLIENT, Stanza

log = logging.getLogger(__name__)

CONDITIONS: tuple[tuple[type[TigrestError], str, str], ...] = (
    (InvalidJID, "jid-malformed", "modify"),
    (UserExists, "conflict", "cancel"),
    (NoSuchUser, "item-not-found", "cancel"),
    (NotPermitted, "forbidden", "auth"),
    (InvalidValue, "bad-request", "modify"),
    (MalformedContent, "bad-request", "modify"),
    (Unavailable, "resource-constraint", "wait"),
)
"""Our exceptions, the condition and the type each is told as. RFC 6120 §8.3.3"""


@dataclass(eq=False)
class Refusal(StanzaError):
    """A stanza error with a condition of a protocol of its own.

    Args:
        specific: name of that condition, ``{namespace}name``.

    RFC 6120 §8.3.4
    """

    specific: str = ""


def as_stanza_error(error: Exception) -> StanzaError:
    """Tell an exception as an XMPP error; what nobody expected is logged here and told without its words."""
    if isinstance(error, StanzaError):
        return error
    for kind, condition, category in CONDITIONS:
        if isinstance(error, kind):
            return StanzaError(condition, category, str(error))
    log.error("a stanza could not be answered", exc_info=error)
    return StanzaError("internal-server-error")


def error_reply(stanza: Stanza, error: StanzaError) -> Stanza:
    """The error to a stanza::

    <iq type="error" id="…"><error type="modify"><bad-request xmlns="…stanzas"/><bad-sessionid xmlns="…"/></error></iq>
    """
    reply = stanza.error_reply(error)
    if not isinstance(error, Refusal):
        return reply
    xml = reply.xml
    told = xml.find(f"{{{CLIENT}}}error")
    assert told is not None
    ET.SubElement(told, error.specific)
    return Stanza.of(xml)
