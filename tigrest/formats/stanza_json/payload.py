"""JSON inside stanzas. XEP-0432"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import orjson

from tigrest.errors import MalformedContent
from tigrest.formats.content import read_json
from tigrest.formats.stanza_json.record import Record, attribute, child
from tigrest.formats.stanza_json.shapes import Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.formats.stanza_json.values import JsonSchema, content
from tigrest.xmpp.namespaces import JSON_CONTAINER

_ESCAPED = {code: f"\\u{code:04x}" for code in (0xFFFE, 0xFFFF)}
"""Escapes for the characters that XML cannot carry and orjson leaves unescaped."""


class Json(Shape):
    """Any JSON value, in ``<json>``. XEP-0335"""

    takes_null = True

    def writer(self, element: Element) -> WriteValue:
        def write(value: Any) -> str:
            try:
                return element.whole(content(orjson.dumps(value).decode().translate(_ESCAPED)))
            except TypeError as error:
                raise ValidationError(f"JSON cannot carry this: {error}") from None

        return write

    def reader(self, element: Element) -> ReadElement:
        return lambda found: _read(found.text)

    def schema(self) -> JsonSchema:
        return {}


class Payload(Record):
    """``{"datatype": "urn:x", "data": …}``. JSON in the payload element itself is read too: newer versions of mod_rest write it so."""

    def __init__(self) -> None:
        super().__init__(attribute("datatype", required=True), child("data", Json(), name="json", namespace=JSON_CONTAINER, required=True))

    def reader(self, element: Element) -> ReadElement:
        tag = element.child("json", JSON_CONTAINER).tag

        def read(found: ET.Element) -> Any:
            inner = found.find(tag)
            try:
                return {"datatype": found.get("datatype", ""), "data": _read((found if inner is None else inner).text)}
            except MalformedContent:  # what strangers send must not keep the rest of the stanza from being read
                return None

        return read


def _read(text: str | None) -> Any:
    return read_json((text or "").encode())
