"""Types of texts and attributes: conversions between text in XML and a JSON value."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from typing import Any

from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.xmpp.xml import UNCARRIABLE, escape, escape_attribute

JsonSchema = dict[str, Any]

TRUE = frozenset({"", "1", "true"})
"""Texts in lower case that mean true in a form or query string."""


def content(text: str) -> str:
    """Escape text for element content.

    Raises:
        ValidationError: it has a character that XML cannot carry.
    """
    return text if (escaped := escape(text)) is text else _checked(text, escaped)


def attribute_value(text: str) -> str:
    """Escape text for an attribute.

    Raises:
        ValidationError: it has a character that XML cannot carry.
    """
    return text if (escaped := escape_attribute(text)) is text else _checked(text, escaped)


def _checked(text: str, escaped: str) -> str:
    culprit = UNCARRIABLE.search(text)
    if culprit is not None:
        raise ValidationError(f"XML cannot carry the character U+{ord(culprit[0]):04X}, at {culprit.start()}; leave it out")
    return escaped


class Value(ABC):
    """A conversion between a text in XML and a JSON value."""

    wanted: str
    """The type in words, for error messages."""

    @abstractmethod
    def write(self, value: Any) -> str:
        """Convert a JSON value into text, unescaped.

        Raises:
            ValidationError: the value is not of this type.
        """

    def read(self, text: str) -> Any:
        """Convert a text of XML into JSON; ``None`` when it is not of this type, since strangers send such texts."""
        return text

    def from_text(self, text: str) -> Any:
        """Convert a text of a form or query string into JSON."""
        return text

    @abstractmethod
    def schema(self) -> JsonSchema:
        """Return the JSON Schema of the value."""


class TextValue(Value):
    """Any text."""

    wanted = "text"

    def write(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        raise ValidationError.of(value, self.wanted)

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class ChoiceValue(Value):
    """One of a set of names.

    Args:
        names: the names.
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self.wanted = "one of " + ", ".join(names)

    def write(self, value: Any) -> str:
        if isinstance(value, str) and value in self.names:
            return value
        raise ValidationError.of(value, self.wanted)

    def read(self, text: str) -> str | None:
        return text if text in self.names else None

    def schema(self) -> JsonSchema:
        return {"type": "string", "enum": list(self.names)}


class IntegerValue(Value):
    """A whole number, or its digits as text.

    Args:
        lowest: smallest allowed; ``None`` for any.
        highest: largest allowed; ``None`` for any.
        as_text: whether it is text in JSON that we write.
    """

    def __init__(self, lowest: int | None = None, highest: int | None = None, as_text: bool = False) -> None:
        self.lowest, self.highest, self.as_text = lowest, highest, as_text
        limits = f" from {lowest} to {highest}" if highest is not None else f" from {lowest}" if lowest is not None else ""
        self.wanted = f"a whole number{limits}"

    def write(self, value: Any) -> str:
        number = self._number(value)
        if number is None:
            raise ValidationError.of(value, self.wanted)
        return str(number)

    def read(self, text: str) -> int | str | None:
        number = self._number(text.strip())
        return number if number is None or not self.as_text else str(number)

    def _number(self, value: Any) -> int | None:
        digits = isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value) is not None
        if digits or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        low = self.lowest is not None and value < self.lowest
        high = self.highest is not None and value > self.highest
        return None if low or high or abs(value) >= 10**18 else value

    def schema(self) -> JsonSchema:
        limits = {name: limit for name, limit in (("minimum", self.lowest), ("maximum", self.highest)) if limit is not None}
        return {"anyOf": [{"type": "string"}, {"type": "integer", **limits}]} if self.as_text else {"type": "integer", **limits}


class NumberValue(Value):
    """A number, or any text. It is text in JSON that we write, so that no digit is lost."""

    wanted = "a number or text"

    def write(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValidationError.of(value, self.wanted)
        return repr(value)

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "string"}, {"type": "number"}]}


class BooleanValue(Value):
    """``true`` or ``false``.

    Args:
        yes: text for true in XML.
        no: text for false in XML.
    """

    wanted = "true or false"

    def __init__(self, yes: str = "true", no: str = "false") -> None:
        self.yes, self.no = yes, no

    def write(self, value: Any) -> str:
        if isinstance(value, bool):
            return self.yes if value else self.no
        raise ValidationError.of(value, self.wanted)

    def read(self, text: str) -> bool | None:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.strip())

    def from_text(self, text: str) -> Any:
        return truth(text)

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


def truth(text: str) -> Any:
    """Convert a text of a form or query string into true or false; return any other text unchanged."""
    lower = text.lower()
    return True if lower in TRUE else False if lower in ("0", "false") else text


TEXT = TextValue()
COUNT = IntegerValue(0)
NUMBER = NumberValue()
BOOLEAN = BooleanValue()
