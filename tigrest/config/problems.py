"""Describe problems of a configuration: place, key, cause and cure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tigrest.config.fields import KeyProblem
from tigrest.config.keys import known_keys, table_at
from tigrest.config.origins import Origins
from tigrest.spelling import nearest

_EXPECTED = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": "a table",
    "string_type": "text in quotes",
    "tuple_type": "an array",
}

_BOUNDS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number not below {ge}",
    "less_than_equal": "a number not above {le}",
    "finite_number": "a finite number",
}


def problems_of(error: ValidationError, origins: Origins) -> Iterator[str]:
    """Yield a line for each problem that pydantic found.

    Args:
        error: error that pydantic raised.
        origins: places where the keys were set.
    """
    for details in error.errors(include_url=False):
        if details["type"] == "default_factory_not_called":
            continue  # another key is wrong, and is reported itself
        key, message = _described(details)
        yield f"{origins.of(key)}{key}: {message}"


def dotted(path: Iterable[str | int]) -> str:
    """Write the path of a key as in ``auth.api_keys[0].name``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _described(details: ErrorDetails) -> tuple[str, str]:
    path, kind, context = details["loc"], details["type"], details.get("ctx", {})
    key, value = dotted(path), details["input"]
    if kind == "extra_forbidden":
        return key, f"unknown key; {_suggestion(path)}"
    if kind == "missing":
        return key, "is missing"
    if kind in _EXPECTED:
        return key, f"is {_kind_of(value)}; expected {_EXPECTED[kind]}"
    if kind in _BOUNDS:
        return key, f"is {value}; expected {_BOUNDS[kind].format(**context)}"
    if kind == "literal_error":
        shown = f'"{value}"' if isinstance(value, str) else _kind_of(value)
        return key, f"is {shown}; use {str(context['expected']).replace(chr(39), chr(34))}"
    problem = context.get("error")
    if isinstance(problem, KeyProblem):
        return ".".join(part for part in (key, problem.key) if part), str(problem)
    return key, str(problem or details["msg"])


def _suggestion(path: tuple[str | int, ...]) -> str:
    name, table = str(path[-1]), table_at(path[:-1])
    here = list(table.model_fields) if table else []
    near = nearest(name, here)
    if near:
        return f"did you mean {dotted((*path[:-1], near))}?"
    elsewhere = next((key for key in known_keys() if key.rpartition(".")[2] == name), None)
    if elsewhere:
        return f"did you mean {elsewhere}?"
    return f"known here: {', '.join(here)}"


def _kind_of(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return "a whole number"
        case float():
            return "a number with a fraction"
        case str():
            return "text"
        case list() | tuple():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"
