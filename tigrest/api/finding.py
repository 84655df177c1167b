"""Find the command that a path is for: by its name, or by a further place that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from starlette.exceptions import HTTPException

from tigrest.api.paths import MEMOISED_PATH, hint, read_path, version_of, versioned_root
from tigrest.commands.registry import Commands
from tigrest.scripting.commands import Command
from tigrest.scripting.handler import METHODS

API = "/api"
"""Path of the commands."""

MEMOISED_PATHS = 4096
"""Paths that are remembered with the command that they are for; then all are forgotten: callers write versions into them."""

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class ApiPlace:
    """A path at which there are commands.

    Args:
        path: without a slash at its end.
        version: of the API where the caller names none; ``None`` for the latest.
        compat: ``ejabberd`` where results and errors are its; empty for ours.
    """

    path: str
    version: int | None = None
    compat: str = ""


class Addressed(NamedTuple):
    """Command, version and path arguments of a request.

    Args:
        command: which.
        uri: its name in metrics and logs.
        version: of the API that is asked for; ``None`` for the latest.
        methods: of HTTP that it has at this path, without HEAD and OPTIONS.
        in_path: arguments in the path.
    """

    command: Command
    uri: str
    version: int | None
    methods: tuple[str, ...]
    in_path: Mapping[str, str] = _NOTHING


class CommandFinder:
    """Finds commands by the paths below a place.

    Args:
        commands: those that are loaded.
        place: where.
    """

    def __init__(self, commands: Commands, place: ApiPlace) -> None:
        self.commands, self._place = commands, place
        self._found: dict[str, Addressed] = {}
        self._number = -1

    def known(self, path: str) -> Addressed | None:
        """Return what was found at the path of a command before, as long as no commands were loaded since; ``None`` where nothing was."""
        number = self.commands.number
        if number != self._number:
            self._number = number
            self._found.clear()
        return self._found.get(path)

    def split(self, path: str) -> tuple[str, int | None]:
        """Split a whole path into what stands below the place, and the version that counts where the caller names none there."""
        return path[len(self._place.path) + 1 :], self._place.version

    def find(self, method: str, path: str) -> Addressed | None:
        """Find the command that a request is for; ``None`` when the path is one of commands, but there is none of this name.

        Raises:
            UnknownCommand: there is none yet in this version.
            HTTPException: nothing is served at the path (404), or not with this method (405).
        """
        rest, version = self.split(path)
        named, commands = read_path(rest), self.commands
        if named is None or not commands.versions(named.name):
            return self._find_route(method, path, is_name=named is not None)
        asked = version if named.version is None else named.version
        command = commands.find(named.name, asked)
        addressed = Addressed(command, f"{API}/{command.name}", asked, command.methods)
        if len(path) <= MEMOISED_PATH:
            if len(self._found) >= MEMOISED_PATHS:
                self._found.clear()
            self._found[path] = addressed
        return addressed

    def _find_route(self, method: str, path: str, is_name: bool) -> Addressed | None:
        """Find the command that has a further place at a path; ``None`` when there is none, and the path could be the name of a command.

        Raises:
            HTTPException: there is none (404), or not with this method (405).
        """
        rest, version = self.split(path)
        first, _, others = rest.partition("/")
        if others and (before := version_of(first)) is not None:
            version, rest = before, others
        find, route = self.commands.by_route, f"/{rest}"
        methods = tuple(known for known in METHODS if find(known, route, version))
        if not methods and is_name:
            return None
        if not methods:
            raise HTTPException(404, f"nothing is served at {path[:100]}; {API}/commands lists what is{hint(rest)}")
        found = find("GET" if method == "HEAD" else method, route, version)
        if found is None:
            raise HTTPException(405, f"{method} is not possible here; there is {', '.join(methods)}", {"Allow": ", ".join(methods)})
        return Addressed(found[0], f"{API}/{found[0].name}", version, methods, found[1])


class VersionedFinder(CommandFinder):
    """Finds commands below ``/v1/api`` and the like."""

    def split(self, path: str) -> tuple[str, int | None]:
        root = versioned_root(path)
        return ("", None) if root is None else (root.rest, root.version)
