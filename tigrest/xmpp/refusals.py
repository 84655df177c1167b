"""From what went wrong to the error stanza that says so."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.errors import StanzaError
from tigrest.xmpp.conditions import CONDITIONS, meaning_of
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)


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
    meaning = meaning_of(error)
    if meaning is not None and meaning.condition:
        return StanzaError(meaning.condition, CONDITIONS[meaning.condition].type, str(error))
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
