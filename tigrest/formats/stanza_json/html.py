"""Formatted text in JSON. XEP-0071"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from tigrest.errors import MalformedContent
from tigrest.formats.stanza_json.shapes import Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.formats.stanza_json.values import JsonSchema
from tigrest.xmpp.namespaces import XHTML
from tigrest.xmpp.xml import escape, parse, serialize


class Html(Shape):
    """``"<body><p>Hi</p></body>"`` is ``<html><body xmlns="http://www.w3.org/1999/xhtml"><p>Hi</p></body></html>``.

    The text has to be well-formed and safe XML with a ``<body>`` of its own, and is sent as it is.
    """

    def writer(self, element: Element) -> WriteValue:
        def write(value: Any) -> str:
            if not isinstance(value, str):
                raise ValidationError.of(value, "text")
            try:
                tree = parse(f'<html xmlns="{XHTML}">{value}</html>'.encode("utf-8", "surrogatepass"))
            except MalformedContent as error:
                what = str(error).partition(" at line ")[0]  # the position counts the element around it, which the caller has not written
                raise ValidationError(f"{what}; write <body>…</body>") from None
            if not len(tree):
                raise ValidationError("has no element; write <body>…</body>")
            return element.whole(_inside(tree, element.namespace))

        return write

    def reader(self, element: Element) -> ReadElement:
        return lambda found: _inside(found, XHTML) if len(found) else None

    def schema(self) -> JsonSchema:
        return {"type": "string"}


def _inside(element: ET.Element, namespace: str) -> str:
    children = [serialize(child, namespace) + escape(child.tail or "") for child in element]
    return escape(element.text or "") + "".join(children)
