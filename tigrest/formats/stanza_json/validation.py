"""Errors in JSON values, with the path of the value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tigrest.spelling import nearest

SYNONYMS = {
    **dict.fromkeys(("text", "message", "msg", "content"), "body"),
    **dict.fromkeys(("recipient", "receiver", "jid", "room", "channel", "chat_id"), "to"),
    "sender": "from",
    "title": "subject",
}
"""Keys of other APIs for messages, by which people and programs try it first, and what they are called here."""

MAX_SHOWN_LENGTH = 40
"""Longest text repeated in an error message, in characters; longer ones are shortened."""

OBJECT = (dict, Mapping)
LIST = (list, tuple)
"""Types of JSON objects and lists in Python, for ``isinstance``."""


class ValidationError(Exception):
    """A JSON value is not valid.

    Raised without a path by the code that finds the problem; each level that the error passes on its way out adds a step to the path.

    Args:
        problem: culprit and cure.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.steps: list[str | int] = []

    @classmethod
    def of(cls, found: Any, wanted: str) -> ValidationError:
        """Make the error for a value that is not of the wanted type.

        Args:
            found: the value.
            wanted: the wanted type in words.
        """
        return cls(f"found {describe(found)}, wanted {wanted}")

    @classmethod
    def unknown(cls, key: str, known: Iterable[str]) -> ValidationError:
        """Make the error for an unknown key.

        Args:
            key: the key.
            known: the keys that exist; the most similar one is suggested.
        """
        names = sorted(known)
        synonym = SYNONYMS.get(str(key).lower(), "")
        close = synonym if synonym in names else nearest(str(key), names)
        return cls(f'is not a key here; did you mean "{close}"?' if close else f"is not a key here; there are {', '.join(names)}")

    def under(self, step: str | int) -> ValidationError:
        """Add the key or index under which the culprit stands."""
        self.steps.append(step)
        return self

    @property
    def path(self) -> str:
        """Return the path of the value, such as ``command.form.fields[2].value``."""
        path = ""
        for step in reversed(self.steps):
            path += f"[{step}]" if isinstance(step, int) else f".{_named(step)}" if path else _named(step)
        return path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.steps else self.problem


def describe(value: Any) -> str:
    """Describe a value in a few words for an error message.

    Args:
        value: a JSON value, or another one that a script has put there.
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
    """Return a key for an error message: escaped if it is not printable, shortened if it is long."""
    return _shortened(key if key.isprintable() else repr(key)[1:-1])
