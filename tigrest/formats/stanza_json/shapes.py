"""Shapes: conversions between a JSON value and an element.

A shape is compiled once for each element that it is used for, into a function that writes escaped XML and one that reads the element.
Shapes may consist of other shapes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.formats.stanza_json.values import TEXT, ChoiceValue, JsonSchema, Value, attribute_value, content, truth
from tigrest.xmpp.namespaces import CLIENT, XML_NAMESPACE
from tigrest.xmpp.xml import escape_attribute

WriteValue = Callable[[Any], str]
"""Writes a JSON value as XML; raises ValidationError for an invalid one."""

ReadElement = Callable[[ET.Element], Any]
"""Reads an element as a JSON value; returns ``None`` for an invalid element, since strangers send them."""

LANG = f"{{{XML_NAMESPACE}}}lang"


@dataclass(frozen=True)
class Element:
    """The name of an element, and the default namespace of its parent.

    Args:
        name: its local name.
        namespace: its namespace.
        around: default namespace in force where it is written.
    """

    name: str
    namespace: str = CLIENT
    around: str = CLIENT

    @property
    def start(self) -> str:
        """Return its start tag without the closing ``>``."""
        return f"<{self.name}" if self.namespace == self.around else f'<{self.name} xmlns="{escape_attribute(self.namespace)}"'

    @property
    def end(self) -> str:
        """Return its end tag."""
        return f"</{self.name}>"

    @property
    def tag(self) -> str:
        """Return its name in ElementTree's form, ``{namespace}name``."""
        return f"{{{self.namespace}}}{self.name}"

    def child(self, name: str, namespace: str = "") -> Element:
        """Return an element inside it, by default of the same namespace."""
        return Element(name, namespace or self.namespace, self.namespace)

    def whole(self, inside: str, attributes: str = "") -> str:
        """Write the element.

        Args:
            inside: its content as XML; empty for none.
            attributes: its attributes as XML, each preceded by a space; empty for none.
        """
        return f"{self.start}{attributes}>{inside}{self.end}" if inside else f"{self.start}{attributes}/>"


class Shape(ABC):
    """A conversion between a JSON value and an element."""

    takes_null = False
    """``null`` is a value; otherwise it means that the key is absent."""

    @abstractmethod
    def writer(self, element: Element) -> WriteValue:
        """Compile the function that writes a value as this element."""

    @abstractmethod
    def reader(self, element: Element) -> ReadElement:
        """Compile the function that reads a value from this element."""

    @abstractmethod
    def schema(self) -> JsonSchema:
        """Return the JSON Schema of the value."""

    def tags(self, element: Element) -> tuple[str, ...]:
        """Return the names of the elements that it is read from, in ElementTree's form."""
        return (element.tag,)

    def choose(self, elements: Sequence[ET.Element], lang: str) -> ET.Element:
        """Choose the element that is read when there are several; the first by default.

        Args:
            elements: at least two.
            lang: language of the stanza; empty for none.
        """
        return elements[0]

    def from_text(self, text: str) -> Any:
        """Convert a text of an HTML form into JSON."""
        return text

    def from_parameters(self, parameters: Mapping[str, str]) -> Any:
        """Convert the parameters of a query string into JSON."""
        return dict(parameters)


class TextElement(Shape):
    """``"Hello"`` is ``<body>Hello</body>``.

    Args:
        value: type of the text.
    """

    def __init__(self, value: Value = TEXT) -> None:
        self.value = value

    def writer(self, element: Element) -> WriteValue:
        start, end, encode = element.start + ">", element.end, self.value.write
        return lambda value: f"{start}{content(encode(value))}{end}"

    def reader(self, element: Element) -> ReadElement:
        decode = self.value.read
        return lambda found: decode(found.text or "")

    def choose(self, elements: Sequence[ET.Element], lang: str) -> ET.Element:
        """Choose the first element in the language of the stanza, else the first of all. RFC 6121 §5.2.3"""
        return next((element for element in elements if element.get(LANG, lang) == lang), elements[0])

    def schema(self) -> JsonSchema:
        return self.value.schema()


class Attribute(Shape):
    """``"m1"`` is ``<replace id="m1"/>``.

    Args:
        name: name of the attribute.
        value: its type.
    """

    def __init__(self, name: str, value: Value = TEXT) -> None:
        self.name, self.value = name, value

    def writer(self, element: Element) -> WriteValue:
        start, encode = f'{element.start} {self.name}="', self.value.write
        return lambda value: f'{start}{attribute_value(encode(value))}"/>'

    def reader(self, element: Element) -> ReadElement:
        def read(found: ET.Element) -> Any:
            text = found.get(self.name)
            return None if text is None else self.value.read(text)

        return read

    def schema(self) -> JsonSchema:
        return self.value.schema()


class Flag(Shape):
    """``true`` is ``<ping/>``; ``false`` writes nothing. An empty object counts as true."""

    def writer(self, element: Element) -> WriteValue:
        written = {True: element.whole(""), False: ""}

        def write(value: Any) -> str:
            if value is True or value is False:
                return written[value]
            if value == {}:
                return written[True]
            raise ValidationError.of(value, "true")

        return write

    def reader(self, element: Element) -> ReadElement:
        return lambda found: True

    def from_text(self, text: str) -> Any:
        return truth(text)

    def from_parameters(self, parameters: Mapping[str, str]) -> Any:
        return True

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


class NameIsValue(Shape):
    """``"active"`` is ``<active/>``.

    Args:
        names: names of the elements; of several elements in a stanza the one whose name comes first here counts.
    """

    def __init__(self, *names: str) -> None:
        self.value = ChoiceValue(*names)

    def writer(self, element: Element) -> WriteValue:
        written = {name: Element(name, element.namespace, element.around).whole("") for name in self.value.names}
        return lambda value: written[self.value.write(value)]

    def reader(self, element: Element) -> ReadElement:
        return lambda found: found.tag.rpartition("}")[2]

    def tags(self, element: Element) -> tuple[str, ...]:
        return tuple(Element(name, element.namespace).tag for name in self.value.names)

    def choose(self, elements: Sequence[ET.Element], lang: str) -> ET.Element:
        return min(elements, key=lambda element: self.value.names.index(element.tag.rpartition("}")[2]))

    def schema(self) -> JsonSchema:
        return self.value.schema()


class OnlyChild(Shape):
    """``"http://x/y"`` is ``<x><url>http://x/y</url></x>``. Of several elements, the last counts.

    Args:
        name: of the child.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def writer(self, element: Element) -> WriteValue:
        write = TextElement().writer(element.child(self.name))
        return lambda value: element.whole(write(value))

    def reader(self, element: Element) -> ReadElement:
        def read(found: ET.Element) -> Any:
            child = found.find(f"{{*}}{self.name}")
            return None if child is None else child.text or ""

        return read

    def choose(self, elements: Sequence[ET.Element], lang: str) -> ET.Element:
        return elements[-1]

    def schema(self) -> JsonSchema:
        return {"type": "string"}
