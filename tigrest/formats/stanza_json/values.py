"""What texts and attributes of XML are in JSON: text, numbers, true and false, one of some names."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.xmpp.xml import escape, escape_attribute

Schema = dict[str, Any]

_UNCARRIABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_PLAIN_CONTENT = re.compile("[^\t\n\x20-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_PLAIN_ATTRIBUTE = re.compile("[^\x20!#-%(-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

TRUE = frozenset({"", "1", "true"})
"""What means yes in a form or query string, in lower case."""


def content(text: str) -> str:
    """Escape text for element content.

    Raises:
        ValidationError: it has a character that XML cannot carry.
    """
    return text if _NOT_PLAIN_CONTENT.search(text) is None else _escaped(text, escape)


def attribute_value(text: str) -> str:
    """Escape text for an attribute.

    Raises:
        ValidationError: it has a character that XML cannot carry.
    """
    return text if _NOT_PLAIN_ATTRIBUTE.search(text) is None else _escaped(text, escape_attribute)


def _escaped(text: str, escaped: Callable[[str], str]) -> str:
    culprit = _UNCARRIABLE.search(text)
    if culprit is not None:
        raise ValidationError(f"XML cannot carry the character U+{ord(culprit[0]):04X}, at {culprit.start()}; leave it out")
    return escaped(text)


class Value(ABC):
    """A piece of text in XML, and what it is in JSON."""

    wanted: str
    """What it may be, in words, for messages."""

    @abstractmethod
    def write(self, value: Any) -> str:
        """The text for a JSON value, not escaped.

        Raises:
            ValidationError: it does not fit.
        """

    def read(self, text: str) -> Any:
        """The JSON value for a text; ``None`` when the text makes no sense."""
        return text

    def from_text(self, text: str) -> Any:
        """The JSON value for a text from a form or query string."""
        return text

    @abstractmethod
    def schema(self) -> Schema:
        """Its JSON Schema."""


class AnyText(Value):
    """Any text."""

    wanted = "text"

    def write(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        raise ValidationError.of(value, self.wanted)

    def schema(self) -> Schema:
        return {"type": "string"}


class Choice(Value):
    """One of some names.

    Args:
        names: what it may be.
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

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.names)}


class Integer(Value):
    """A whole number. Its digits as text are taken as well.

    Args:
        lowest: smallest allowed; ``None`` for any.
        highest: largest allowed; ``None`` for any.
        as_text: whether it is text in our own JSON.
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

    def schema(self) -> Schema:
        limits = {name: limit for name, limit in (("minimum", self.lowest), ("maximum", self.highest)) if limit is not None}
        return {"anyOf": [{"type": "string"}, {"type": "integer", **limits}]} if self.as_text else {"type": "integer", **limits}


class Number(Value):
    """A number, which is text in our own JSON and so never loses digits. Any text is taken as well."""

    wanted = "a number or text"

    def write(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValidationError.of(value, self.wanted)
        return repr(value)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string"}, {"type": "number"}]}


class Boolean(Value):
    """``true`` or ``false``.

    Args:
        yes: how XML says true.
        no: how XML says false.
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

    def schema(self) -> Schema:
        return {"type": "boolean"}


def truth(text: str) -> Any:
    """The truth value of a text from a form or query string; the text itself when it has none."""
    lower = text.lower()
    return True if lower in TRUE else False if lower in ("0", "false") else text


TEXT = AnyText()
COUNT = Integer(0)
NUMBER = Number()
BOOLEAN = Boolean()
