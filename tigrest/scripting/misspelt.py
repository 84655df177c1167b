"""Names in a handler class that are nearly ours.

``required_role = "admin"`` would be a class attribute like any other, and the handler public. So a name that can hardly mean anything
else than one of ours is an error; names of the author's own begin with ``_`` or are less alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tigrest.scripting.handler import LISTENS, METHODS, READS_HOOK, ROLES, SCHEDULED, Handler
from tigrest.spelling import nearest, slips

ATTRIBUTES = tuple(name for name in vars(Handler) if not name.startswith("_"))
"""Attributes that are read from a class."""

CALLED = ("startup", "shutdown", *[f"exec_{method.lower()}" for method in METHODS], *LISTENS, SCHEDULED, READS_HOOK)
"""Methods that are called, if present."""

KNOWN_NAMES = frozenset({*ATTRIBUTES, *CALLED})

UNCALLED = frozenset({"exechead", "execoptions", "exectrace", "execconnect"})
"""Methods for what is answered without handlers, without underscores."""

SHORT = 6
"""Letters below which a name may be a word of its own with one letter changed or missing: ``watch`` is not meant to be ``match``."""

OTHER_WORDS = ("descriptions", "timeouts", "schedules", "scheduled", "scheduler")
"""Names of the author's own although they are near."""

LIKE_LISTENING = 0.85
"""Least similarity of a method ``on…`` to one that is called, at which it counts as a slip."""


def misspelt(cls: type[Handler]) -> Iterator[tuple[type, str, str]]:
    """Find names that are nearly ours in a handler class and its mixins.

    Returns:
        For each, the class that has it, the name, and what is wrong with it.
    """
    for base in cls.__mro__:
        if base in (Handler, object):
            continue
        for name in dict.fromkeys([*vars(base), *vars(base).get("__annotations__", ())]):
            if name.startswith("_") or name in KNOWN_NAMES:
                continue
            value = vars(base).get(name)
            use = "called" if callable(value) else "read"
            if _letters(name) in UNCALLED:
                yield base, name, f"is never {use}; HEAD, OPTIONS and the like are answered by the gateway"
            elif meant := _meant(name, value):
                yield base, name, f"is never {use}; did you mean {meant!r}? Let a name of your own begin with _"


def _meant(name: str, value: Any) -> str | None:
    """Return the name of ours that was meant, if any."""
    letters = _letters(name)
    if letters not in OTHER_WORDS and (near := [ours for ours in sorted(KNOWN_NAMES) if _is_near(letters, _letters(ours))]):
        return nearest(name, near, 0)
    if letters in ("url", "urls") and isinstance(value, str) and value.startswith("/"):
        return "uri"
    if letters.endswith(("role", "roles")) and _names_a_role(value):
        return "requiredRole"
    if name.startswith("on") and callable(value):
        return nearest(name, [called for called in CALLED if called.startswith("on")], LIKE_LISTENING)
    return None


def _is_near(letters: str, ours: str) -> bool:
    if letters == ours:
        return True
    if abs(len(letters) - len(ours)) > 1:
        return False
    if len(ours) < SHORT:
        return sorted(letters) == sorted(ours) or (len(letters) > len(ours) and slips(letters, ours) == 1)
    return slips(letters, ours) == 1


def _names_a_role(value: Any) -> bool:
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return any(isinstance(item, str) and item in ROLES for item in values)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()
