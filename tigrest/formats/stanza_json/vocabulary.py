"""The keys of one kind of stanza, compiled from the rows of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.formats.stanza_json import envelope
from tigrest.formats.stanza_json.lists import Repeated
from tigrest.formats.stanza_json.shapes import LANG, Element, ReadElement, Shape, WriteValue
from tigrest.formats.stanza_json.validation import OBJECT, ValidationError
from tigrest.xmpp.kinds import WITH_ARTICLE

SEED, NEWER = "seed", "newer"
"""Which generation of mod_rest knows a key: that of OpenAPI document 0.1.0, of 2021, or only later ones."""


@dataclass(frozen=True)
class Row:
    """What there is to know about a key.

    Args:
        key: its name in JSON.
        kinds: of stanzas it may stand in.
        element: what it is in XML.
        shape: how the one becomes the other.
        generation: ``seed`` or ``newer``.
        meaning: one line, for people.
        example: a value.
        source: where the element is defined.
        also: other elements it is read from.
        part_of: the key that says the same and more, and its member that has this value; a stanza with both has one element.
        sets: whether an iq with it is of type set rather than get when nothing else is said.
        only_reads: whether nothing changes by it although it is of type set.
    """

    key: str
    kinds: Sequence[str]
    element: Element
    shape: Shape
    generation: str
    meaning: str
    example: Any
    source: str
    also: tuple[Element, ...] = ()
    part_of: tuple[str, str] = ("", "")
    sets: bool = False
    only_reads: bool = False

    def reader(self) -> ReadElement:
        """Make the function that reads any of the elements."""
        if not self.also:
            return self.shape.reader(self.element)
        readers = {element.tag: self.shape.reader(element) for element in (self.element, *self.also)}
        return lambda found: readers[found.tag](found)

    @property
    def tags(self) -> list[str]:
        """Names of all elements it is read from, as ElementTree writes them."""
        return [tag for element in (self.element, *self.also) for tag in self.shape.tags(element)]


@dataclass(frozen=True)
class Slot:
    """How the elements of one key are read."""

    key: str
    read: ReadElement
    shape: Shape

    def value(self, elements: Sequence[ET.Element], lang: str) -> Any:
        """The value for all elements of this key in a stanza; ``None`` when there is none."""
        if type(self.shape) is Repeated:
            return [self.read(element) for element in elements]
        return self.read(elements[0] if len(elements) == 1 else self.shape.choose(elements, lang))


class Vocabulary:
    """The keys of one kind of stanza.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        rows: the whole table.
    """

    def __init__(self, kind: str, rows: Iterable[Row]) -> None:
        self.kind = kind
        self.elsewhere = {row.key: row.kinds for row in rows if kind not in row.kinds}
        self.rows = {row.key: row for row in rows if kind in row.kinds}
        self.keys = frozenset(self.rows)
        self.sets = frozenset(row.key for row in self.rows.values() if row.sets)
        self.changing = frozenset(row.key for row in self.rows.values() if row.sets and not row.only_reads)
        self.nullable = frozenset(row.key for row in self.rows.values() if row.shape.takes_null)
        self._writers: dict[str, WriteValue] = {row.key: row.shape.writer(row.element) for row in self.rows.values()}
        self._parts = [(row.key, *row.part_of) for row in self.rows.values() if row.part_of[0]]
        self._slots: dict[str, list[Slot]] = {}
        for row in self.rows.values():
            slot = Slot(row.key, row.reader(), row.shape)
            for tag in row.tags:
                self._slots.setdefault(tag, []).append(slot)

    def write(self, value: Mapping[str, Any]) -> list[str]:
        """Write the payload of a stanza: one text for each key that is written.

        Args:
            value: the stanza as JSON.

        Raises:
            ValidationError: a key is unknown here, or a value does not fit.
        """
        said_twice = [key for key, whole, member in self._parts if key in value and _says(value.get(whole), member, value[key])]
        written = []
        key = ""
        try:
            for key, item in value.items():
                writer = self._writers.get(key)
                if writer is None:
                    if key not in envelope.KEYS and (item is not None or key not in self.elsewhere):
                        raise self._unknown(key)
                elif (item is not None or key in self.nullable) and key not in said_twice and (text := writer(item)):
                    written.append(text)
        except ValidationError as mismatch:
            raise mismatch.under(key) from None
        return written

    def _unknown(self, key: str) -> ValidationError:
        if key in self.elsewhere:
            others = " and ".join([WITH_ARTICLE[kind] for kind in self.elsewhere[key]])
            return ValidationError(f"is not a key of {WITH_ARTICLE[self.kind]}, but of {others}")
        return ValidationError.unknown(key, self.keys | envelope.KEYS)

    def read(self, stanza: ET.Element) -> dict[str, Any]:
        """Read the payload of a stanza; elements without a key are left out.

        Args:
            stanza: its root element.
        """
        elements: dict[str, list[ET.Element]] = {}
        slots: dict[str, Slot] = {}
        for child in stanza:
            for slot in self._slots.get(child.tag, ()):
                slots[slot.key] = slot
                elements.setdefault(slot.key, []).append(child)
        lang = stanza.get(LANG, "")
        found = {key: slot.value(elements[key], lang) for key, slot in slots.items()}
        return {key: value for key, value in found.items() if value is not None}


def _says(whole: Any, member: str, value: Any) -> bool:
    """Whether a key says the same as its part."""
    return whole is not None and (not member or (isinstance(whole, OBJECT) and whole.get(member) == value))
