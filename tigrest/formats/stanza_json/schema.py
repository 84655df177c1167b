"""JSON Schema of stanzas, for OpenAPI documents."""

from __future__ import annotations

from typing import Any, NamedTuple

from tigrest.formats.stanza_json.table import ROWS
from tigrest.formats.stanza_json.values import JsonSchema
from tigrest.formats.stanza_json.vocabulary import Row
from tigrest.xmpp.kinds import STANZA_KINDS, STANZA_TYPES


class EnvelopeKey(NamedTuple):
    """A key of the stanza itself.

    Args:
        schema: its JSON Schema.
        meaning: one line for people.
        example: an example of its value.
    """

    schema: JsonSchema
    meaning: str
    example: str


ENVELOPE = {
    "kind": EnvelopeKey({"type": "string", "enum": list(STANZA_KINDS)}, "kind of stanza", "message"),
    "type": EnvelopeKey(
        {"type": "string", "enum": list(dict.fromkeys(name for names in STANZA_TYPES.values() for name in names))},
        "type of stanza; that of a presence without type is `available`",
        "chat",
    ),
    "to": EnvelopeKey({"type": "string"}, "whom it is for", "alice@example.com"),
    "from": EnvelopeKey({"type": "string"}, "whom it is from", "bob@example.com"),
    "id": EnvelopeKey({"type": "string"}, "its id, the same in the answer", "m1"),
    "lang": EnvelopeKey({"type": "string"}, "language of its texts", "en"),
}
"""The keys of the stanza itself, all of generation ``seed``."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a stanza, valid in OpenAPI 3.0 and 3.1."""
    properties: dict[str, JsonSchema] = {}
    for key, row in ENVELOPE.items():
        properties[key] = {**row.schema, "description": row.meaning, "example": row.example}
    for key in dict.fromkeys(row.key for row in ROWS):
        properties[key] = _property([row for row in ROWS if row.key == key])
    return {
        "type": "object",
        "description": "One XMPP stanza.",
        "properties": properties,
        "additionalProperties": False,
        "example": {"kind": "message", "type": "chat", "to": "alice@example.com", "body": "Hello", "state": "active"},
    }


def _property(rows: list[Row]) -> JsonSchema:
    """Merge the schemas of a key, which may differ between kinds of stanzas."""
    schemas: list[JsonSchema] = []
    for row in rows:
        if (shape := row.shape.schema()) not in schemas:
            schemas.append(shape)
    meaning = "; ".join(dict.fromkeys(row.meaning for row in rows))
    return {**(schemas[0] if len(schemas) == 1 else {"anyOf": schemas}), "description": meaning, "example": rows[0].example}
