"""Data forms as maps of values: to submit, and as extensions of disco results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.formats.stanza_json.forms import DATA_FORM, VALUE, DataFormShape, field_of
from tigrest.formats.stanza_json.shapes import Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import LIST, OBJECT, ValidationError
from tigrest.formats.stanza_json.values import JsonSchema
from tigrest.xmpp.forms import FORM_TYPE
from tigrest.xmpp.namespaces import DATA_FORMS


class FormData(Shape):
    """A form of type ``submit`` as a map: ``{"FORM_TYPE": "urn:x", "a": "1", "b": ["x", "y"]}``. Written only, never read."""

    def writer(self, element: Element) -> WriteValue:
        write = DATA_FORM.writer(element)

        def write_map(value: Any) -> str:
            if not isinstance(value, OBJECT):
                raise ValidationError.of(value, "an object")
            return write({"type": "submit", "fields": [field_of(var, item) for var, item in value.items()]})

        return write_map

    def reader(self, element: Element) -> ReadElement:
        return lambda found: None

    def schema(self) -> JsonSchema:
        return {"title": "form as a map", "type": "object", "additionalProperties": VALUE}


class Extensions(Shape):
    """Forms that extend a disco result: ``{FORM_TYPE: {var: value}}``, an ``x`` element each. XEP-0128

    A form without ``FORM_TYPE`` has the empty key. Values are text, true or false for fields of type ``boolean``, and lists
    for list fields and fields without a type.
    """

    def writer(self, element: Element) -> WriteValue:
        write_form = DATA_FORM.writer(element.child("x", DATA_FORMS))

        def write(value: Any) -> str:
            if not isinstance(value, OBJECT):
                raise ValidationError.of(value, "an object")
            return "".join([self._written(key, fields, write_form) for key, fields in value.items()])

        return write

    def _written(self, form_type: str, fields: Any, write_form: WriteValue) -> str:
        try:
            if not isinstance(fields, OBJECT):
                raise ValidationError.of(fields, "an object")
            head = [field_of(FORM_TYPE, form_type)] if form_type else []
            return write_form({"type": "result", "fields": [*head, *(_extension(var, value) for var, value in fields.items())]})
        except ValidationError as mismatch:
            raise mismatch.under(form_type) from None

    def reader(self, element: Element) -> ReadElement:
        child = element.child("x", DATA_FORMS)
        read = DataFormShape(as_lists=True).reader(child)

        def read_all(found: Any) -> Any:
            extensions: dict[str, Any] = {}
            for form in found.findall(child.tag):
                fields = {field["var"]: field for field in read(form)["fields"] if "var" in field}
                form_type = fields.pop(FORM_TYPE, {}).get("values", [""])[0]
                extensions.setdefault(form_type, {}).update({var: _extended(field) for var, field in fields.items()})
            return extensions or None

        return read_all

    def schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": VALUE}}


def _extension(var: str, value: Any) -> dict[str, Any]:
    if isinstance(value, LIST):
        return field_of(var, value)
    return field_of(var, value) | {"type": "boolean" if isinstance(value, bool) else "text-single"}


def _extended(field: Mapping[str, Any]) -> Any:
    values: list[str] = field.get("values", [])
    match field.get("type", ""):
        case "" | "list-single" | "list-multi" | "jid-multi":
            return values
        case "text-multi":
            return "\n".join(values)
        case "boolean":
            return values[:1] in (["1"], ["true"])
        case _:
            return values[0] if values else None
