"""Types of arguments with several fields: a dataclass, a pydantic model or a TypedDict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tigrest.errors import UnprocessableContent
from tigrest.formats.content import read_json
from tigrest.scripting.argument_types import ArgumentSchema, ArgumentType, shown_value
from tigrest.scripting.models import Model, ModelError


class Structured(ArgumentType[Any]):
    """A value of several fields: an object in JSON.

    As text it is that object, or the values of all fields in their order, separated by colons, as ejabberdctl has them: ``title:Tea``.

    Args:
        annotation: a dataclass, a pydantic model or a TypedDict.

    Raises:
        ModelError: pydantic cannot use it.
    """

    name = "JSON"
    field_type = "text-multi"
    is_structured = True
    listed = "object"

    def __init__(self, annotation: Any) -> None:
        self._model = Model(annotation)
        if not self._model.is_mapping:
            raise ModelError("its values are no objects in JSON")
        self._schema: ArgumentSchema = self._model.schema() or {"type": "object"}
        properties = self._schema.get("properties")
        self._names = tuple(properties) if isinstance(properties, dict) else ()
        self.is_secret = _has_secret(self._schema)

    def parse(self, text: str) -> Any:
        """Read an object in JSON, or the values of all fields."""
        if text.lstrip().startswith("{"):
            return self.parse_json(_read(text))
        values = text.split(":", len(self._names) - 1) if self._names else []
        if len(values) != len(self._names) or not values:
            other = f", nor {':'.join(self._names)}" if self._names else ""
            raise ValueError(f"{self._shown(text)} is not an object in JSON{other}")
        return self.parse_json(dict(zip(self._names, map(str.strip, values), strict=True)))

    def parse_all(self, texts: Sequence[str]) -> Any:
        """Make a value of one text, which a form may have cut into lines. XEP-0004 §3.3"""
        return super().parse_all(["\n".join(texts)] if texts else ())

    def parse_json(self, value: object) -> Any:
        """Validate an object."""
        if not isinstance(value, Mapping):
            raise ValueError(f"{self._shown(value)} is not an object")
        try:
            return self._model.read_value(value)
        except UnprocessableContent as error:
            raise ValueError(str(error).removeprefix("value: ")) from None

    def split(self, value: Mapping[str, object]) -> list[object] | Mapping[str, object]:
        """Make objects with two fields of the keys and values of one; an object with these very fields is one itself.

        Args:
            value: an object.

        Returns:
            The object as it is, where the type has not exactly two fields.
        """
        if len(self._names) != 2:
            return value
        name, content = self._names
        return [value] if value.keys() == set(self._names) else [{name: key, content: item} for key, item in value.items()]

    def texts(self, value: Any) -> tuple[str, ...]:
        """Return the object in JSON; nothing when a part of it is secret."""
        return () if self.is_secret else (self._model.write_json(value),)

    def schema(self) -> ArgumentSchema:
        """Return that of an object. References in it are relative to itself (``#/$defs/…``)."""
        return self._schema

    def _shown(self, value: object) -> str:
        return "the secret" if self.is_secret else shown_value(value)


def objects_of(text: str) -> list[object] | Mapping[str, object] | None:
    """Return the list or the object that a text is in JSON; ``None`` when it is neither."""
    try:
        value = _read(text)
    except ValueError:
        return None
    return value if isinstance(value, list | dict) else None


def _read(text: str) -> Any:
    return read_json(text.encode("utf-8", "surrogatepass"))


def _has_secret(schema: object) -> bool:
    """Return whether a JSON schema has a password in it."""
    if isinstance(schema, list):
        return any(map(_has_secret, schema))
    return isinstance(schema, dict) and (schema.get("format") == "password" or any(map(_has_secret, schema.values())))
