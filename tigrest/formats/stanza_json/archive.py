"""Queries of message archives (XEP-0313), and paging of results (XEP-0059)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.formats.stanza_json.forms import DataFormShape, texts
from tigrest.formats.stanza_json.record import Record, attribute, child
from tigrest.formats.stanza_json.shapes import TextElement
from tigrest.formats.stanza_json.validation import LIST, ValidationError
from tigrest.formats.stanza_json.values import BOOLEAN, COUNT, JsonSchema
from tigrest.xmpp.forms import FORM_TYPE
from tigrest.xmpp.namespaces import DATA_FORMS, MESSAGE_ARCHIVE, RESULT_SET

FILTERS = ("with", "start", "end", "before-id", "after-id", "ids")
"""Members that stand for fields of the query's form. XEP-0313 §4.1"""

PAGING = ("before", "after", "max")
"""Members that stand for children of the query's ``set``. XEP-0059 §2"""

RESULT_PAGE = Record(
    child("max", TextElement(COUNT)),
    child("after"),
    child("before"),
    child("first"),
    child("last"),
    child("count", TextElement(COUNT)),
    child("index", TextElement(COUNT)),
)
"""A page of a result. XEP-0059 §2"""

ARCHIVE_END = Record(child("page", RESULT_PAGE, name="set", namespace=RESULT_SET), attribute("complete", BOOLEAN))
"""The end of a result. XEP-0313 §4.3"""


class ArchiveQuery(Record):
    """``{"with": "a@b", "max": 10}`` or, in full, ``{"form": {…}, "page": {…}}``.

    ``form`` takes the place of ``with``, ``start``, ``end``, ``before-id``, ``after-id`` and ``ids``; ``page`` that of ``before``,
    ``after`` and ``max``. ``ids`` is a list or a text with commas.
    """

    def __init__(self) -> None:
        super().__init__(
            attribute("queryid"),
            child("form", DataFormShape(as_lists=True), name="x", namespace=DATA_FORMS),
            child("page", RESULT_PAGE, name="set", namespace=RESULT_SET),
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        changed = {key: item for key, item in value.items() if key not in FILTERS and key not in PAGING}
        filters = {key: value[key] for key in FILTERS if value.get(key) is not None}
        paging = {key: value[key] for key in PAGING if value.get(key) is not None}
        if filters and changed.get("form") is None:
            changed["form"] = _form(filters)
        if paging and changed.get("page") is None:
            changed["page"] = paging
        return changed

    def schema(self) -> JsonSchema:
        whole: JsonSchema = super().schema()["anyOf"][0]
        text: JsonSchema = {"type": "string"}
        shortcuts: JsonSchema = dict.fromkeys((*FILTERS, *PAGING), text)
        shortcuts |= {"ids": {"anyOf": [text, {"type": "array", "items": text}]}, "max": {"anyOf": [COUNT.schema(), text]}}
        return {**whole, "properties": whole["properties"] | shortcuts}


def _form(filters: Mapping[str, Any]) -> dict[str, Any]:
    fields: list[dict[str, Any]] = [{"var": FORM_TYPE, "type": "hidden", "value": MESSAGE_ARCHIVE}]
    for key, value in filters.items():
        if not isinstance(value, str) and not (key == "ids" and isinstance(value, LIST)):
            raise ValidationError.of(value, "a list of texts" if key == "ids" else "text").under(key)
        try:
            fields.append({"var": key, "values": texts(value.split(",") if key == "ids" and isinstance(value, str) else value)})
        except ValidationError as mismatch:
            raise mismatch.under(key) from None
    return {"type": "submit", "fields": fields}
