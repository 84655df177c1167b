"""The arguments that a caller gives → the values that a command's function takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.errors import ArgumentError, ArgumentUnfit
from tigrest.scripting.argument_types import SHOWN, UnfitValue
from tigrest.scripting.commands import MISSING, Command
from tigrest.spelling import nearest


class Texts(tuple[str, ...]):
    """All texts that a caller gives for an argument, where values are text: a query, a form, XML."""

    __slots__ = ()


class Words(tuple[str, ...]):
    """All words that a caller gives for an argument on a command line, where one may be a list with commas."""

    __slots__ = ()


def validated(command: Command, given: Mapping[str, object]) -> dict[str, Any]:
    """Make the values for a command.

    Args:
        command: which.
        given: the arguments by name: :class:`Texts`, :class:`Words`, or values of JSON.

    Raises:
        ArgumentError: one is missing, unknown, given twice, or of the wrong type.
    """
    if command.renamed:
        given = by_present_names(command, given)
    values: dict[str, Any] = {}
    used = 0
    for argument in command.arguments:
        name = argument.name
        if name not in given:
            if argument.default is MISSING:
                raise ArgumentError(name, "missing", f"argument {name!r} is missing ({argument.type.name})")
            values[name] = argument.default
            continue
        used += 1
        value = given[name]
        try:
            if type(value) is Texts:
                values[name] = argument.type.parse_all(value)
            elif type(value) is Words:
                values[name] = argument.type.parse_words(value)
            else:
                values[name] = argument.type.parse_json(value)
        except ValueError as error:
            raise _problem(name, error) from None
    if used != len(given):
        known = [argument.name for argument in command.arguments]
        unknown = next(name for name in given if name not in known)
        near = nearest(unknown, known)
        hint = f"; did you mean {near!r}?" if near else f"; it has {', '.join(known)}" if known else "; it has none"
        raise ArgumentError(unknown[:SHOWN], "unknown", f"{command.name} has no argument {unknown[:SHOWN]!r}{hint}")
    return values


def by_present_names(command: Command, given: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is given with arguments by their present names.

    Raises:
        ArgumentError: one is given by both of its names.
    """
    present: dict[str, object] = {}
    for name, value in given.items():
        now = command.renamed.get(name, name)
        if now in present:
            raise ArgumentError(now, "doubled", f"argument {now!r} is given twice: once by the name that it had before")
        present[now] = value
    return present


def _problem(name: str, error: ValueError) -> ArgumentError:
    """Return the error for an argument whose value does not fit."""
    if not isinstance(error, UnfitValue):
        return ArgumentUnfit(name, "type", f"argument {name!r}: {error}")
    kind = ArgumentUnfit if error.reason == "range" else ArgumentError
    return kind(name, error.reason, f"argument {name!r} {error}" if kind is ArgumentError else f"argument {name!r}: {error}")
