"""The commands there are: by name and version, and what keeps each from being available."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tigrest.auth.scopes import powerless
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import InvalidValue, NotSupported, TigrestError, Unavailable, UnknownCommand
from tigrest.scripting.commands import Command, Need
from tigrest.service import Service
from tigrest.spelling import nearest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AvailabilityLimits:
    """Limits of what is remembered about the XMPP server.

    Args:
        seconds: how long.
    """

    seconds: float = 60.0


class Commands:
    """All commands, as the scripts that are served declare them. Other commands may ask for it by ``ctx.get(Commands)``.

    Args:
        service: access to XMPP, to ask what the server can do.
        limits: of what is remembered about it.
    """

    def __init__(self, service: Service, limits: AvailabilityLimits | None = None) -> None:
        self._service = service
        self._limits = limits or AvailabilityLimits()
        self._known: dict[Need, tuple[float, str]] = {}
        self._asking: SingleFlight[Need, str] = SingleFlight()
        self._by_name: dict[str, tuple[Command, ...]] = {}
        self._latest: dict[str, Command] = {}
        self._routes: dict[_RouteKey, list[tuple[re.Pattern[str], Command]]] = {}
        self._reported: set[str] = set()
        self.number = 0
        """Grows with each replacement, so that what is made of all commands can be kept until then."""

    def serve(self, parts: Sequence[Command]) -> None:
        """Replace all commands.

        Args:
            parts: sorted by name and version.
        """
        by_name: dict[str, list[Command]] = {}
        for part in parts:
            by_name.setdefault(part.name, []).append(part)
        self._by_name = {name: tuple(found) for name, found in by_name.items()}
        self._latest = {name: found[-1] for name, found in self._by_name.items()}
        self._routes = {}
        for part in reversed(parts):
            if part.route is not None:
                method, path = part.route
                self._routes.setdefault(_route_key(method, path), []).append((_pattern(path), part))
        self._known.clear()
        self.number += 1
        self.report_unknown()

    def report_unknown(self) -> None:
        """Log what permissions name and is no command, each once."""
        for problem in self._service.policy.permissions.unknown(self._by_name):
            if problem not in self._reported:
                self._reported.add(problem)
                log.warning("%s", problem)

    def find(self, name: str, version: int | None = None) -> Command:
        """Return the definition of a command that counts for a version of the API: the one with the largest version up to it.

        Args:
            name: of the command.
            version: of the API; ``None`` for the latest.

        Raises:
            UnknownCommand: there is no such command, or none yet in that version.
        """
        latest = self._latest.get(name)
        if latest is None:
            raise UnknownCommand(name, nearest(name, self._latest))
        if version is None or latest.version <= version:
            return latest
        found = next((part for part in reversed(self._by_name[name]) if part.version <= version), None)
        if found is None:
            raise UnknownCommand(name, None, f"there is {name} from version {self._by_name[name][0].version} on, not in version {version}")
        return found

    def all(self, version: int | None = None) -> list[Command]:
        """Return each command once, sorted by name, in the definition that counts for a version of the API.

        Args:
            version: of the API; ``None`` for the latest.
        """
        if version is None:
            return list(self._latest.values())
        counting = ([part for part in found if part.version <= version] for found in self._by_name.values())
        return [found[-1] for found in counting if found]

    def versions(self, name: str) -> tuple[int, ...]:
        """Return the versions in which a command is defined, the lowest first; none when there is no such command."""
        return tuple(part.version for part in self._by_name.get(name, ()))

    def is_named(self, word: str) -> bool:
        """Return whether a word is the name of a command, or a tag of one."""
        return word in self._latest or any(word in command.tags for command in self._latest.values())

    def check_scopes(self, scopes: Iterable[str]) -> None:
        """Refuse scopes by which a token could do nothing, which are slips as a rule.

        Raises:
            InvalidValue: there is one; the message names the nearest that there is.
        """
        words = {*self._latest, *(tag for command in self._latest.values() for tag in command.tags)}
        for problem in powerless(scopes, words, self._service.policy.permissions.scopes):
            raise InvalidValue(problem)

    def by_route(self, method: str, path: str, version: int | None = None) -> tuple[Command, Mapping[str, str]] | None:
        """Find the command that has a further place below ``/api``.

        Args:
            method: of HTTP.
            path: percent-decoded, below ``/api``, e.g. ``/contacts/bob@example.org``.
            version: of the API; ``None`` for the latest.

        Returns:
            The command and its arguments in the path; ``None`` when there is none.
        """
        key = _route_key(method, path)
        for pattern, part in (*self._routes.get(key, ()), *self._routes.get((*key[:2], ""), ())):
            if (version is None or part.version <= version) and (match := pattern.fullmatch(path)):
                return part, match.groupdict()
        return None

    async def reason(self, command: Command) -> str:
        """Return why a command cannot do its work now, in a phrase for people; the empty text when it can."""
        try:
            return await self._reason(command)
        except Unavailable as error:
            return str(error)

    async def require(self, command: Command) -> None:
        """Check that the XMPP server can do what a command needs.

        Raises:
            NotSupported: it cannot; the message says why.
            Unavailable: it cannot be asked now.
        """
        if command.needs and (reason := await self._reason(command)):
            raise NotSupported(f"{command.name} is not possible here, because {reason}{await self._alternative(command)}")

    async def _alternative(self, command: Command) -> str:
        """Return which other version of a command is possible; the empty text when none is."""
        for other in reversed(self._by_name.get(command.name, ())):
            if other is not command and not await self.reason(other):
                return f"; version {other.version} of it is possible"
        return ""

    async def _reason(self, command: Command) -> str:
        for need in command.needs:
            known = self._known.get(need)
            if known is None or known[0] < time.monotonic():
                reason = await self._asking.run(need, partial(self._ask, need))
                known = self._known[need] = time.monotonic() + self._limits.seconds, reason
            if known[1]:
                return known[1]
        return ""

    def forget(self) -> None:
        """Forget what the server can do: it was connected anew."""
        self._known.clear()

    async def _ask(self, need: Need) -> str:
        try:
            return await need(self._service)
        except Unavailable:
            raise
        except TigrestError as error:
            return f"the server does not tell whether it can: {error}"


_RouteKey = tuple[str, int, str]
"""Method, number of segments, and the first segment, which is empty where it is an argument."""


def _route_key(method: str, path: str) -> _RouteKey:
    """Return under what the commands with a further place at a path are kept, so that few have to be tried."""
    first = path.split("/", 2)[1]
    return method, path.count("/"), "" if first.startswith("{") else first


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^}]*)\}", path)
    return re.compile("".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)))
