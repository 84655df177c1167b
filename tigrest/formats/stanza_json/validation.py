"""What is wrong with a JSON value, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tigrest.spelling import nearest

MAX_SHOWN_LENGTH = 40
"""Most characters of a text that are repeated in a message."""

OBJECT = (dict, Mapping)
LIST = (list, tuple)
"""What JSON objects and lists are in Python; for ``isinstance``."""


class ValidationError(Exception):
    """A value does not fit its place.

    Raised where the value is, which does not know its place; each level on the way out adds its step.

    Args:
        problem: culprit and cure, without the place.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str | int] = []

    @classmethod
    def of(cls, found: Any, wanted: str) -> ValidationError:
        """A value of the wrong type, or outside what is allowed."""
        return cls(f"found {describe(found)}, wanted {wanted}")

    @classmethod
    def unknown(cls, key: str, known: Iterable[str]) -> ValidationError:
        """A key that does not exist."""
        names = sorted(known)
        close = nearest(str(key), names)
        return cls(f'is not a key here; did you mean "{close}"?' if close else f"is not a key here; there are {', '.join(names)}")

    def under(self, step: str | int) -> ValidationError:
        """Add the key or index under which the culprit stands."""
        self.steps.append(step)
        return self

    @property
    def path(self) -> str:
        """Where the culprit is, such as ``command.form.fields[2].value``."""
        path = ""
        for step in reversed(self.steps):
            path += f"[{step}]" if isinstance(step, int) else f".{_named(step)}" if path else _named(step)
        return path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.steps else self.problem


def describe(value: Any) -> str:
    """A JSON value in a few words.

    Args:
        value: anything that JSON can hold, or cannot.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {_shortened(value)!r}"
    if isinstance(value, int | float):
        return f"the number {_shortened(repr(value))}"
    if isinstance(value, OBJECT):
        return "an object" if value else "an empty object"
    if isinstance(value, LIST):
        return "a list" if value else "an empty list"
    return f"a {type(value).__name__}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_LENGTH else text[: MAX_SHOWN_LENGTH - 1] + "…"


def _named(key: str) -> str:
    """A key as it can be shown; of those that cannot, their escaped form."""
    return _shortened(key if key.isprintable() else repr(key)[1:-1])
