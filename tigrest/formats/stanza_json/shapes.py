"""Shapes: how the value of a key is written as an element, and read from it.

A shape is compiled once for each place it stands in, into a function that writes escaped XML and one that reads an element. Larger
shapes are made of smaller ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.formats.stanza_json.values import TEXT, Choice, Schema, Value, attribute_value, content, truth
from tigrest.xmpp.namespaces import CLIENT, XML_NAMESPACE
from tigrest.xmpp.xml import escape_attribute

WriteValue = Callable[[Any], str]
"""Writes a JSON value as XML. Raises ValidationError when it does not fit."""

ReadElement = Callable[[ET.Element], Any]
"""Reads an element as a JSON value. Gives ``None`` when it makes no sense."""

LANG = f"{{{XML_NAMESPACE}}}lang"


@dataclass(frozen=True)
class Element:
    """The name of an element and where it stands.

    Args:
        name: its local name.
        namespace: its namespace.
        around: default namespace in force around it.
    """

    name: str
    namespace: str = CLIENT
    around: str = CLIENT

    @property
    def start(self) -> str:
        """Its start tag without the last ``>``."""
        return f"<{self.name}" if self.namespace == self.around else f'<{self.name} xmlns="{escape_attribute(self.namespace)}"'

    @property
    def end(self) -> str:
        """Its end tag."""
        return f"</{self.name}>"

    @property
    def tag(self) -> str:
        """Its name as ElementTree writes it."""
        return f"{{{self.namespace}}}{self.name}"

    def child(self, name: str, namespace: str = "") -> Element:
        """An element inside it; by default of the same namespace."""
        return Element(name, namespace or self.namespace, self.namespace)

    def whole(self, inside: str, attributes: str = "") -> str:
        """The element with attributes and content, both written already."""
        return f"{self.start}{attributes}>{inside}{self.end}" if inside else f"{self.start}{attributes}/>"


class Shape(ABC):
    """How a value is one element."""

    takes_null = False
    """Whether ``null`` is a value; otherwise it means that the key is not there."""

    @abstractmethod
    def writer(self, element: Element) -> WriteValue:
        """Make the function that writes it."""

    @abstractmethod
    def reader(self, element: Element) -> ReadElement:
        """Make the function that reads it."""

    @abstractmethod
    def schema(self) -> Schema:
        """Its JSON Schema."""

    def tags(self, element: Element) -> tuple[str, ...]:
        """Which elements it is read from."""
        return (element.tag,)

    def choose(self, elements: Sequence[ET.Element], lang: str) -> ET.Element:
        """Tell which element counts when there are several; the first.

        Args:
            elements: at least two.
            lang: language of the stanza, possibly empty.
        """
        return elements[0]

    def from_text(self, text: str) -> Any:
        """The JSON value for a text from a form."""
        return text

    def from_parameters(self, parameters: Mapping[str, str]) -> Any:
        """The JSON value for the parameters of a query string."""
        return dict(parameters)


class TextElement(Shape):
    """``"Hello"`` is ``<body>Hello</body>``.

    Args:
        value: what the text may be.
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
        """The first in the language of the stanza, else the very first. RFC 6121 §5.2.3."""
        return next((element for element in elements if element.get(LANG, lang) == lang), elements[0])

    def schema(self) -> Schema:
        return self.value.schema()


class Attribute(Shape):
    """``"m1"`` is ``<replace id="m1"/>``.

    Args:
        name: of the attribute.
        value: what it may be.
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

    def schema(self) -> Schema:
        return self.value.schema()


class Flag(Shape):
    """``true`` is ``<ping/>``; ``false`` is nothing. An empty object is true, too."""

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

    def schema(self) -> Schema:
        return {"type": "boolean"}


class NameIsValue(Shape):
    """``"active"`` is ``<active/>``.

    Args:
        names: of the elements there are; among several elements, that whose name stands first here counts.
    """

    def __init__(self, *names: str) -> None:
        self.value = Choice(*names)

    def writer(self, element: Element) -> WriteValue:
        written = {name: Element(name, element.namespace, element.around).whole("") for name in self.value.names}
        return lambda value: written[self.value.write(value)]

    def reader(self, element: Element) -> ReadElement:
        return lambda found: found.tag.rpartition("}")[2]

    def tags(self, element: Element) -> tuple[str, ...]:
        return tuple(Element(name, element.namespace).tag for name in self.value.names)

    def choose(self, elements: Sequence[ET.Element], lang: str) -> ET.Element:
        return min(elements, key=lambda element: self.value.names.index(element.tag.rpartition("}")[2]))

    def schema(self) -> Schema:
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

    def schema(self) -> Schema:
        return {"type": "string"}
