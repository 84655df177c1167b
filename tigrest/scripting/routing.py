"""Find the route of a path: most specific folder first, then longest pattern."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from tigrest.scripting.patterns import first_segment
from tigrest.scripting.routes import Endpoint, Route
from tigrest.scripting.signature import Group

ROUTE_CACHE_SIZE = 1024
"""Entries of the route cache."""

MAX_CACHED_PATH = 256
"""Longest path in the route cache, in characters."""


class RouteMatch(NamedTuple):
    """Result for a path: a route that implements the method, or only the methods that are implemented there."""

    route: Route | None
    endpoint: Endpoint | None
    groups: tuple[Group, ...]
    methods: frozenset[str] = frozenset()
    """Without the implied HEAD and OPTIONS; only where there is no route."""


class Router:
    """Finds the route of a path.

    Args:
        routes: sorted by their rank.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._folders = {folder: _Folder(routes_of) for folder, routes_of in _grouped(routes).items()}
        self._depth = max((folder.count("/") for folder in self._folders), default=0)
        self._cached = lru_cache(maxsize=ROUTE_CACHE_SIZE)(self._find)

    def match(self, method: str, path: str) -> RouteMatch | None:
        """Find the route of a path; see :meth:`tigrest.scripting.table.Table.match`."""
        return self._cached(method, path) if len(path) <= MAX_CACHED_PATH else self._find(method, path)

    def _find(self, method: str, path: str) -> RouteMatch | None:
        allowed: list[Route] = []
        for end in reversed(_boundaries(path, self._depth)):
            folder = self._folders.get(path[:end])
            if folder is None:
                continue
            rest = path[end:]
            for route in folder.candidates(rest):
                found = route.pattern.fullmatch(rest)
                if found is None:
                    continue
                endpoint = route.endpoints.get(method)
                if endpoint is not None:
                    return RouteMatch(route, endpoint, found.groups())
                allowed.append(route)
        if not allowed:
            return None
        return RouteMatch(None, None, (), frozenset(method for route in allowed for method in route.methods))


class _Folder:
    """Routes of one folder, found by the first segment of the path where their patterns fix it."""

    def __init__(self, routes: Sequence[Route]) -> None:
        fixed: dict[str, list[Route]] = {}
        self._open: list[Route] = []
        for route in routes:
            segment = first_segment(route.pattern)
            if segment is None:
                self._open.append(route)
            else:
                fixed.setdefault(segment, []).append(route)
        self._fixed = {segment: sorted([*some, *self._open], key=_longest_first) for segment, some in fixed.items()}
        self._open.sort(key=_longest_first)

    def candidates(self, rest: str) -> Iterable[Route]:
        if not self._fixed:
            return self._open
        end = rest.find("/", 1)
        return self._fixed.get(rest[1:end] if end > 0 else rest[1:], self._open)


def _longest_first(route: Route) -> tuple[int, str]:
    return -len(route.pattern.pattern), str(route.path)


def _grouped(routes: Iterable[Route]) -> dict[str, list[Route]]:
    folders: dict[str, list[Route]] = {}
    for route in routes:
        folders.setdefault(route.folder, []).append(route)
    return folders


def _boundaries(path: str, depth: int) -> list[int]:
    """Return the ends of the path's leading folders: each slash but the first, at most ``depth``, and the end of the path."""
    ends: list[int] = []
    at = 0
    while len(ends) < depth:
        at = path.find("/", at + 1)
        if at < 0:
            ends.append(len(path))
            break
        ends.append(at)
    return ends
