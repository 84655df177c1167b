"""Vocabularies: the keys of one kind of stanza, compiled from the rows of the table."""

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
"""Generations of mod_rest: that of its OpenAPI document 0.1.0 (2021), and later ones."""


@dataclass(frozen=True)
class Row:
    """A row of the table: one key.

    Args:
        key: its name in JSON.
        kinds: kinds of stanzas that may have it.
        element: the element that stands for it in XML.
        shape: conversion between value and element.
        generation: first generation of mod_rest that has it, ``seed`` or ``newer``.
        meaning: one line for people.
        example: an example of its value.
        source: specification of the element.
        also: further elements that it is read from.
        part_of: a key for the same element with more members, and the member that has this value; a stanza with both keys gets one
            element. Empty for none.
        sets: whether an iq with it is of type set by default, rather than get.
        only_reads: whether it changes nothing although the iq is of type set, e.g. a query of an archive.
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
        """Compile the function that reads any of its elements."""
        if not self.also:
            return self.shape.reader(self.element)
        readers = {element.tag: self.shape.reader(element) for element in (self.element, *self.also)}
        return lambda found: readers[found.tag](found)

    @property
    def tags(self) -> list[str]:
        """Return the names of all elements that it is read from, in ElementTree's form."""
        return [tag for element in (self.element, *self.also) for tag in self.shape.tags(element)]


@dataclass(frozen=True)
class Slot:
    """The compiled reader of one key.

    Args:
        key: the key.
        read: reads one of its elements.
        shape: its shape, which chooses among several elements.
    """

    key: str
    read: ReadElement
    shape: Shape

    def value(self, elements: Sequence[ET.Element], lang: str) -> Any:
        """Return the value of the key for its elements in a stanza; ``None`` when they are not valid.

        Args:
            elements: at least one.
            lang: language of the stanza; empty for none.
        """
        if type(self.shape) is Repeated:
            return [self.read(element) for element in elements]
        return self.read(elements[0] if len(elements) == 1 else self.shape.choose(elements, lang))


class Vocabulary:
    """The keys of one kind of stanza.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        rows: all rows of the table.
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
        """Write the payload of a stanza.

        Args:
            value: the stanza as JSON.

        Returns:
            An element as XML for each key that has one.

        Raises:
            ValidationError: a key is unknown or of another kind of stanza, or a value is not valid.
        """
        said_twice = [key for key, whole, member in self._parts if key in value and _has_part(value.get(whole), member, value[key])]
        written = []
        key = ""
        try:
            for key, item in value.items():
                writer = self._writers.get(key)
                if writer is None:  # null means absent, for keys of other kinds too
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
        """Read the payload of a stanza as JSON; elements without a key are left out.

        Args:
            stanza: root of the stanza.
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


def _has_part(whole: Any, member: str, value: Any) -> bool:
    """Return whether the key with more members already has this value."""
    return whole is not None and (not member or (isinstance(whole, OBJECT) and whole.get(member) == value))
