"""Messages inside messages (XEP-0297)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json import envelope
from tigrest.formats.stanza_json.record import Record, child
from tigrest.formats.stanza_json.shapes import LANG, Attribute, Element, Read, Shape, Write
from tigrest.formats.stanza_json.validation import OBJECT, ValidationError
from tigrest.formats.stanza_json.values import Schema, attribute_value
from tigrest.formats.stanza_json.vocabulary import Vocabulary
from tigrest.xmpp.namespaces import CLIENT, DELAYED_DELIVERY

MOST = 32
"""How many messages may be forwarded in one another."""


class InnerMessage(Shape):
    """A whole message. In our own JSON it has no ``kind``.

    Args:
        vocabulary: gives the keys of a message; it is asked when they are needed, for this shape is among them.
    """

    def __init__(self, vocabulary: Callable[[], Vocabulary]) -> None:
        self.vocabulary = vocabulary

    def writer(self, element: Element) -> Write:
        def write(value: Any) -> str:
            if not isinstance(value, OBJECT):
                raise ValidationError.of(value, "an object")
            if envelope.kind_of(value.get("kind", "message")) != "message":
                raise ValidationError.of(value["kind"], "message").under("kind")
            inside = "".join(self.vocabulary().write(value))
            if inside.count("<forwarded ") >= MOST:
                raise ValidationError(f"has messages forwarded in each other more than {MOST} times over")
            given = "error" if value.get("error") is not None else value.get("type")
            attributes = envelope.attributes(value, "" if given is None else envelope.type_of(given, "message"), "")
            return element.whole(inside, "".join([f' {name}="{attribute_value(text)}"' for name, text in attributes.items()]))

        return write

    def reader(self, element: Element) -> Read:
        def read(found: ET.Element) -> Any:
            attributes = {"xml:lang" if name == LANG else name: text for name, text in found.attrib.items()}
            return envelope.described("message", attributes) | self.vocabulary().read(found)

        return read

    def schema(self) -> Schema:
        return {"type": "object", "description": "A message: any of the keys of a message."}


class Forwarded(Record):
    """``{"delay": "2002-09-10T23:08:25Z", "message": {…}}``.

    Args:
        vocabulary: see :class:`InnerMessage`.
    """

    def __init__(self, vocabulary: Callable[[], Vocabulary]) -> None:
        super().__init__(
            child("delay", Attribute("stamp"), namespace=DELAYED_DELIVERY),
            child("message", InnerMessage(vocabulary), namespace=CLIENT, required=True),
        )
