"""Types of arguments: each is one class that knows how a value is written in every way that arguments come in.

A value comes as text (a group of a pattern, a query, a command line), as JSON, or as a field of a data form (XEP-0004). Callers are told
what to write by a JSON schema, a form, or the help of a command line. :func:`tigrest.scripting.arguments.argument_type` finds the
class for an annotation.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tigrest.scripting.secret import Secret
from tigrest.xmpp.forms import Field, Option
from tigrest.xmpp.jid import JID, AddressKind

SHOWN = 80
"""Length to which a caller's text is cut in messages, in characters."""

ArgumentSchema = dict[str, object]
"""A JSON schema. https://json-schema.org/draft/2020-12"""


class UnfitValue(ValueError):
    """A value does not fit for another reason than its type; a plain ``ValueError`` says that it is of another type.

    Args:
        message: what is wrong with it, for callers.
        reason: ``missing``, ``doubled`` or ``range``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class CliOption:
    """Settings of an option of the command line: its annotation, and arguments of ``typer.Option``.

    Args:
        annotation: type that typer is told. A ``bool`` is a flag, a ``list`` may be given several times.
        parser: makes a value of one text; ``None`` where typer does.
        metavar: word for a value in the help; ``None`` for typer's own.
        hide_input: whether a value that is asked for is typed without being shown.
    """

    annotation: Any
    parser: Callable[[str], Any] | None = None
    metavar: str | None = None
    hide_input: bool = False


T = TypeVar("T")


class ArgumentType(ABC, Generic[T]):
    """A type of arguments."""

    name: str
    """Name for people, such as the help of a command line shows in place of a value."""

    field_type = "text-single"
    """Type of the field of a data form. XEP-0004 §3.3"""

    is_list = False
    """True for lists, for which several texts may be given."""

    is_optional = False
    """True where there may be no value."""

    is_secret = False
    """True where values, or parts of them, are for no log and no screen."""

    takes_empty = False
    """True where the empty text is a value, and not the lack of one."""

    is_structured = False
    """True for values of several fields, which are objects in JSON."""

    listed = "binary"
    """Word for it in ``GET /api/commands``, as MongooseIM has it: ``binary``, ``integer``, ``float``, ``boolean``, ``object``,
    and ``[binary]`` for lists."""

    @abstractmethod
    def parse(self, text: str) -> T:
        """Make a value of a text.

        Raises:
            ValueError: the text is none; the message says what is wrong with it, for callers.
        """

    @abstractmethod
    def parse_json(self, value: object) -> T:
        """Make a value of a JSON value.

        Raises:
            ValueError: it is none; the message says what is wrong with it, for callers.
        """

    def parse_all(self, texts: Sequence[str]) -> T:
        """Make a value of all texts of a name: a field of a form, a parameter of a query.

        Raises:
            UnfitValue: there is none, or there are too many.
            ValueError: one is no value.
        """
        if not texts:
            raise UnfitValue("is missing", "missing")
        if len(texts) > 1:
            raise UnfitValue(f"is given {len(texts)} times; give one", "doubled")
        return self.parse(texts[0])

    def parse_words(self, words: Sequence[str]) -> T:
        """Make a value of words of a command line. Lists may be separated by commas there, as ejabberdctl has them.

        Raises:
            UnfitValue: there is none, or there are too many.
            ValueError: one is no value.
        """
        return self.parse_all(words)

    @abstractmethod
    def schema(self) -> ArgumentSchema:
        """Return the JSON schema of its values."""

    def field(self, var: str, label: str = "", desc: str = "", default: T | None = None) -> Field:
        """Return the field of a data form that asks for a value. XEP-0004 §3.3

        Args:
            var: its name.
            label, desc: for people.
            default: the value that the form begins with; without one the field is required.
        """
        values = () if default is None else self.texts(default)
        required = default is None and not self.is_optional
        return Field(var, values, self.field_type, label, self.options(), required, desc)

    def options(self) -> tuple[Option, ...]:
        """Return the choices that a form offers."""
        return ()

    def texts(self, value: T) -> tuple[str, ...]:
        """Return a value as the texts that :meth:`parse_all` makes it of."""
        return (str(value),)

    def option(self) -> CliOption:
        """Return what an option of the command line needs."""
        return CliOption(str, self.parse, self.name)


class Text(ArgumentType[str]):
    """Any text."""

    name = "text"
    takes_empty = True

    def parse(self, text: str) -> str:
        """Return the text."""
        return text

    def parse_json(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError(f"{shown_value(value)} is not a text")
        return value

    def schema(self) -> ArgumentSchema:
        """Return that of a string."""
        return {"type": "string"}


class Integer(ArgumentType[int]):
    """A whole number."""

    name, listed = "integer", "integer"

    def parse(self, text: str) -> int:
        """Read digits, with a sign if wanted: no more than 18, no spaces or underscores, which ``int`` would take."""
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise ValueError(f"{shown_value(text)} is not a whole number")
        return int(text)

    def parse_json(self, value: object) -> int:
        """Return a number without a fraction."""
        if isinstance(value, float) and value.is_integer():  # 1.0 is an integer there. JSON Schema Core §4.2.3
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{shown_value(value)} is not a whole number")
        return value

    def schema(self) -> ArgumentSchema:
        """Return that of an integer."""
        return {"type": "integer"}


class Number(ArgumentType[float]):
    """A number."""

    name, listed = "number", "float"

    def parse(self, text: str) -> float:
        """Read a decimal number; ``nan`` and ``inf``, which ``float`` would take, are none."""
        if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", text):
            raise ValueError(f"{shown_value(text)} is not a number")
        return float(text)

    def parse_json(self, value: object) -> float:
        """Return the number."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{shown_value(value)} is not a number")
        return float(value)

    def schema(self) -> ArgumentSchema:
        """Return that of a number."""
        return {"type": "number"}


