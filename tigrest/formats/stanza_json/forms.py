"""Data forms in JSON with all their members. XEP-0004"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tigrest.formats.stanza_json.lists import WrappedList
from tigrest.formats.stanza_json.record import Record, attribute, child, children
from tigrest.formats.stanza_json.shapes import Flag
from tigrest.formats.stanza_json.validation import LIST, OBJECT, ValidationError
from tigrest.formats.stanza_json.values import NUMBER, ChoiceValue, JsonSchema, content
from tigrest.xmpp.forms import FIELD_TYPES, FORM_TYPE, FORM_TYPES

LIST_FIELD_TYPES = frozenset({"list-multi", "jid-multi"})
"""Types of fields whose value in JSON is a list even where there is only one. XEP-0004 §3.3"""

VALUE: JsonSchema = {"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "number"}, {"type": "array", "items": {"type": "string"}}]}


def texts(value: Any, type: str = "") -> list[str]:
    """Convert the value of a field from JSON into texts.

    Args:
        value: text, a number, true (``1``) or false (``0``), a list of these, or ``None`` for no value.
        type: type of the field; each line of a ``text-multi`` is a value of its own.

    Raises:
        ValidationError: it is none of these.
    """
    if isinstance(value, str):
        content(value)
        return value.split("\n") if type == "text-multi" else [value]
    if value is None:
        return []
    if not isinstance(value, LIST):
        return [_text(value, alone=True)]
    index, found = 0, []
    try:
        for index, item in enumerate(value):  # noqa: B007 – the handler names it
            found.append(_text(item, alone=False))
    except ValidationError as mismatch:
        raise mismatch.under(index) from None
    return found


def _text(value: Any, alone: bool) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int | float):
        text = NUMBER.write(value)
        content(text)
        return text
    raise ValidationError.of(value, "text, a number, true or false" + (", or a list of these" if alone else ""))


def field_value_as_json(values: Sequence[str], type: str) -> Any:
    """Convert the values of a field into JSON: a list for list types and for several values, else text.

    Args:
        values: texts of the ``value`` elements.
        type: type of the field; empty when the form does not say.

    Returns:
        ``None`` when there is no value.
    """
    if type == "text-multi" and values:
        return "\n".join(values)
    if type in LIST_FIELD_TYPES or len(values) > 1:
        return list(values) or None
    return values[0] if values else None


class FieldShape(Record):
    """``{"var": "a", "value": "x"}`` is ``<field var="a"><value>x</value></field>``.

    Args:
        as_list: whether JSON that we write always has a list under ``values``, as in forms of archive queries.
    """

    def __init__(self, as_list: bool = False) -> None:
        self.as_list = as_list
        super().__init__(
            attribute("var"),
            attribute("type", ChoiceValue(*FIELD_TYPES)),
            attribute("label"),
            child("desc"),
            child("required", Flag()),
            children("values", "value"),
            children("options", "option", Record(attribute("label"), child("value", required=True), shorthand="value")),
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        key = "value" if "value" in value else "values"
        if key not in value:
            return value
        if "value" in value and "values" in value:
            raise ValidationError('is given beside "value"; give one of the two').under("values")
        try:
            values = texts(value[key], str(value.get("type", "")))
        except ValidationError as mismatch:
            raise mismatch.under(key) from None
        return {name: item for name, item in value.items() if name != key} | {"values": values}

    def simplified(self, found: dict[str, Any]) -> Any:
        if not self.as_list and (value := field_value_as_json(found.pop("values", ()), found.get("type", ""))) is not None:
            found["value"] = value
        return found

    def schema(self) -> JsonSchema:
        whole: JsonSchema = super().schema()["anyOf"][0]
        texts_or_one = {"value": VALUE, "values": {"type": "array", "items": {"type": "string"}}}
        return {"title": "field", **whole, "properties": whole["properties"] | texts_or_one}


class DataFormShape(Record):
    """A form with all its members: ``{"type": "form", "title": "T", "fields": […]}``.

    A table of results has ``reported`` (its columns, as fields) and ``items`` (its rows, each ``{"var": "value"}``).

    Args:
        as_lists: whether JSON that we write has ``values`` in each field, see :class:`Field`.
    """

    def __init__(self, as_lists: bool = False) -> None:
        field = FieldShape(as_lists)
        super().__init__(
            attribute("type", ChoiceValue(*FORM_TYPES)),
            child("title"),
            children("instructions", "instructions"),
            children("fields", "field", field, always=True),
            child("reported", WrappedList("field", FieldShape())),
            children("items", "item", WrappedList("field", FieldShape(as_list=True))),
        )

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        changed: dict[str, Any] = {"type": "submit"} | {key: item for key, item in value.items() if item is not None}
        if isinstance(changed.get("instructions"), str):
            changed["instructions"] = changed["instructions"].split("\n")
        if isinstance(changed.get("items"), LIST):
            changed["items"] = [_row(row, index) for index, row in enumerate(changed["items"])]
        return changed

    def simplified(self, found: dict[str, Any]) -> Any:
        if "instructions" in found:
            found["instructions"] = "\n".join(found["instructions"])
        if "items" in found:
            types = {field.get("var"): field.get("type", "") for field in found.get("reported", ())}
            found["items"] = [
                {field["var"]: field_value_as_json(field.get("values", ()), types.get(field["var"], "")) for field in row if "var" in field}
                for row in found["items"]
            ]
        return found

    def schema(self) -> JsonSchema:
        whole: JsonSchema = super().schema()["anyOf"][0]
        rows = {"type": "array", "items": {"type": "object", "additionalProperties": VALUE}}
        fields = {"type": "array", "items": FieldShape().schema()}
        members = {"instructions": {"type": "string"}, "reported": fields, "items": rows}
        return {"title": "data form", **whole, "properties": whole["properties"] | members}


def _row(row: Any, index: int) -> list[dict[str, Any]]:
    if not isinstance(row, OBJECT):
        raise ValidationError.of(row, "an object").under(index).under("items")
    try:
        return [field_of(var, value) for var, value in row.items()]
    except ValidationError as mismatch:
        raise mismatch.under(index).under("items") from None


def field_of(var: str, value: Any) -> dict[str, Any]:
    """Make the field for an entry of a map.

    Args:
        var: name of the field.
        value: see :func:`texts`.

    Raises:
        ValidationError: the value is none of those.
    """
    try:
        values = texts(value)
    except ValidationError as mismatch:
        raise mismatch.under(var) from None
    return {"var": var, "values": values, **({"type": "hidden"} if var == FORM_TYPE else {})}


DATA_FORM = DataFormShape()
