"""List the names of all keys, and of the environment variables that override them."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tigrest.config.models import Config

VARIABLE_PREFIX = "TIGREST__"
"""Prefix of environment variables that override a key."""


def known_keys(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """List every key, e.g. ``http.port``, ``auth.api_keys[].name`` and ``api.permissions.<group>.who``.

    Args:
        model: model of the table to list.
        prefix: text to put before each key.
    """
    keys: list[str] = []
    for name, field in model.model_fields.items():
        table, is_array = _table(field)
        if (named := _named_table(field)) is not None:
            keys += known_keys(named, f"{prefix}{name}.<group>.")
        elif table is None:
            keys.append(prefix + (field.alias or name))
        else:
            keys += known_keys(table, f"{prefix}{name}{'[]' if is_array else ''}.")
    return keys


def override_variables() -> dict[str, tuple[str, ...]]:
    """Return the environment variables that override a key, each with the path of the key."""
    found: dict[str, tuple[str, ...]] = {}
    for section, field in Config.model_fields.items():
        table, is_array = _table(field)
        if table is None or is_array:
            found[f"{VARIABLE_PREFIX}{section.upper()}"] = (section,)
        else:
            found |= {f"{VARIABLE_PREFIX}{section.upper()}__{key.upper()}": (section, key) for key in table.model_fields}
    return found


def table_at(path: Iterable[str | int]) -> type[BaseModel] | None:
    """Return the model of a table, e.g. of ``("auth", "api_keys", 0)``; ``None`` when there is no such table."""
    table: type[BaseModel] | None = Config
    steps = iter(path)
    for step in steps:
        if isinstance(step, int):
            continue
        if table is None or step not in table.model_fields:
            return None
        field = table.model_fields[step]
        if (named := _named_table(field)) is not None:
            table = named if next(steps, None) is not None else None
        else:
            table, _ = _table(field)
    return table


def takes_text(path: tuple[str, ...]) -> bool:
    """Return whether the value of a key is text, so that ``12345`` in an environment variable is not read as a number."""
    table = table_at(path[:-1])
    return table is not None and _is_text(table.model_fields[path[-1]].annotation)


def _table(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """Return the model of a field that is a table or an array of tables, and whether it is an array; ``None`` for other fields."""
    annotation: object = field.annotation
    is_array = typing.get_origin(annotation) is tuple
    inner = typing.get_args(annotation)[0] if is_array else annotation
    return (inner, is_array) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, is_array)


def _named_table(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a table of tables, each with a name of its own; ``None`` for other fields."""
    inner = typing.get_args(field.annotation)
    named = inner[1] if typing.get_origin(field.annotation) is dict else None
    return named if isinstance(named, type) and issubclass(named, BaseModel) else None


def _is_text(annotation: object) -> bool:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _is_text(args[0])
    if origin in (types.UnionType, typing.Union):
        return any(_is_text(arg) for arg in args)
    if origin is typing.Literal:
        return True
    return isinstance(annotation, type) and issubclass(annotation, str | SecretStr | Path)
