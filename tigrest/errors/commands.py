"""Errors of calls of commands."""

from __future__ import annotations

from tigrest.errors.base import TigrestError


class NotFound(TigrestError):
    """The target of a command does not exist."""


class Conflict(TigrestError):
    """The thing that a command is to make exists already, or its state does not allow the request."""


class UnknownCommand(NotFound):
    """There is no such command.

    Args:
        name: what was asked for.
        near: a command of nearly that name.
        message: what else to say.
    """

    def __init__(self, name: str, near: str | None = None, message: str = "") -> None:
        hint = f"; did you mean {near!r}?" if near else ""
        super().__init__(message or f"there is no command {name[:80]!r}{hint}")
        self.name, self.near = name, near


class ArgumentError(TigrestError):
    """An argument of a command is missing, unknown, or given twice.

    Args:
        argument: its name; empty when all of them are meant.
        reason: ``missing``, ``unknown``, ``doubled``; of :class:`ArgumentUnfit` ``type`` or ``range``.
        message: culprit and cure.
    """

    def __init__(self, argument: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.argument = argument
        self.reason = reason


class ArgumentUnfit(ArgumentError):
    """An argument of a command is of the wrong type, or out of range."""
