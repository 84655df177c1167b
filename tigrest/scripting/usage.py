"""Describe routes for people: shared by the index page, ``tigrest routes`` and the docs test."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any
from xml.etree import ElementTree

from tigrest.formats.content import write_json, write_xml
from tigrest.scripting.routes import Route


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
        request: sample body, text as it is or a value; ``None`` when it takes none.
        response: sample answer, likewise.
        options: further options of the curl line, e.g. ``-T avatar.png``.
        script: path of the script below its scripts directory.
        schemas: JSON schemas of ``content`` and ``query``, where these have models.
    """

    method: str
    uri: str
    role: str
    api_key: bool
    info: str
    description: str
    request: Any
    response: Any
    options: str
    script: str
    schemas: Mapping[str, dict[str, Any]]

    def curl(self, base: str) -> str:
        """Return a command line to paste.

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
        if isinstance(self.request, str):
            parts += ["-H", "'Content-Type: application/xml'", "-d", quote(self.request)]
        elif self.request is not None:
            parts += ["-H", "'Content-Type: application/json'", "-d", quote(write_json(self.request).decode())]
        if self.options:
            parts.append(self.options)
        return " ".join([*parts, f"'{base}{self.uri}'"])


@dataclass(frozen=True)
class Sample:
    """A body to show, indented."""

    title: str
    text: str


def samples(title: str, value: Any) -> list[Sample]:
    """Return a sample body in each form it may have.

    Args:
        title: what it is, e.g. ``Request``.
        value: text as it is, or a value, which is shown as XML and as JSON; ``None`` for none.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [Sample(title, value)]
    tree = ElementTree.fromstring(write_xml(value))
    ElementTree.indent(tree)
    xml = ElementTree.tostring(tree, "unicode")
    return [Sample(f"{title}, XML", xml), Sample(f"{title}, JSON", json.dumps(value, indent=2, ensure_ascii=False, default=str))]


def shown_schema(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema as text for people."""
    return json.dumps(schema, indent=2, ensure_ascii=False)


def usages(route: Route) -> list[Usage]:
    """Describe every method of a route; what its ``description`` leaves out comes from docstrings."""
    described: Mapping[str, Any] = route.handler.description or {}
    return [_usage(route, method, described.get(method) or {}) for method in route.methods]


def _usage(route: Route, method: str, described: Mapping[str, Any]) -> Usage:
    invocation = route.endpoints[method].invocation
    function = invocation.method
    schemas = {name: schema for name, model in invocation.models.items() if (schema := model.schema()) is not None}
    examples = schemas.get("content", {}).get("examples") or [None]
    text = inspect.getdoc(function) or inspect.getdoc(type(route.handler)) or ""
    summary, _, rest = text.partition("\n")
    return Usage(
        method=method,
        uri=route.uri,
        role=route.role or "",
        api_key=route.api_key,
        info=str(described.get("info", summary)),
        description=str(described.get("description", rest.strip())),
        request=described.get("request", examples[0]),
        response=described.get("response"),
        options=str(described.get("curl", "")),
        script=str(route.relative),
        schemas=schemas,
    )
