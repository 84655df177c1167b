"""The immutable table of all that is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from tigrest.errors import ScriptError
from tigrest.scripting.parts import Part, Script
from tigrest.scripting.routes import Route
from tigrest.scripting.routing import RouteMatch, Router

P = TypeVar("P", bound=Part)


class Table:
    """All that is served; never changed, only replaced.

    Args:
        scripts: what was loaded, by file.
        problems: what could not be loaded.
        statics: folders of static files by URI, e.g. ``/rest/shop/static``.
        dirs: the scripts directories.
    """

    def __init__(
        self,
        scripts: Mapping[Path, Script] | None = None,
        problems: Sequence[ScriptError] = (),
        statics: Mapping[str, Path] | None = None,
        dirs: Sequence[Path] = (),
    ) -> None:
        self.scripts = dict(scripts or {})
        self.problems = tuple(problems)
        self.statics = dict(statics or {})
        self._dirs = tuple(dirs)
        self._by_kind = _by_kind(part for script in self.scripts.values() for part in script.parts)
        self._router = Router(self.routes)

    def of(self, kind: type[P]) -> tuple[P, ...]:
        """Return the parts of one kind, sorted.

        Args:
            kind: their class, e.g. :class:`tigrest.scripting.listeners.Listener`.
        """
        return tuple(part for part in self._by_kind.get(kind, ()) if isinstance(part, kind))

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Return the routes, sorted."""
        return self.of(Route)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Return all parts, kind by kind."""
        return tuple(part for parts in self._by_kind.values() for part in parts)

    @cached_property
    def handlers(self) -> list[list[Part]]:
        """Return the handlers, each by its parts."""
        found: dict[int, list[Part]] = {}
        for part in self.parts:
            found.setdefault(id(part.handler), []).append(part)
        return list(found.values())

    def shown(self, problem: ScriptError) -> str:
        """Return a problem as everybody may see it: the path below the scripts directory only."""
        text = str(problem)
        for root in self._dirs:
            text = text.replace(f"{root}/", "")
        return text

    def match(self, method: str, path: str) -> RouteMatch | None:
        """Find the route of a path: most specific folder first, then longest pattern.

        Args:
            method: HTTP method.
            path: percent-decoded, without the query.

        Returns:
            ``None`` when no pattern matches at all; a match without a route when only other methods are implemented.
        """
        return self._router.match(method, path)


def _by_kind(parts: Iterable[Part]) -> dict[type[Part], list[Part]]:
    kinds: dict[type[Part], list[Part]] = {}
    for part in parts:
        kinds.setdefault(type(part), []).append(part)
    return {kind: sorted(some, key=lambda part: part.rank) for kind, some in kinds.items()}
