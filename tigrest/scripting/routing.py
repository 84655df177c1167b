"""The immutable table of routes, and how a path finds its handler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Template

from tigrest.errors import ScriptError
from tigrest.scripting.handler import METHODS, Handler, Role
from tigrest.scripting.listeners import Listener
from tigrest.scripting.signature import Group, Invocation

ROOT = "/rest"
"""Path under which all handlers live."""

LATELY = 1024
"""How many paths are remembered with what they found."""

SHORT = 256
"""Longest path that is, in characters."""


@dataclass(frozen=True)
class Endpoint:
    """One method of one handler.

    Args:
        method: ``GET``, ``POST``, ….
        invocation: how to call it.
        template: HTML page for its results, if there is one.
    """

    method: str
    invocation: Invocation
    template: Template | None = None


@dataclass(eq=False)
class Route:
    """A loaded handler: a folder, a pattern, and what it does for each method.

    Args:
        path: the script file.
        relative: the same below its scripts directory.
        folder: URI of its folder, e.g. ``/rest/avatar``.
        pattern: the handler's ``regex``.
        handler: the one instance of this load.
        endpoints: by HTTP method; ``HEAD`` is there with ``GET``.
        asks_auth_required: whether it overrides ``authRequired``.
    """

    path: Path
    relative: Path
    folder: str
    pattern: re.Pattern[str]
    handler: Handler
    endpoints: Mapping[str, Endpoint]
    role: Role
    is_async: bool
    decode_content: bool
    api_key: bool
    timeout: float | None
    asks_auth_required: bool
    line: int = 1
    active: int = field(default=0, init=False)
    """Requests running now."""

    @property
    def methods(self) -> list[str]:
        """HTTP methods implemented, in the usual order; without the implied HEAD and OPTIONS."""
        return [method for method in METHODS if method in self.endpoints]

    @cached_property
    def allow(self) -> str:
        """Value of the ``Allow`` header."""
        implied = ["HEAD"] if "GET" in self.endpoints else []
        return ", ".join([*self.methods, *implied, "OPTIONS"])

    @cached_property
    def is_guarded(self) -> bool:
        """Whether it looks at API keys and logins at all."""
        return self.api_key or self.role is not None or self.asks_auth_required

    def auth_required(self, api_key: str | None) -> bool:
        """Tell whether a login is demanded.

        Args:
            api_key: name of the valid key that came with the request; ``None`` when there is none.
        """
        return self.handler.authRequired(api_key) if self.asks_auth_required else self.role is not None

    @cached_property
    def uri(self) -> str:
        """The URI as shown to people, e.g. ``/rest/avatar/{jid}``."""
        described = (self.handler.description or {}).get("regex")
        if described is not None:
            return self.folder + str(described)
        names = {index: name for endpoint in self.endpoints.values() for index, name in endpoint.invocation.group_names.items()}
        return self.folder + readable(self.pattern, names)


class RouteMatch(NamedTuple):
    """What a path found: a route that implements the method, or only the methods that exist there."""

    route: Route | None
    endpoint: Endpoint | None
    groups: tuple[Group, ...]
    allow: str = ""


Part = Route | Listener
"""What a handler does: answer requests, or listen to stanzas. One that does both has two parts."""


class Table:
    """All that is served; never changed, only replaced.

    Args:
        routes: loaded handlers.
        problems: what could not be loaded.
        statics: folders of static files by URI, e.g. ``/rest/shop/static``.
        scripts: what the loader wants back at the next load.
        dirs: the scripts directories.
        listeners: loaded handlers that listen.
    """

    def __init__(
        self,
        routes: Sequence[Route] = (),
        problems: Sequence[ScriptError] = (),
        statics: Mapping[str, Path] | None = None,
        scripts: Mapping[Path, Any] | None = None,
        dirs: Sequence[Path] = (),
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.routes = tuple(sorted(routes, key=lambda route: (route.folder, -len(route.pattern.pattern), str(route.path))))
        self.listeners = tuple(sorted(listeners, key=lambda listener: (str(listener.relative), listener.line)))
        self.problems = tuple(problems)
        self.statics = dict(statics or {})
        self.scripts = dict(scripts or {})
        self._dirs = tuple(dirs)
        self._folders = {folder: _Folder(routes_of) for folder, routes_of in _grouped(self.routes).items()}
        self._depth = max((folder.count("/") for folder in self._folders), default=0)
        self._lately = lru_cache(maxsize=LATELY)(self._find)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Routes and listeners."""
        return (*self.routes, *self.listeners)

    @cached_property
    def handlers(self) -> list[list[Part]]:
        """The handlers, each by its parts."""
        found: dict[int, list[Part]] = {}
        for part in self.parts:
            found.setdefault(id(part.handler), []).append(part)
        return list(found.values())

    def shown(self, problem: ScriptError) -> str:
        """A problem as everybody may see it: the path below the scripts directory only."""
        text = str(problem)
        for root in self._dirs:
            text = text.replace(f"{root}/", "")
        return text

    def match(self, method: str, path: str) -> RouteMatch | None:
        """Find the handler of a path: most specific folder first, then longest pattern.

        Args:
            method: HTTP method.
            path: percent-decoded, without the query.

        Returns:
            ``None`` when no pattern matches at all; a match without a route when only other methods are implemented.
        """
        return self._lately(method, path) if len(path) <= SHORT else self._find(method, path)

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
        methods = {method for route in allowed for method in route.allow.split(", ")}
        return RouteMatch(None, None, (), ", ".join(m for m in (*METHODS, "HEAD", "OPTIONS") if m in methods))


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
    """Ends of the path's leading folders: each slash but the first, at most ``depth``, and the end of the path."""
    ends: list[int] = []
    at = 0
    while len(ends) < depth:
        at = path.find("/", at + 1)
        if at < 0:
            ends.append(len(path))
            break
        ends.append(at)
    return ends


