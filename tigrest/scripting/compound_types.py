"""Types of arguments that are made of other types: none or a value, several values, values within limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from tigrest.scripting.argument_types import ArgumentSchema, ArgumentType, CliOption, UnfitValue, shown_value
from tigrest.scripting.structured import Structured, objects_of
from tigrest.xmpp.forms import Option

T = TypeVar("T")


class Nullable(ArgumentType[T | None]):
    """A value of another type, or none.

    Args:
        inner: the other type.
    """

    is_optional = True

    def __init__(self, inner: ArgumentType[T]) -> None:
        self._inner = inner
        self.field_type = inner.field_type
        self.name, self.is_list, self.listed = inner.name, inner.is_list, inner.listed
        self.is_secret, self.is_structured = inner.is_secret, inner.is_structured

    def parse(self, text: str) -> T | None:
        """Make a value of the other type."""
        return self._inner.parse(text)

    def parse_json(self, value: object) -> T | None:
        """Make a value of the other type, or ``None`` of ``null``."""
        return None if value is None else self._inner.parse_json(value)

    def parse_all(self, texts: Sequence[str]) -> T | None:
        """Make a value of the other type, or ``None`` of nothing."""
        return self._inner.parse_all(texts) if texts else None

    def parse_words(self, words: Sequence[str]) -> T | None:
        """Make a value of the other type, or ``None`` of nothing."""
        return self._inner.parse_words(words) if words else None

    def schema(self) -> ArgumentSchema:
        """Return that of the other type or ``null``."""
        return {"anyOf": [self._inner.schema(), {"type": "null"}]}

    def options(self) -> tuple[Option, ...]:
        """Return those of the other type."""
        return self._inner.options()

    def texts(self, value: T | None) -> tuple[str, ...]:
        """Return the texts of a value of the other type; of ``None`` there are none."""
        return () if value is None else self._inner.texts(value)

    def option(self) -> CliOption:
        """Return an option that may be left out."""
        option = self._inner.option()
        return replace(option, annotation=option.annotation | None)


class ListOf(ArgumentType[list[T]]):
    """Several values of another type.

    Args:
        inner: the other type; neither a list nor optional.
    """

    is_list = True

    def __init__(self, inner: ArgumentType[T]) -> None:
        self._inner = inner
        self.name, self.listed, self.is_secret = inner.name, f"[{inner.listed}]", inner.is_secret
        kinds = {"jid-single": "jid-multi", "list-single": "list-multi"}
        self.field_type = kinds.get(inner.field_type, "text-multi")

    def parse(self, text: str) -> list[T]:
        """Make a list of one value."""
        return [self._inner.parse(text)]

    def parse_all(self, texts: Sequence[str]) -> list[T]:
        """Make a list of values: one of each text. Of objects, all may stand in one JSON text."""
        if self._inner.is_structured and (whole := objects_of("\n".join(texts))) is not None:
            return self.parse_json(whole)
        return [self._inner.parse(text) for text in texts]

    def parse_words(self, words: Sequence[str]) -> list[T]:
        """Make a list of values: of each word several, separated by commas; none of an empty one; of JSON those in it."""
        return [value for word in words for value in self._parse_word(word)]

    def _parse_word(self, word: str) -> list[T]:
        if word.startswith(("[", "{")) and (whole := objects_of(word)) is not None:
            return self.parse_json(whole)
        return [self._inner.parse(each) for each in word.split(",")] if word else []

    def parse_json(self, value: object) -> list[T]:
        """Make a list of values.

        One object is a list of such with two fields, its keys and values being theirs, as ejabberd takes ``{"title": "Tea"}`` for
        ``[{"name": "title", "value": "Tea"}]``; or, where it has both fields, a list of itself.
        """
        if isinstance(value, dict) and isinstance(self._inner, Structured):
            value = self._inner.split(value)
        if not isinstance(value, list):
            raise ValueError(f"{shown_value(value)} is not a list")
        return [self._inner.parse_json(item) for item in value]

    def schema(self) -> ArgumentSchema:
        """Return that of an array."""
        return {"type": "array", "items": self._inner.schema()}

    def options(self) -> tuple[Option, ...]:
        """Return those of the other type."""
        return self._inner.options()

    def texts(self, value: list[T]) -> tuple[str, ...]:
        """Return the texts of all values."""
        return tuple(text for item in value for text in self._inner.texts(item))

    def option(self) -> CliOption:
        """Return an option that may be given several times."""
        option = self._inner.option()
        if option.parser is None:
            option = CliOption(str, self._inner.parse, self.name)
        return replace(option, annotation=list[option.annotation])  # type: ignore[name-defined]


LIMITS = frozenset(
    (
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
    )
)
"""Keywords of JSON Schema that limit values. https://json-schema.org/draft/2020-12/json-schema-validation"""


class Constrained(ArgumentType[T]):
    """Values of another type within limits, such as ``Annotated[int, Ge(1)]``.

    Args:
        inner: the other type.
        annotation: the other type with its limits, for pydantic.

    Raises:
        TypeError: the limits are none for values of that type.
    """

    def __init__(self, inner: ArgumentType[T], annotation: Any) -> None:
        self._inner = inner
        self._adapter: TypeAdapter[T] = TypeAdapter(annotation)
        self.name, self.field_type, self.listed, self.is_list = inner.name, inner.field_type, inner.listed, inner.is_list
        self.is_secret, self.is_structured, self.takes_empty = inner.is_secret, inner.is_structured, inner.takes_empty

    def parse(self, text: str) -> T:
        """Make a value of the other type, within the limits."""
        return self._checked(self._inner.parse(text))

    def parse_json(self, value: object) -> T:
        """Make a value of the other type, within the limits."""
        return self._checked(self._inner.parse_json(value))

    def parse_all(self, texts: Sequence[str]) -> T:
        """Make a value of the other type, within the limits."""
        return self._checked(self._inner.parse_all(texts))

    def parse_words(self, words: Sequence[str]) -> T:
        """Make a value of the other type, within the limits."""
        return self._checked(self._inner.parse_words(words))

    def _checked(self, value: T) -> T:
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            message = error.errors(include_url=False, include_input=False, include_context=False)[0]["msg"]
            raise UnfitValue(message.removeprefix("Value error, "), "range") from None

    def schema(self) -> ArgumentSchema:
        """Return that of the other type, with the limits."""
        limits = self._adapter.json_schema()
        return {**self._inner.schema(), **{keyword: limits[keyword] for keyword in LIMITS & limits.keys()}}

    def options(self) -> tuple[Option, ...]:
        """Return those of the other type."""
        return self._inner.options()

    def texts(self, value: T) -> tuple[str, ...]:
        """Return those of the other type."""
        return self._inner.texts(value)

    def option(self) -> CliOption:
        """Return that of the other type, with a check of the limits where it is for one value."""
        option = self._inner.option()
        return option if option.parser is None or self.is_list else replace(option, parser=self.parse)
