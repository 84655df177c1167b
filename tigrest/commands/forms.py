"""Commands as data forms: what asks for the arguments, what was filled in, and what shows the result. XEP-0004"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tigrest.commands.arguments import Texts
from tigrest.formats.content import write_json
from tigrest.scripting.commands import MISSING, Argument, Command
from tigrest.xmpp.forms import FORM_TYPE, DataForm, Field, FormTable

RESULT = "result"
"""Name of the field with a result that has no fields of its own, unless the command names it."""

HOST = "host"
"""Argument that a form proposes the served domain for."""

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot carry. XML 1.0 §2.2"""


def argument_form(command: Command, domain: str) -> DataForm:
    """Return the form that asks for the arguments of a command.

    Args:
        command: which.
        domain: the served domain.
    """
    title = f"{command.name} (version {command.version})" if command.version else command.name
    instructions = "\n\n".join(text for text in (command.summary, command.text) if text)
    return DataForm("form", tuple(_asking(argument, domain) for argument in command.arguments), title, instructions)


def _asking(argument: Argument, domain: str) -> Field:
    """Return the field that asks for an argument; secrets are never in it."""
    name, kind = argument.name, argument.type
    default = None if argument.default is MISSING else argument.default
    field = kind.field(name, argument.description.removesuffix(".") or name, default=default)
    if argument.is_required and name == HOST:
        return replace(field, values=(domain,))
    return field if argument.is_required == field.required else replace(field, required=argument.is_required)


def arguments_of(command: Command, form: DataForm) -> dict[str, Texts]:
    """Return the arguments in a form that was filled in.

    An empty field is no argument, unless empty text is a value of its type.

    Args:
        command: which.
        form: as it was submitted; a field that it has twice has all values of both.
    """
    values: dict[str, list[str]] = {}
    for field in form.fields:
        if field.var and field.var != FORM_TYPE:
            values.setdefault(field.var, []).extend(field.values)
    known = {argument.name: argument for argument in command.arguments}
    given: dict[str, Texts] = {}
    for name, texts in values.items():
        argument = known.get(name)
        if argument is None:
            given[name] = Texts(texts)
        elif argument.type.is_list:
            given[name] = Texts(text for text in texts if text)
        elif any(texts) or (texts and argument.type.takes_empty):
            given[name] = Texts(texts)
    return given


def result_form(command: Command, value: Any) -> DataForm | None:
    """Return the form that shows the result of a command.

    Args:
        command: which.
        value: its result, as JSON has it.

    Returns:
        A table for a list of objects, a field for each member of an object, else one field; ``None`` for no result.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return DataForm("result", tuple(_shown(name, item) for name, item in value.items()), command.name)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return DataForm("result", title=command.name, tables=(_table(value),))
    name = command.specification.result or RESULT
    return DataForm("result", (_shown(name, value, command.result_text.removesuffix(".") or name),), command.name)


def _table(rows: Sequence[Mapping[str, Any]]) -> FormTable:
    """Return a table with a column for each member that one of the rows has. XEP-0004 §3.4"""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = tuple(Field(carried(name), (), "text-single", carried(name)) for name in names)
    return FormTable(columns, tuple(tuple(Field(carried(name), tuple(_texts(row.get(name)))) for name in names) for row in rows))


def _shown(name: str, value: Any, label: str = "") -> Field:
    texts = tuple(_texts(value))
    if isinstance(value, bool):
        kind = "boolean"
    else:
        kind = "text-multi" if isinstance(value, list) or any("\n" in text for text in texts) else "text-single"
    lines = tuple(line for text in texts for line in text.split("\n")) if kind == "text-multi" else texts
    return Field(carried(name), lines, kind, carried(label or name))


def _texts(value: Any) -> Iterator[str]:
    """Return the texts of a value: one for each item of a list, JSON for what has parts itself, none for ``None``."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, bool):
            yield "true" if item else "false"
        elif isinstance(item, str):
            yield carried(item)
        elif item is not None or isinstance(value, list):
            yield carried(write_json(item).decode())


def carried(text: str) -> str:
    """Return a text as XML can carry it: other characters become U+FFFD."""
    return _NO_XML.sub("\ufffd", text)
