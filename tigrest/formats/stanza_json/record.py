"""Records: JSON objects whose members are attributes, text and children of one element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json.lists import Repeated
from tigrest.formats.stanza_json.shapes import Element, ReadElement, Shape, TextElement, WriteValue
from tigrest.formats.stanza_json.validation import OBJECT, ValidationError
from tigrest.formats.stanza_json.values import TEXT, JsonSchema, Value, attribute_value, content, truth


@dataclass(frozen=True)
class Member:
    """A member of a record; made by :func:`attribute`, :func:`own_text`, :func:`child`, :func:`children` and :func:`inline`.

    Args:
        key: its name in JSON.
        name: name of the attribute or child; empty for the text of the element itself.
        value: type of the attribute or text.
        shape: shape of the child; ``None`` for an attribute or text.
        namespace: namespace of the child; empty for that of the record.
        required: whether JSON has to have it.
        always: whether JSON that we write has it even where XML has nothing.
        also: a second name under which the attribute is read; empty for none.
        inline: whether the shape stands for several children of the element, instead of one.
    """

    key: str
    name: str
    value: Value = TEXT
    shape: Shape | None = None
    namespace: str = ""
    required: bool = False
    always: bool = False
    also: str = ""
    inline: bool = False

    @property
    def takes_null(self) -> bool:
        """Return whether ``null`` is a value of the member; otherwise it means that the member is absent."""
        return self.shape is not None and self.shape.takes_null

    def writer(self, element: Element) -> WriteValue:
        """Compile the function that writes the member: as an attribute or as content."""
        encode, name = self.value.write, self.name
        if self.shape is not None:
            return self.shape.writer(element if self.inline else element.child(name, self.namespace))
        if name:
            return lambda value: f' {name}="{attribute_value(encode(value))}"'
        return lambda value: content(encode(value))

    def reader(self, element: Element) -> ReadElement:
        """Compile the function that reads the member from the element of the record."""
        if self.shape is not None:
            return self._child_reader(self.shape, element)
        if not self.name:
            return lambda found: self.value.read(found.text or "") if self.always or found.text else None

        def read(found: ET.Element) -> Any:
            text = found.get(self.name, found.get(self.also) if self.also else None)
            return None if text is None else self.value.read(text)

        return read

    def _child_reader(self, shape: Shape, element: Element) -> ReadElement:
        if self.inline:
            return shape.reader(element)
        child = element.child(self.name, self.namespace)
        read, tag = shape.reader(child), child.tag
        if type(shape) is Repeated:
            return lambda found: [read(item) for item in found.findall(tag)] or ([] if self.always else None)

        def first(found: ET.Element) -> Any:
            item = found.find(tag)
            return None if item is None else read(item)

        return first

    def from_text(self, text: str) -> Any:
        """Convert a text of a query string into JSON."""
        return self.value.from_text(text) if self.shape is None else self.shape.from_text(text)

    def schema(self) -> JsonSchema:
        """Return the JSON Schema of the member."""
        return self.value.schema() if self.shape is None else self.shape.schema()


def attribute(key: str, value: Value = TEXT, *, name: str = "", required: bool = False, also: str = "") -> Member:
    """Make a member that is an attribute, by default of the same name."""
    return Member(key, name or key, value, required=required, also=also)


def own_text(key: str, value: Value = TEXT, *, always: bool = False) -> Member:
    """Make a member that is the text of the element itself."""
    return Member(key, "", value, always=always, required=always)


def child(key: str, shape: Shape | None = None, *, name: str = "", namespace: str = "", required: bool = False) -> Member:
    """Make a member that is a child, by default of the same name and with text."""
    return Member(key, name or key, shape=shape or TextElement(), namespace=namespace, required=required)


def children(key: str, name: str, shape: Shape | None = None, *, namespace: str = "", always: bool = False) -> Member:
    """Make a member that is a list of children."""
    return Member(key, name, shape=Repeated(shape or TextElement()), namespace=namespace, always=always)


def inline(key: str, shape: Shape) -> Member:
    """Make a member whose shape reads and writes several children of the element."""
    return Member(key, key, shape=shape, inline=True)


class Record(Shape):
    """``{"id": "m1", "to": "a@b"}`` is ``<reply id="m1" to="a@b"/>``.

    ``true`` means ``{}`` where no member is required. Subclasses accept further forms of JSON in :meth:`normalised`, and change the
    JSON that we write in :meth:`simplified`.

    Args:
        members: all members.
        shorthand: member that a text alone stands for; empty where no text is allowed.
        collapses: whether JSON that we write is that text when there is no other member.
    """

    def __init__(self, *members: Member, shorthand: str = "", collapses: bool = False) -> None:
        self.members = members
        self.shorthand = shorthand
        self.collapses = collapses

    def normalised(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Convert the members as given in JSON into members that are written."""
        return value

    def simplified(self, found: dict[str, Any]) -> Any:
        """Convert the members as read from XML into the JSON that we write."""
        return found[self.shorthand] if self.collapses and list(found) == [self.shorthand] else found

    def writer(self, element: Element) -> WriteValue:
        start, end = element.start, element.end
        writers = {member.key: (member.writer(element), member.shape is None and member.name != "") for member in self.members}
        nullable = {member.key for member in self.members if member.takes_null}
        required = {member.key for member in self.members if member.required}

        def write(value: Any) -> str:
            given = self.normalised(self._object(value))
            attributes = inside = key = ""
            try:
                for key, item in given.items():
                    if key not in writers:
                        raise ValidationError.unknown(key, writers)
                    if item is not None or key in nullable:
                        writer, in_tag = writers[key]
                        text = writer(item)
                        attributes, inside = (attributes + text, inside) if in_tag else (attributes, inside + text)
            except ValidationError as mismatch:
                raise mismatch.under(key) from None
            for key in required:
                if key not in given or (given[key] is None and key not in nullable):
                    raise ValidationError("is missing").under(key)
            return f"{start}{attributes}>{inside}{end}" if inside else f"{start}{attributes}/>"

        return write

    def _object(self, value: Any) -> Mapping[str, Any]:
        if isinstance(value, OBJECT):
            return value
        if self.shorthand and isinstance(value, str):
            return {self.shorthand: value}
        if value is True and not any(member.required for member in self.members):
            return {}
        raise ValidationError.of(value, "an object or text" if self.shorthand else "an object")

    def reader(self, element: Element) -> ReadElement:
        readers = [(member.key, member.reader(element)) for member in self.members]

        def read(found: ET.Element) -> Any:
            members = {}
            for key, reader in readers:
                value = reader(found)
                if value is not None:
                    members[key] = value
            return self.simplified(members)

        return read

    def from_text(self, text: str) -> Any:
        return {} if not self.shorthand and truth(text) is True else text

    def from_parameters(self, parameters: Mapping[str, str]) -> Any:
        known = {member.key: member for member in self.members}
        return {key: known[key].from_text(text) if key in known else text for key, text in parameters.items()}

    def schema(self) -> JsonSchema:
        required = [member.key for member in self.members if member.required]
        whole: JsonSchema = {
            "type": "object",
            "properties": {member.key: member.schema() for member in self.members},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }
        others: list[JsonSchema] = [{"type": "string"}] if self.shorthand else []
        if not required:
            others.append({"type": "boolean", "enum": [True]})
        return {"anyOf": [whole, *others]} if others else whole
