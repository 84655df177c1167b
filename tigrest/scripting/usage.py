"""What people are told of a route: the one description that the index page, ``tigrest routes`` and the docs test share."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tigrest.content import write_json, write_xml
from tigrest.scripting.routing import Route


@dataclass(frozen=True)
class Usage:
    """One method of one route, described.

    Args:
        method: HTTP method.
        uri: as shown to people, e.g. ``/rest/avatar/{jid}``.
        role: ``user`` or ``admin``; empty for anybody.
        api_key: whether a key is needed.
        info: one line.
        description: text for people, possibly of several lines.
        request: sample body; ``None`` when it takes none.
        response: sample answer; ``None`` when there is none to show.
        script: path of the script below its scripts directory.
    """

    method: str
    uri: str
    role: str
    api_key: bool
    info: str
    description: str
    request: Any
    response: Any
    script: str

    @property
    def request_xml(self) -> str:
        """The sample body as XML."""
        return _as_xml(self.request)

    @property
    def request_json(self) -> str:
        """The sample body as JSON."""
        return _as_json(self.request)

    @property
    def response_xml(self) -> str:
        """The sample answer as XML."""
        return _as_xml(self.response)

    @property
    def response_json(self) -> str:
        """The sample answer as JSON."""
        return _as_json(self.response)

    def curl(self, base: str) -> str:
        """A command line to paste.

        Args:
            base: scheme and host, e.g. ``http://localhost:8080``.
        """
        parts = ["curl"]
        if self.method != "GET":
            parts += ["-X", self.method]
        if self.role:
            parts += ["-u", "'user@domain:password'"]
        if self.api_key:
            parts += ["-H", "'Api-Key: KEY'"]
        if self.request is not None:
            parts += ["-H", "'Content-Type: application/json'", "-d", "'" + self.request_json.replace("'", "'\\''") + "'"]
        return " ".join([*parts, f"'{base}{self.uri}'"])


def usages(route: Route) -> list[Usage]:
    """Describe every method of a route; what its ``description`` leaves out comes from docstrings."""
    described: Mapping[str, Any] = route.handler.description or {}
    return [_usage(route, method, described.get(method) or {}) for method in route.methods]


def _usage(route: Route, method: str, described: Mapping[str, Any]) -> Usage:
    function = route.endpoints[method].invocation.method
    text = inspect.getdoc(function) or inspect.getdoc(type(route.handler)) or ""
    summary, _, rest = text.partition("\n")
    return Usage(
        method=method,
        uri=route.uri,
        role=route.role or "",
        api_key=route.api_key,
        info=str(described.get("info", summary)),
        description=str(described.get("description", rest.strip())),
        request=described.get("request"),
        response=described.get("response"),
        script=str(route.relative),
    )


def _as_xml(sample: Any) -> str:
    return "" if sample is None else write_xml(sample).decode()


def _as_json(sample: Any) -> str:
    return "" if sample is None else write_json(sample).decode()
