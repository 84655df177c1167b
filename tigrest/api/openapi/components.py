"""JSON schemas by their names, which operations refer to. OpenAPI 3.1 §4.8.7"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tigrest.formats.encoding import plain

JsonObject = dict[str, object]

SCHEMAS = "#/components/schemas/"
"""Place of schemas in the document."""

_UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")


KEY_PARAMETER_NAME = "IdempotencyKey"
"""Name of the parameter for the header ``Idempotency-Key``, which many operations have."""

KEY_PARAMETER: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A new text for each request. A request that is repeated with its key is executed once, and gets the same answer.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:/+=-]{1,255}$"},
}

KEY_STATUSES = frozenset({400, 409, 422, 429, 503})
"""Statuses of errors that an operation with this parameter may have."""


def parameter_reference(name: str) -> JsonObject:
    """Return a reference to a parameter of the document."""
    return {"$ref": f"#/components/parameters/{name}"}


class Components:
    """The schemas of a document, each under a name of its own.

    Args:
        schemas: those that it begins with, by name.
    """

    def __init__(self, schemas: Mapping[str, JsonObject]) -> None:
        self._schemas: dict[str, JsonObject] = dict(schemas)

    @property
    def schemas(self) -> dict[str, JsonObject]:
        """Return all, sorted by name."""
        return dict(sorted(self._schemas.items()))

    def lift(self, schema: Mapping[str, object]) -> JsonObject:
        """Move the definitions of a schema to the document, and return the schema with references to there.

        Args:
            schema: as pydantic makes it, with its ``$defs``; those of other schemas that have the same name are told apart.
        """
        definitions = schema.get("$defs")
        names: dict[str, str] = {}
        if isinstance(definitions, dict):
            names = {name: self._name_for(name, definition) for name, definition in definitions.items()}
            for name, definition in definitions.items():
                self._schemas[names[name]] = _untitled(_referring(definition, names))
        return _referring({key: value for key, value in schema.items() if key != "$defs"}, names)

    def add(self, name: str, schema: JsonObject) -> JsonObject:
        """Add a schema, and return a reference to it.

        Args:
            name: that it gets, unless another schema has it.
            schema: with references to the document only.

        Raises:
            Unencodable: something in it has no spelling in JSON, such as a default.
        """
        encodable: JsonObject = plain(schema)
        free = self._name_for(name, encodable)
        self._schemas[free] = _untitled(encodable)
        return schema_reference(free)

    def share(self, schema: Mapping[str, object]) -> JsonObject:
        """Move the objects with a title inside of a schema to the document, and return the schema with references to there.

        Generated clients make a class of each, under its title, and none of two that have the same.

        Args:
            schema: of a stanza, which has the same objects at several places.
        """
        return {key: self._shared(value) for key, value in schema.items()}

    def _shared(self, value: object) -> object:
        if isinstance(value, list):
            return [self._shared(item) for item in value]
        if not isinstance(value, dict):
            return value
        shared, title = self.share(value), value.get("title")
        if value.get("type") != "object" or not isinstance(title, str):
            return shared
        return self.add("".join(word.capitalize() for word in title.split()), shared)

    def _name_for(self, name: str, definition: JsonObject) -> str:
        """Return the name that a definition gets: its own, or one with a number when another schema has it."""
        base = _UNNAMED.sub("_", name).strip("_") or "Schema"
        candidate, number = base, 1
        while candidate in self._schemas and self._schemas[candidate] != _untitled(_referring(definition, {})):
            number += 1
            candidate = f"{base}_{number}"
        return candidate


def _untitled(schema: Mapping[str, object]) -> JsonObject:
    """Return a schema without its title: generated clients name classes by titles, and its name here is nobody else's."""
    return {key: value for key, value in schema.items() if key != "title"}


def schema_reference(name: str) -> JsonObject:
    """Return a reference to a schema of the document."""
    return {"$ref": SCHEMAS + name}


def _referring(schema: Mapping[str, object], names: Mapping[str, str]) -> JsonObject:
    """Return a schema whose references to definitions of its own lead to those of the document."""
    return {key: _replaced(key, value, names) for key, value in schema.items()}


def _replaced(key: str, value: object, names: Mapping[str, str]) -> object:
    if key == "$ref" and isinstance(value, str) and value.startswith("#/$defs/"):
        name = value.removeprefix("#/$defs/")
        return SCHEMAS + names.get(name, name)
    if isinstance(value, dict):
        return _referring(value, names)
    if isinstance(value, list):
        return [_replaced("", item, names) for item in value]
    return value
