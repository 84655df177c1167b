"""Errors of stanzas as XML. RFC 6120 §8.3"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tigrest.errors import StanzaError
from tigrest.xmpp.namespaces import CLIENT, COMMANDS, STANZA_ERRORS
from tigrest.xmpp.xml import split_name

MAX_ERROR_TEXT = 4096
"""Most characters of the text of an error: it stands in answers and logs, and anybody may have written it."""


def read_error(stanza: ET.Element, source: str) -> StanzaError:
    """Read the error in a stanza of type ``error``.

    Args:
        stanza: its root.
        source: who has sent it.
    """
    element = stanza.find(f"{{{CLIENT}}}error")
    if element is None:  # biboumi writes that of a command inside of the command, in its namespace
        element = next((each for each in stanza.iter() if split_name(each.tag)[1] == "error"), None)
    if element is None:
        return StanzaError("undefined-condition", source=source)
    names = [split_name(child.tag) for child in element]
    condition = next((name for namespace, name in names if namespace == STANZA_ERRORS and name != "text"), "undefined-condition")
    of_command = next((name for namespace, name in names if namespace == COMMANDS), "")
    text = element.findtext(f"{{{STANZA_ERRORS}}}text", "").strip()[:MAX_ERROR_TEXT]
    return StanzaError(condition, element.get("type", "cancel"), text, source, of_command)


def error_element(error: StanzaError) -> ET.Element:
    """Return an error as the child of a stanza of type ``error``."""
    element = ET.Element(f"{{{CLIENT}}}error", {"type": error.type})
    ET.SubElement(element, f"{{{STANZA_ERRORS}}}{error.condition}")
    if error.text:
        ET.SubElement(element, f"{{{STANZA_ERRORS}}}text").text = error.text
    return element