class Boolean(ArgumentType[bool]):
    """Yes or no."""

    name, listed = "boolean", "boolean"
    field_type = "boolean"

    def parse(self, text: str) -> bool:
        """Read one of the usual words for it."""
        if text.lower() in ("true", "1", "yes", "on"):
            return True
        if text.lower() in ("false", "0", "no", "off"):
            return False
        raise ValueError(f"{shown_value(text)} is not true or false")

    def parse_json(self, value: object) -> bool:
        """Return the truth."""
        if not isinstance(value, bool):
            raise ValueError(f"{shown_value(value)} is not true or false")
        return value

    def texts(self, value: bool) -> tuple[str, ...]:
        """Return it in the words of XEP-0004 §3.3."""
        return ("true" if value else "false",)

    def schema(self) -> ArgumentSchema:
        """Return that of a boolean."""
        return {"type": "boolean"}

    def option(self) -> CliOption:
        """Return a flag."""
        return CliOption(bool)


class Address(ArgumentType[JID]):
    """An XMPP address.

    Args:
        kind: which parts it has to have; ``None`` for any address.
    """

    field_type = "jid-single"

    def __init__(self, kind: AddressKind | None = None) -> None:
        self._kind = kind
        self.name = "JID" if kind is None else f"{kind.value} JID"

    def parse(self, text: str) -> JID:
        """Read and prepare an address."""
        jid = JID(text)
        return jid if self._kind is None else self._kind.check(jid)

    def parse_json(self, value: object) -> JID:
        """Read and prepare an address."""
        if not isinstance(value, str):
            raise ValueError(f"{shown_value(value)} is not an XMPP address")
        return self.parse(value)

    def schema(self) -> ArgumentSchema:
        """Return that of a string."""
        return {"type": "string", "format": "jid"}


class Choice(ArgumentType[T]):
    """One of several values: an ``Enum`` or a ``Literal``.

    Args:
        values: what is written for each, and what it stands for.
        aliases: further texts.
    """

    field_type = "list-single"

    def __init__(self, values: Sequence[tuple[object, T]], aliases: Mapping[str, T]) -> None:
        self._values = tuple(values)
        self._texts = {**aliases, **{str(written): value for written, value in values}}
        self.name = "|".join(str(written) for written, _ in values)
        self.listed = "integer" if all(type(written) is int for written, _ in values) else "binary"

    def parse(self, text: str) -> T:
        """Find the value that a text stands for."""
        try:
            return self._texts[text]
        except KeyError:
            raise ValueError(self._unknown(text)) from None

    def parse_json(self, value: object) -> T:
        """Find the value that is written so."""
        for written, chosen in self._values:
            if type(written) is type(value) and written == value:
                return chosen
        if isinstance(value, str):
            return self.parse(value)
        raise ValueError(self._unknown(value))

    def _unknown(self, value: object) -> str:
        return f"{shown_value(value)} is not one of {', '.join(str(written) for written, _ in self._values)}"

    def texts(self, value: T) -> tuple[str, ...]:
        """Return what is written for it."""
        return tuple(str(written) for written, chosen in self._values if chosen == value)[:1]

    def schema(self) -> ArgumentSchema:
        """Return that of an enumeration."""
        return {"enum": [written for written, _ in self._values]}

    def options(self) -> tuple[Option, ...]:
        """Return the values."""
        return tuple(Option(str(written)) for written, _ in self._values)


class SecretText(ArgumentType[Secret]):
    """A text that is for no log and no screen."""

    name = "secret"
    field_type = "text-private"
    is_secret = takes_empty = True

    def parse(self, text: str) -> Secret:
        """Wrap the text."""
        return Secret(text)

    def parse_json(self, value: object) -> Secret:
        """Wrap a text. What else it may be is not repeated."""
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise ValueError("the secret is not a text")
        return Secret(value)

    def schema(self) -> ArgumentSchema:
        """Return that of a password. OpenAPI 3.1 §4.4"""
        return {"type": "string", "format": "password", "writeOnly": True}

    def texts(self, value: Secret) -> tuple[str, ...]:
        """Return nothing: no form shows a secret that is known already."""
        return ()

    def option(self) -> CliOption:
        """Return an option that is typed without being shown."""
        return CliOption(str, self.parse, self.name, hide_input=True)


def shown_value(value: object) -> str:
    """Return a caller's value for a message: cut, and of containers only that they are some."""
    if isinstance(value, str):
        return repr(value[:SHOWN])
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return "null" if value is None else str(value).lower()[:SHOWN]
