"""Sample values that a JSON schema describes, for lines to paste; authors give better ones by ``examples``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.scripting.examples import ADDRESS

SchemaMap = Mapping[str, Any]

FORMATS = {
    "jid": ADDRESS,
    "email": ADDRESS,
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "uuid": "3f1b6e70-8528-44bb-8f23-77e7c4a8cf1a",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
"""A sample of each format. JSON Schema Validation §7.3"""

MAX_SAMPLE_DEPTH = 8
"""Levels of a sample; a schema may refer to itself."""


def sample_of(schema: SchemaMap) -> Any:
    """Return a value that a schema most likely allows: of objects what is required, or all where nothing is.

    Args:
        schema: with its ``$defs``, as pydantic makes it.
    """
    return _sample(schema, schema.get("$defs", {}), 0)


def _sample(schema: SchemaMap, defs: SchemaMap, depth: int) -> Any:
    if depth > MAX_SAMPLE_DEPTH:
        return None
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "$ref" in schema:
        return _sample(defs.get(schema["$ref"].rpartition("/")[2], {}), defs, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _sample(next((each for each in schema[key] if each.get("type") != "null"), {}), defs, depth + 1)
    match schema.get("type"):
        case "object":
            return _object(schema, defs, depth)
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})] * max(1, schema.get("minItems", 1))
            return [_sample(item, defs, depth + 1) for item in items]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
    text: str = FORMATS.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", len(text) + 1000)]


def _object(schema: SchemaMap, defs: SchemaMap, depth: int) -> dict[str, Any]:
    properties: SchemaMap = schema.get("properties", {})
    shown = schema.get("required") or properties
    sample = {name: _sample(properties.get(name, {}), defs, depth + 1) for name in shown}
    others = schema.get("additionalProperties")
    return {"key": _sample(others, defs, depth + 1)} if not sample and isinstance(others, dict) else sample


def _number(schema: SchemaMap) -> int | float:
    step: int | float = schema.get("multipleOf", 1)
    if "minimum" in schema or "exclusiveMinimum" in schema:
        least: int | float = schema.get("minimum", schema.get("exclusiveMinimum", 0) + step)
        return least if least % step == 0 else least - least % step + step
    most: int | float = schema.get("maximum", schema.get("exclusiveMaximum", step + step) - step)
    return min(step, most - most % step)
