"""Forwarded messages in JSON. XEP-0297"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json import envelope
from tigrest.formats.stanza_json.record import Record, child
from tigrest.formats.stanza_json.shapes import LANG, Attribute, Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import OBJECT, ValidationError
from tigrest.formats.stanza_json.values import JsonSchema, attribute_value
from tigrest.formats.stanza_json.vocabulary import Vocabulary
from tigrest.xmpp.namespaces import CLIENT, DELAYED_DELIVERY

MAX_FORWARDED = 32
"""Limit of messages that are forwarded inside one another: each level is converted recursively."""


class InnerMessage(Shape):
    """A whole message; JSON that we write has no ``kind`` in it.

    Args:
        vocabulary: returns the keys of a message. Called late, since this shape is one of them.
    """

    def __init__(self, vocabulary: Callable[[], Vocabulary]) -> None:
        self.vocabulary = vocabulary

    def writer(self, element: Element) -> WriteValue:
        def write(value: Any) -> str:
            if not isinstance(value, OBJECT):
                raise ValidationError.of(value, "an object")
            if envelope.check_kind(value.get("kind", "message")) != "message":
                raise ValidationError.of(value["kind"], "message").under("kind")
            inside = "".join(self.vocabulary().write(value))
            # at least as many as levels: each has this start tag, and in texts < is escaped
            if inside.count("<forwarded ") >= MAX_FORWARDED:
                raise ValidationError(f"has messages forwarded in each other more than {MAX_FORWARDED} times over")
            given = "error" if value.get("error") is not None else value.get("type")
            attributes = envelope.attributes_from_json(value, "" if given is None else envelope.check_type(given, "message"), "")
            return element.whole(inside, "".join([f' {name}="{attribute_value(text)}"' for name, text in attributes.items()]))

        return write

    def reader(self, element: Element) -> ReadElement:
        def read(found: ET.Element) -> Any:
            attributes = {"xml:lang" if name == LANG else name: text for name, text in found.attrib.items()}
            return envelope.attributes_as_json("message", attributes) | self.vocabulary().read(found)

        return read

    def schema(self) -> JsonSchema:
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
