"""Stanza errors (RFC 6120 §8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.stanza import STANZA_ERRORS
from tigrest.stanza_json.record import Record, attribute, child
from tigrest.stanza_json.shapes import Element, NameIsValue, Read, Shape, Write
from tigrest.stanza_json.values import Choice, Integer, Schema

CONDITIONS = {
    "bad-request": 400,
    "conflict": 409,
    "feature-not-implemented": 501,
    "forbidden": 403,
    "gone": 410,
    "internal-server-error": 500,
    "item-not-found": 404,
    "jid-malformed": 400,
    "not-acceptable": 406,
    "not-allowed": 405,
    "not-authorized": 401,
    "payment-required": 402,
    "policy-violation": 403,
    "recipient-unavailable": 404,
    "redirect": 302,
    "registration-required": 407,
    "remote-server-not-found": 404,
    "remote-server-timeout": 504,
    "resource-constraint": 500,
    "service-unavailable": 503,
    "subscription-required": 407,
    "undefined-condition": 500,
    "unexpected-request": 400,
}
"""Every condition (RFC 6120 §8.3.3) and the code that stood for it before (XEP-0086)."""

OF_CODE = {
    302: ("modify", "redirect"),
    400: ("modify", "bad-request"),
    401: ("auth", "not-authorized"),
    402: ("auth", "payment-required"),
    403: ("auth", "forbidden"),
    404: ("cancel", "item-not-found"),
    405: ("cancel", "not-allowed"),
    406: ("modify", "not-acceptable"),
    407: ("auth", "registration-required"),
    408: ("wait", "remote-server-timeout"),
    409: ("cancel", "conflict"),
    500: ("wait", "internal-server-error"),
    501: ("cancel", "feature-not-implemented"),
    502: ("cancel", "service-unavailable"),
    503: ("cancel", "service-unavailable"),
    504: ("wait", "remote-server-timeout"),
    510: ("cancel", "service-unavailable"),
}
"""What old codes mean. XEP-0086 §3"""

TYPES = Choice("auth", "cancel", "continue", "modify", "wait")


class Condition(NameIsValue):
    """``"item-not-found"`` is ``<item-not-found/>``, or whatever else stands for it."""

    def __init__(self) -> None:
        super().__init__(*CONDITIONS)

    def schema(self) -> Schema:
        return {"title": "condition", **super().schema()}


class Failure(Record):
    """``{"type": "cancel", "condition": "item-not-found", "text": "…", "by": "…"}``. The default is ``cancel``, ``undefined-condition``."""

    def __init__(self) -> None:
        super().__init__(
            attribute("type", TYPES),
            child("condition", Condition(), namespace=STANZA_ERRORS),
            child("text", namespace=STANZA_ERRORS),
            attribute("by"),
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        given = {key: item for key, item in value.items() if item is not None}
        return {"type": "cancel", "condition": "undefined-condition"} | given

    def reader(self, element: Element) -> Read:
        read_members = super().reader(element)

        def read(found: ET.Element) -> Any:
            names = [child.tag.removeprefix(f"{{{STANZA_ERRORS}}}") for child in found]
            condition = next((name for name in names if name in CONDITIONS), "undefined-condition")
            members = read_members(found)
            first = {"type": members.pop("type")} if "type" in members else {}
            return {**first, "condition": condition, **members}

        return read


class Code(Shape):
    """``404`` is an error with the condition that this old code means. It is only written."""

    def writer(self, element: Element) -> Write:
        write, number = Failure().writer(element), Integer(100, 999)

        def write_code(value: Any) -> str:
            kind, condition = OF_CODE.get(int(number.write(value)), ("cancel", "undefined-condition"))
            return write({"type": kind, "condition": condition})

        return write_code

    def reader(self, element: Element) -> Read:
        return lambda found: None

    def schema(self) -> Schema:
        return Integer(100, 999).schema()
