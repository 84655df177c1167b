"""Error stanzas for exceptions. RFC 6120 §8.3"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.errors import StanzaError
from tigrest.xmpp.conditions import CONDITIONS, mapping_of
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Refusal(StanzaError):
    """A stanza error with an application-specific condition beside the defined one.

    Args:
        specific: name of the application-specific condition, ``{namespace}name``.

    RFC 6120 §8.3.4
    """

    specific: str = ""


def as_stanza_error(error: Exception) -> StanzaError:
    """Convert an exception into a stanza error.

    An exception without a condition is logged with its traceback and becomes ``internal-server-error`` without its message, which may
    hold secrets.
    """
    if isinstance(error, StanzaError):
        return error
    mapping = mapping_of(error)
    if mapping is not None and mapping.condition:
        return StanzaError(mapping.condition, CONDITIONS[mapping.condition].type, str(error))
    log.error("a stanza could not be answered", exc_info=error)
    return StanzaError("internal-server-error")


def error_reply(stanza: Stanza, error: StanzaError) -> Stanza:
    """Build the error reply to a stanza::

    <iq type="error" id="…"><error type="modify"><bad-request xmlns="…stanzas"/><bad-sessionid xmlns="…"/></error></iq>

    Args:
        stanza: the stanza that failed.
        error: its error; of a :class:`Refusal` both conditions are written.

    RFC 6120 §8.3.1
    """
    reply = stanza.error_reply(error)
    if not isinstance(error, Refusal):
        return reply
    xml = reply.xml
    told = xml.find(f"{{{CLIENT}}}error")
    assert told is not None
    ET.SubElement(told, error.specific)
    return Stanza.of(xml)
