"""What a case expects of a command, and whether an answer is that: in JSON, and as the texts of a form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tigrest.xmpp.conditions import CONDITIONS
from tigrest.xmpp.forms import DataForm

Kind = Literal["argument", "login", "forbidden", "missing", "conflict", "impossible", "failed"]
"""Kinds of errors: of arguments (400, 422), 401, 403, what is not there (404), 409, what the server cannot do (501), all others."""

KINDS: dict[int, Kind] = {
    400: "argument",
    422: "argument",
    401: "login",
    403: "forbidden",
    404: "missing",
    409: "conflict",
    501: "impossible",
}
"""Kinds by HTTP status."""


def kind_of(condition: str) -> Kind:
    """Return the kind of an error stanza. Who has not logged in is a stranger there, for whom the command is not there."""
    return KINDS.get(CONDITIONS[condition].status, "failed")


@dataclass(frozen=True)
class Fails:
    """The command fails.

    Args:
        kind: how.
        text: a part of the reason.
    """

    kind: Kind
    text: str = ""


@dataclass(frozen=True)
class Saying:
    """A text in which a pattern is found."""

    pattern: str


@dataclass(frozen=True)
class Including:
    """A list with these items, and perhaps others."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class Lacking:
    """A list without these items."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class With:
    """An object with these members, and perhaps others."""

    members: Mapping[str, Any]


class Number:
    """Any whole number."""

    def __repr__(self) -> str:
        return "Number()"


class Anything:
    """Any result."""

    def __repr__(self) -> str:
        return "Anything()"


def including(*items: Any) -> Including:
    return Including(items)


def lacking(*items: Any) -> Lacking:
    return Lacking(items)


def agrees(expected: Any, value: Any) -> bool:
    """Return whether a value in JSON is what is expected."""
    match expected:
        case Anything():
            return True
        case Number():
            return type(value) is int
        case Saying(pattern):
            return isinstance(value, str) and re.search(pattern, value) is not None
        case Including(items):
            return isinstance(value, list) and all(any(agrees(item, each) for each in value) for item in items)
        case Lacking(items):
            return isinstance(value, list) and not any(agrees(item, each) for each in value for item in items)
        case With(members):
            return isinstance(value, dict) and all(name in value and agrees(item, value[name]) for name, item in members.items())
        case dict():
            return (
                isinstance(value, dict) and value.keys() == expected.keys() and all(agrees(expected[name], value[name]) for name in value)
            )
        case list():
            return isinstance(value, list) and len(value) == len(expected) and all(map(agrees, expected, value))
    return type(value) is type(expected) and bool(value == expected)


def agrees_in_form(expected: Any, form: DataForm | None) -> bool:
    """Return whether the form with a result is what is expected."""
    if isinstance(expected, Anything):
        return True
    if expected is None or form is None:
        return expected is None and form is None
    if form.tables:
        rows = [{field.var: field.values for field in row} for row in form.tables[0].rows]
        match expected:
            case Including(items):
                return all(any(_row_agrees(item, row) for row in rows) for item in items)
            case Lacking(items):
                return not any(_row_agrees(item, row) for row in rows for item in items)
            case list():
                return len(rows) == len(expected) and all(map(_row_agrees, expected, rows))
        return False
    if isinstance(expected, dict | With):
        return _row_agrees(expected, {field.var: field.values for field in form.fields})
    return len(form.fields) == 1 and agrees_in_texts(expected, form.fields[0].values)


def _row_agrees(expected: Any, row: Mapping[str, tuple[str, ...]]) -> bool:
    members = expected.members if isinstance(expected, With) else expected
    return all(agrees_in_texts(item, row.get(name, ())) for name, item in members.items())


def agrees_in_texts(expected: Any, texts: tuple[str, ...]) -> bool:
    """Return whether the texts of a field are what is expected."""
    match expected:
        case Anything():
            return True
        case Number():
            return len(texts) == 1 and re.fullmatch(r"-?\d+", texts[0]) is not None
        case Saying(pattern):
            return re.search(pattern, "\n".join(texts)) is not None
        case Including(items):
            return all(any(agrees_in_texts(item, (each,)) for each in texts) for item in items)
        case Lacking(items):
            return not any(agrees_in_texts(item, (each,)) for each in texts for item in items)
        case list():
            return len(texts) == len(expected) and all(agrees_in_texts(item, (each,)) for item, each in zip(expected, texts, strict=True))
        case dict() | With():
            return len(texts) == 1 and agrees(expected, json.loads(texts[0]))
        case None:
            return texts == ()
        case bool():
            return texts == ("true" if expected else "false",)
        case str():
            return "\n".join(texts) == expected
    return texts == (json.dumps(expected),)