_METACHARACTERS = frozenset(".^$*+?{}[]\\|()")


def first_segment(pattern: re.Pattern[str]) -> str | None:
    """The first path segment, when a pattern fixes it: ``hello`` of ``/hello/([^/]+)``; otherwise ``None``."""
    text = pattern.pattern
    if pattern.flags & (re.IGNORECASE | re.VERBOSE) or _has_open_alternative(text):
        return None
    literal, at = "", 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text) and not text[at + 1].isalnum():
            literal, at = literal + text[at + 1], at + 2
        elif text[at] not in _METACHARACTERS:
            literal, at = literal + text[at], at + 1
        else:
            break
    if at < len(text) and text[at] in "*+?{":
        literal = literal[:-1]
    if not literal.startswith("/"):
        return None
    segment, slash, _ = literal[1:].partition("/")
    return segment if slash or at == len(text) else None


def _has_open_alternative(text: str) -> bool:
    """Whether a ``|`` stands outside all groups."""
    depth, at, in_class = 0, 0, False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            at += 1  # a "]" right behind is a member
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            return True
        at += 1
    return False


def readable(pattern: re.Pattern[str], names: Mapping[int, str]) -> str:
    """A pattern as a URI for people: groups become ``{name}``, optional parts ``[…]``, the rest stays where it is plain.

    Args:
        pattern: the handler's ``regex``.
        names: names of the groups by their index, from 0.
    """
    return _Readable(pattern.pattern, names).text


class _Readable:
    def __init__(self, source: str, names: Mapping[int, str]) -> None:
        self._source, self._names, self._at, self._group = source, names, 0, 0
        self.text = self._until_closed()

    def _until_closed(self) -> str:
        out = ""
        while self._at < len(self._source) and self._source[self._at] != ")":
            out += self._part()
        self._at += 1
        return out

    def _part(self) -> str:
        char, self._at = self._source[self._at], self._at + 1
        if char == "(":
            return self._optional(self._bracketed())
        if char == "\\":
            char, self._at = self._source[self._at], self._at + 1
        return self._optional(char)

    def _bracketed(self) -> str:
        captures = not self._source.startswith("?", self._at) or self._source.startswith("?P<", self._at)
        index = self._group
        self._group += captures
        if not captures:
            self._at = self._source.find(":", self._at) + 1 or len(self._source)
        inner = self._until_closed()
        return "{" + self._names.get(index, f"group{index + 1}") + "}" if captures else inner

    def _optional(self, part: str) -> str:
        quantifier = re.compile(r"\?|\{0,1\}").match(self._source, self._at)
        if quantifier is None:
            return part
        self._at = quantifier.end()
        return f"[{part}]"
