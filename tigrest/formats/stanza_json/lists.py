"""Lists in JSON: repeated elements, on their own or inside another element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.formats.stanza_json.shapes import Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import LIST, ValidationError
from tigrest.formats.stanza_json.values import JsonSchema, truth


class Repeated(Shape):
    """A list of repeated elements.

    Args:
        shape: shape of each element.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def writer(self, element: Element) -> WriteValue:
        write = self.shape.writer(element)
        return lambda value: written(value, write)

    def reader(self, element: Element) -> ReadElement:
        return self.shape.reader(element)

    def schema(self) -> JsonSchema:
        return {"type": "array", "items": self.shape.schema()}


class WrappedList(Repeated):
    """A list of repeated children of one element. ``true`` and ``{}`` count as the empty list, since that is how a query is written.

    Args:
        name: local name of the children.
        shape: shape of each child.
    """

    def __init__(self, name: str, shape: Shape) -> None:
        super().__init__(shape)
        self.name = name

    def writer(self, element: Element) -> WriteValue:
        write = self.shape.writer(element.child(self.name))
        return lambda value: element.whole("" if value is True or value == {} else written(value, write))

    def reader(self, element: Element) -> ReadElement:
        child = element.child(self.name)
        read = self.shape.reader(child)
        return lambda found: [read(item) for item in found.findall(child.tag)]

    def from_text(self, text: str) -> Any:
        return [] if truth(text) is True else text

    def from_parameters(self, parameters: Mapping[str, str]) -> Any:
        return [self.shape.from_parameters(parameters)] if parameters else []

    def schema(self) -> JsonSchema:
        return {"anyOf": [super().schema(), {"type": "boolean", "enum": [True]}, {"type": "object", "additionalProperties": False}]}


def written(values: Any, write: WriteValue) -> str:
    """Write the items of a list.

    Args:
        values: the list.
        write: writes an item.

    Raises:
        ValidationError: it is no list, or an item is not valid.
    """
    if not isinstance(values, LIST):
        raise ValidationError.of(values, "a list")
    index = 0
    out = []
    try:
        for index, value in enumerate(values):  # noqa: B007 – the handler names it
            out.append(write(value))
    except ValidationError as mismatch:
        raise mismatch.under(index) from None
    return "".join(out)
