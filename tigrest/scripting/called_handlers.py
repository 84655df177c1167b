"""Handlers as permissions see them: by their URIs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tigrest.auth.permission_entries import HANDLER
from tigrest.scripting.routes import Endpoint, Route
from tigrest.scripting.signature import Group


@dataclass(frozen=True, eq=False)
class CalledHandler:
    """A handler that is called: a :class:`tigrest.auth.permission_entries.Called`.

    Args:
        route: its route.
        uris: as ``tigrest routes`` lists them, one with and one without each part that may be left out.
    """

    route: Route
    uris: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return its name in permissions, e.g. ``rest:/rest/stream``."""
        return HANDLER + self.uris[0]

    @property
    def role(self) -> str | None:
        """Return the role that it requires; ``None`` for none."""
        return self.route.role

    @property
    def tags(self) -> tuple[str, ...]:
        """Return no tags."""
        return ()

    @property
    def is_read(self) -> bool:
        """Return false: what a handler does is not declared."""
        return False

    @property
    def about(self) -> None:
        """Return nothing: the names of the parts of its path tell."""
        return

    def values(self, endpoint: Endpoint, groups: tuple[Group, ...]) -> Mapping[str, str]:
        """Return the parts of the path of a request, by the names of the arguments that take them.

        Args:
            endpoint: the method that is called.
            groups: of its ``regex``.
        """
        names = endpoint.invocation.group_names
        return {names[index]: group for index, group in enumerate(groups) if index in names and group is not None}


def called_handlers(routes: Iterable[Route]) -> list[CalledHandler]:
    """Return handlers as permissions see them."""
    return [CalledHandler(route, tuple(dict.fromkeys(_uris(route.uri)))) for route in routes]


def _uris(shown: str) -> Iterator[str]:
    """Return the URIs that a shown one stands for: ``/rest/stream[/{to}]`` for itself without and with its optional part.

    A slash at the end is left out.
    """
    yield re.sub(r"\[[^\]]*\]", "", shown).rstrip("/") or "/"
    yield re.sub(r"[\[\]]", "", shown)
