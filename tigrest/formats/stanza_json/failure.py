"""Stanza errors in JSON. RFC 6120 §8.3"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json.record import Record, attribute, child
from tigrest.formats.stanza_json.shapes import Element, NameIsValue, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.values import ChoiceValue, IntegerValue, JsonSchema
from tigrest.xmpp.conditions import CONDITIONS, ERROR_TYPES, error_of_status
from tigrest.xmpp.namespaces import STANZA_ERRORS


class ConditionShape(NameIsValue):
    """A defined condition: ``"item-not-found"`` is ``<item-not-found/>``. RFC 6120 §8.3.3"""

    def __init__(self) -> None:
        super().__init__(*CONDITIONS)

    def schema(self) -> JsonSchema:
        return {"title": "condition", **super().schema()}


class ErrorShape(Record):
    """``{"type": "cancel", "condition": "item-not-found", "text": "…", "by": "…"}``. The default is ``cancel``, ``undefined-condition``."""

    def __init__(self) -> None:
        super().__init__(
            attribute("type", ChoiceValue(*ERROR_TYPES)),
            child("condition", ConditionShape(), namespace=STANZA_ERRORS),
            child("text", namespace=STANZA_ERRORS),
            attribute("by"),
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        given = {key: item for key, item in value.items() if item is not None}
        return {"type": "cancel", "condition": "undefined-condition"} | given

    def reader(self, element: Element) -> ReadElement:
        read_members = super().reader(element)

        def read(found: ET.Element) -> Any:
            names = [child.tag.removeprefix(f"{{{STANZA_ERRORS}}}") for child in found]
            # text and application-specific conditions stand beside the defined one
            condition = next((name for name in names if name in CONDITIONS), "undefined-condition")
            members = read_members(found)
            first = {"type": members.pop("type")} if "type" in members else {}
            return {**first, "condition": condition, **members}

        return read


class ErrorCodeShape(Shape):
    """An error by its HTTP status, as in the answers of webhooks: ``404`` is ``item-not-found``. Written only, never read."""

    def writer(self, element: Element) -> WriteValue:
        write, number = ErrorShape().writer(element), IntegerValue(100, 999)

        def write_code(value: Any) -> str:
            kind, condition = error_of_status(int(number.write(value)))
            return write({"type": kind, "condition": condition})

        return write_code

    def reader(self, element: Element) -> ReadElement:
        return lambda found: None

    def schema(self) -> JsonSchema:
        return IntegerValue(100, 999).schema()
