"""Payloads of iqs as records: statistics, external services, registration, upload slots, block lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.formats.stanza_json.forms import DATA_FORM
from tigrest.formats.stanza_json.lists import WrappedList
from tigrest.formats.stanza_json.record import Record, attribute, child, children, own_text
from tigrest.formats.stanza_json.shapes import Flag
from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.formats.stanza_json.values import COUNT, NUMBER, BooleanValue, IntegerValue, JsonSchema
from tigrest.xmpp.namespaces import DATA_FORMS, REPORTING, STANZA_IDS


class Stat(Record):
    """``{"name": "time/uptime", "unit": "seconds", "value": "3054635"}``; ``units`` is an alias of ``unit``.

    The attribute is ``units`` (XEP-0039 §3); ``unit`` is read too, since mod_rest writes it.
    """

    def __init__(self) -> None:
        super().__init__(
            attribute("name", required=True),
            attribute("unit", name="units", also="unit"),
            attribute("value", NUMBER),
            shorthand="name",
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if "units" not in value:
            return value
        if "unit" in value and value["unit"] != value["units"]:
            raise ValidationError('differs from "unit"; give one of the two').under("units")
        return {key: item for key, item in value.items() if key != "units"} | {"unit": value["units"]}

    def schema(self) -> JsonSchema:
        return _with(super().schema(), units={"type": "string"})


def _with(schema: JsonSchema, **members: JsonSchema) -> JsonSchema:
    whole, *others = schema["anyOf"]
    return {"anyOf": [{**whole, "properties": whole["properties"] | members}, *others]}


STATISTIC = Stat()

SERVICE_LIST = Record(
    attribute("type"),
    children(
        "services",
        "service",
        Record(
            *(attribute("type", required=True), attribute("host", required=True), attribute("port", IntegerValue(0, 65535))),
            *(attribute("transport"), attribute("username"), attribute("password"), attribute("expires")),
            *(attribute("restricted", BooleanValue("1", "0")), attribute("name"), attribute("action")),
        ),
    ),
)
"""External services. XEP-0215 §3"""

ACCOUNT_FIELDS = (
    *("username", "nick", "password", "name", "first", "last", "email"),
    *("address", "city", "state", "zip", "phone", "url", "date"),
)
"""Fields of an account. XEP-0077 §14.1"""

REGISTRATION = Record(
    child("instructions"),
    *[child(name) for name in (*ACCOUNT_FIELDS, "misc", "text", "key")],
    child("registered", Flag()),
    child("remove", Flag()),
    child("form", DATA_FORM, name="x", namespace=DATA_FORMS),
)
"""In-band registration. XEP-0077"""

UPLOAD_REQUEST = Record(attribute("filename", required=True), attribute("size", COUNT, required=True), attribute("content-type"))
"""XEP-0363 §5"""

UPLOAD_HEADERS = children("headers", "header", Record(attribute("name", required=True), own_text("value", always=True)))

UPLOAD_SLOT = Record(
    child("put", Record(attribute("url", required=True), UPLOAD_HEADERS), required=True),
    child("get", Record(attribute("url", required=True)), required=True),
)
"""XEP-0363 §5"""

ABUSE_REPORT = Record(
    attribute("reason", required=True),
    children("stanza_ids", "stanza-id", Record(attribute("id", required=True), attribute("by", required=True)), namespace=STANZA_IDS),
    child("text"),
)
"""An abuse report. XEP-0377"""

BLOCK_LIST = WrappedList(
    "item", Record(attribute("jid", required=True), child("report", ABUSE_REPORT, namespace=REPORTING), shorthand="jid")
)
"""Blocked addresses, with reports of abuse. XEP-0191, XEP-0377"""
