"""Errors that keep the gateway, a script or a plugin from being started."""

from __future__ import annotations

from pathlib import Path

from tigrest.errors.base import TigrestError


class ConfigError(TigrestError):
    """The configuration cannot be used.

    Args:
        problems: one line each, naming file, key and cure.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DatabaseInUse(TigrestError):
    """Another gateway uses the database.

    Args:
        database: which.
        holder: who has it, as far as that is known.
    """

    def __init__(self, database: str, holder: str = "") -> None:
        known = f" ({holder})" if holder else ""
        super().__init__(f"database {database} is in use by another gateway{known}; stop that one, or give this one a database of its own")


class GatewayRunning(TigrestError):
    """A gateway runs, or may run, that a check as the same component would disturb. The message says what to do."""


class ScriptError(TigrestError):
    """A handler script cannot be loaded.

    Args:
        path: the script.
        line: line number in it, from 1.
        message: culprit and cure.
    """

    def __init__(self, path: Path | str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = Path(path)
        self.line = line
        self.message = message


class PluginError(TigrestError):
    """A plugin cannot be loaded, or raised when it was called. The message names plugin, place, cause and cure."""
