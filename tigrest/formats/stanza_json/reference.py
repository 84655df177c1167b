"""The reference of keys in the documentation, generated from the table.

``python -m tigrest.formats.stanza_json.reference docs/stanzas-as-json.md`` updates a page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from tigrest.formats.stanza_json.schema import ENVELOPE
from tigrest.formats.stanza_json.table import GROUPS
from tigrest.formats.stanza_json.values import JsonSchema
from tigrest.formats.stanza_json.vocabulary import SEED, Row
from tigrest.xmpp.kinds import STANZA_KINDS

BEGIN, END = "<!-- keys: written from the table by make docs -->", "<!-- end of keys -->"
"""Lines of a page around the generated part."""


def reference() -> str:
    """Write the reference of all keys in Markdown."""
    lines = ["### The stanza itself", "", "| key | value | meaning |", "|---|---|---|"]
    lines += [f"| `{key}` | {notation(row.schema)} | {row.meaning} |" for key, row in ENVELOPE.items()]
    for heading, rows in GROUPS.items():
        lines += ["", f"### {heading}", "", *[line for row in rows for line in _entry(row)]]
    return "\n".join(lines)


def updated(page: str) -> str:
    """Return a page with its generated part up to date."""
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n\n{reference()}\n\n{END}", page, flags=re.DOTALL)


def _entry(row: Row) -> list[str]:
    kinds = "any" if len(row.kinds) == len(STANZA_KINDS) else ", ".join(row.kinds)
    meaning = row.meaning if row.meaning.endswith("?") else row.meaning + "."
    newer = "" if row.generation == SEED else f", {row.generation}"
    xml = row.shape.writer(row.element)(row.example)
    return [
        f"- **`{row.key}`** ({kinds}): {meaning} {row.source}{newer}",
        f"  - {notation(row.shape.schema())}",
        f"  - `{orjson.dumps(row.example).decode()}` is `{xml}`",
    ]


def notation(schema: JsonSchema, inner: bool = False) -> str:
    """Write a JSON Schema in short, such as ``{jid, reason?, continue?: true}``.

    Args:
        schema: schema of a row, or a part of one.
        inner: whether it is part of another schema, so that its title stands for it.
    """
    if inner and "title" in schema:
        return str(schema["title"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(notation(other, inner) for other in schema["anyOf"]))
    if "enum" in schema:
        return " / ".join(f"`{str(name).lower()}`" for name in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"[{notation(schema['items'], inner=True)}, …]"
        case "object":
            return _members(schema)
        case None:
            return "anything"
        case type:
            return "text" if type == "string" else str(type)


def _members(schema: JsonSchema) -> str:
    if "properties" not in schema:
        more = schema.get("additionalProperties")
        return f"{{…: {notation(more, inner=True)}}}" if more else "{}" if more is False else "{…}"
    required = schema.get("required", ())
    return "{" + ", ".join(_member(key, value, key in required) for key, value in schema["properties"].items()) + "}"


def _member(key: str, value: Any, is_required: bool) -> str:
    what = notation(value, inner=True)
    return f"`{key}`" + ("" if is_required else "?") + ("" if what == "text" else f": {what}")


def update_pages(paths: Iterable[str]) -> None:
    """Update the generated part of pages.

    Args:
        paths: files in Markdown.
    """
    for path in map(Path, paths):
        path.write_text(updated(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    update_pages(sys.argv[1:])
