"""Lay out results: as lines for programs, as tables for people."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_TABLE_ROWS = 2000
"""Rows up to which there is a table, whose columns depend on all of them; more are lines."""

LEAST_COLUMN = 10
"""Width that columns should have on the average, where a table does not fit."""

_REORDERING = {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Characters that show what follows in another order, so that it seems to be something else. UAX #9 §2, CVE-2021-42574"""

_CONTROLS = _REORDERING | {
    code: f"\\x{code:02x}" for code in range(256) if unicodedata.category(chr(code)) == "Cc" and chr(code) not in "\n\t"
}
"""Control characters, which would make a terminal do something, and what is shown instead."""

_IN_JSON = _REORDERING | {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Control characters that JSON may have as they are. RFC 8259 §7"""

_IN_CELLS = {ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}
"""Characters that would end a cell or a line, and their substitutes, as PostgreSQL's COPY has it."""

ResultSchema = Mapping[str, object]


@dataclass(frozen=True)
class Screen:
    """Settings of the terminal on which results are printed.

    Args:
        width: columns of the terminal; ``None`` when it is none.
        colour: whether it shows colours.
    """

    width: int | None = None
    colour: bool = False


def as_json(value: object, screen: Screen) -> str:
    """Return a result as JSON: with indentation for people, in one line for programs."""
    if screen.width is None:
        return json.dumps(value, ensure_ascii=False) + "\n"
    return json.dumps(value, ensure_ascii=False, indent=2).translate(_IN_JSON) + "\n"


def as_text(value: object, schema: ResultSchema, screen: Screen) -> str:
    """Return a result as text.

    Nothing is nothing; of a list each item is a line; the fields of a record are separated by TABs; of names and values each pair is a
    line. On a terminal, records are tables, or stand one below the other where they have too many fields.

    Args:
        value: plain, as JSON has it.
        schema: JSON Schema of it, which knows records and the order of their fields.
        screen: where it is shown.
    """
    if value is None:
        return ""
    if isinstance(value, dict):
        return _record(value, schema, screen)
    if isinstance(value, list):
        return _list(value, schema, screen)
    return _shown(_scalar(value), screen) + "\n"


def _record(value: Mapping[str, object], schema: ResultSchema, screen: Screen) -> str:
    pairs = [(_cell(name), _cell(each)) for name, each in value.items()]
    if screen.width is not None:
        return _table(None, pairs, screen)
    if _fields(schema, schema):
        return _lines([[cell for _, cell in pairs]])
    return _lines(pairs)


def _list(value: Sequence[object], schema: ResultSchema, screen: Screen) -> str:
    items = schema.get("items")
    columns = (_fields(items, schema) if isinstance(items, dict) else None) or tuple(
        dict.fromkeys(name for item in value if isinstance(item, dict) for name in item)
    )
    rows = [_cells(item, columns) for item in value]
    if screen.width is None or not rows or not columns or len(rows) > MAX_TABLE_ROWS:
        return _shown(_lines(rows), screen)
    if _is_too_wide(columns, rows, screen.width):
        return "\n".join(_table(None, list(zip(columns, row, strict=True)), screen) for row in rows)
    return _table(columns, rows, screen)


def _is_too_wide(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether records are better shown one below the other: a table does not fit, and its columns would be very narrow."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths) + 2 * len(widths) > width < LEAST_COLUMN * len(columns)


def _fields(schema: Mapping[str, object], root: ResultSchema) -> tuple[str, ...] | None:
    """Return the names of the fields that a record has; ``None`` for what is no record."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        definitions = root.get("$defs")
        found = definitions.get(reference.rpartition("/")[2]) if isinstance(definitions, dict) else None
        return _fields(found, root) if isinstance(found, dict) else None
    properties = schema.get("properties")
    return tuple(properties) if isinstance(properties, dict) else None


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _cells(row: object, columns: Sequence[str]) -> list[str]:
    if isinstance(row, dict):
        return [_cell(row.get(column)) for column in columns]
    return [_cell(each) for each in row] if isinstance(row, list) else [_cell(row)]


def _cell(value: object) -> str:
    """Return a value in one line: of a list with commas, as ejabberdctl has it."""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ",".join(_cell(item) for item in value)
    return _scalar(value).translate(_IN_CELLS)


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def visible(text: str) -> str:
    """Return a text with control characters shown, such as an error that others had a hand in."""
    return text.translate(_CONTROLS)


def _shown(text: str, screen: Screen) -> str:
    """Return a text for a screen: what others wrote must not move the cursor of a terminal."""
    return text if screen.width is None else visible(text)


def _table(columns: Sequence[str] | None, rows: Sequence[Sequence[str]], screen: Screen) -> str:
    """Return a table; without columns it has no heading, and names in the first one."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=columns is not None, header_style="bold")
    for index, column in enumerate(columns or ("", "")):
        table.add_column(Text(visible(column)), overflow="fold", style="bold" if columns is None and index == 0 else "")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    out = io.StringIO()
    console = Console(
        file=out,
        width=screen.width,
        color_system="standard" if screen.colour else None,
        force_terminal=screen.colour,
        legacy_windows=False,
        _environ={},  # that of the gateway says nothing of the caller's terminal
    )
    console.print(table)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())
