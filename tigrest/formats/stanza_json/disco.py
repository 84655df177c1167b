"""Service discovery in JSON: identities and features of an entity, and its items. XEP-0030"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json.form_maps import Extensions
from tigrest.formats.stanza_json.record import Member, Record, attribute, children, inline
from tigrest.formats.stanza_json.shapes import LANG, Attribute, Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import LIST, OBJECT, ValidationError
from tigrest.formats.stanza_json.values import JsonSchema, truth

DISCO_IDENTITY = Record(
    attribute("category", required=True),
    attribute("type", required=True),
    attribute("name"),
    Member("lang", "xml:lang", also=LANG),
)
DISCO_ITEM = Record(attribute("jid", required=True), attribute("node"), attribute("name"), shorthand="jid")


class DiscoQuery(Shape):
    """A disco query: ``true``, or the node as text; its result is an object or a list.

    Args:
        full: record of the result.
        list_key: member of the result that a list stands for; empty where no list is allowed.
    """

    takes_null = True

    def __init__(self, full: Record, list_key: str = "") -> None:
        self.full, self.list_key = full, list_key

    def writer(self, element: Element) -> WriteValue:
        write_full, wanted = self.full.writer(element), "true, text or " + ("a list" if self.list_key else "an object")

        def write(value: Any) -> str:
            if value is None or isinstance(value, bool) or value == "":
                return element.whole("")
            if isinstance(value, str):
                return write_full({"node": value})
            if isinstance(value, OBJECT):
                return write_full(value)
            if not self.list_key or not isinstance(value, LIST):
                raise ValidationError.of(value, wanted)
            try:
                return write_full({self.list_key: value})
            except ValidationError as mismatch:
                mismatch.steps.pop()  # the caller has not written this key
                raise

        return write

    def reader(self, element: Element) -> ReadElement:
        read_full = self.full.reader(element)

        def read(found: ET.Element) -> Any:
            if len(found) == 0:  # a query, or an empty result, which looks the same
                return found.get("node") or True
            full = read_full(found)
            return full[self.list_key] or full.get("node") or True if self.list_key else full

        return read

    def from_text(self, text: str) -> Any:
        return True if truth(text) is True else text

    def from_parameters(self, parameters: Mapping[str, str]) -> Any:
        return dict(parameters) or True

    def schema(self) -> JsonSchema:
        others: list[JsonSchema] = [{"type": "boolean"}, {"type": "string"}]
        lists = [self.full.schema()["anyOf"][0]["properties"][self.list_key]] if self.list_key else []
        return {"anyOf": [*others, *lists, self.full.schema()["anyOf"][0]]}


INFO_QUERY = DiscoQuery(
    Record(
        attribute("node"),
        children("identities", "identity", DISCO_IDENTITY, always=True),
        children("features", "feature", Attribute("var"), always=True),
        inline("extensions", Extensions()),
    )
)
"""``disco``: ``true``, ``"node"``, or ``{"node", "identities": […], "features": […], "extensions": {…}}``."""

ITEMS_QUERY = DiscoQuery(Record(attribute("node"), children("items", "item", DISCO_ITEM, always=True)), "items")
"""``items``: ``true``, ``"node"``, or ``[{"jid", "node", "name"}]``."""
