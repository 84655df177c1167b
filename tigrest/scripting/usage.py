"""Describe routes for people: shared by the index page, ``tigrest routes`` and the docs test."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from tigrest.errors import TigrestError
from tigrest.formats.content import JSON, write_json, write_xml
from tigrest.formats.labels import guess
from tigrest.scripting.examples import EXAMPLE_DOMAIN
from tigrest.scripting.handler import Handler
from tigrest.scripting.models import Body
from tigrest.scripting.routes import Route
from tigrest.scripting.samples import SchemaMap, sample_of
from tigrest.scripting.signature import Invocation

_GLOBBED = frozenset("[]{}")
"""Characters of paths that curl expands unless it is told not to (``-g``)."""


@dataclass(frozen=True)
class Usage:
    """One method of one route, described.

    Args:
        method: HTTP method.
        uri: as shown to people, e.g. ``/rest/avatar/{jid}``.
        example: path to try it with, e.g. ``/rest/avatar/alice@example.com``; ``None`` when the pattern is too intricate to make one.
        role: ``user`` or ``admin``; empty for anybody.
        api_key: whether a key is needed.
        info: one line.
        description: text for people, possibly of several lines.
        request: sample body, text as it is or a value; ``None`` when it takes none.
        response: sample answer, likewise.
        options: further options of the curl line, e.g. ``-T avatar.png``.
        login: role of the account that the curl line logs in with; it may be more than ``role``.
        script: path of the script below its scripts directory.
        schemas: JSON schemas of ``content`` and ``query``, where these have models.
        accepts: JSON schemas of the body by media type, where the author gives them.
        answers: answers by HTTP status, where the author lists them: a text, or JSON schemas by media type.
    """

    method: str
    uri: str
    example: str | None
    role: str
    api_key: bool
    info: str
    description: str
    request: Any
    response: Any
    options: str
    login: str
    script: str
    schemas: Mapping[str, dict[str, Any]]
    accepts: Mapping[str, SchemaMap]
    answers: Mapping[int, str | Mapping[str, SchemaMap]]

    def example_at(self, domain: str) -> str | None:
        """Return the path to try it with, for a domain in the place of ``example.com``; ``None`` for none."""
        return None if self.example is None else self.example.replace(EXAMPLE_DOMAIN, domain)

    def curl(self, base: str, domain: str, user: str = "") -> str | None:
        """Return a command line to paste into a shell; ``None`` without an example.

        ``PASSWORD`` and ``KEY`` in it are for the reader to replace.

        Args:
            base: scheme and host, e.g. ``http://localhost:8080``.
            domain: stands in the place of ``example.com``.
            user: address to log in with; empty for a made-up one.
        """
        path = self.example_at(domain)
        if path is None:
            return None
        parts = ["curl", *(["-g"] if set(path) & _GLOBBED else [])]
        if self.method not in ("GET", "HEAD") and (self.method != "POST" or self.request is None):
            parts += ["-X", self.method]
        if self.login:
            login = user or f"{'admin' if self.login == 'admin' else 'alice'}@{domain}"
            parts += ["-u", quote(f"{login}:PASSWORD")]
        if self.api_key:
            parts += ["-H", "'Api-Key: KEY'"]
        if self.request is not None:
            body = self.request if isinstance(self.request, str) else write_json(self.request).decode()
            option = "--data-raw" if body.startswith("@") else "-d"
            parts += ["-H", quote(f"Content-Type: {guess(body.encode())}"), option, quote(body.replace(EXAMPLE_DOMAIN, domain))]
        if self.options:
            parts.append(self.options)
        return " ".join([*parts, quote(f"{base}{path}")])


@dataclass(frozen=True)
class Sample:
    """A body to show, indented."""

    title: str
    text: str


def samples(title: str, value: Any, domain: str) -> list[Sample]:
    """Return a sample body in each form it may have.

    Args:
        title: what it is, e.g. ``Request``.
        value: text as it is, or a value, which is shown as XML and as JSON; ``None`` for none.
        domain: stands in the place of ``example.com``.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [Sample(title, value.replace(EXAMPLE_DOMAIN, domain))]
    tree = ElementTree.fromstring(write_xml(value))
    ElementTree.indent(tree)
    xml = ElementTree.tostring(tree, "unicode").replace(EXAMPLE_DOMAIN, domain)
    json_text = json.dumps(value, indent=2, ensure_ascii=False, default=str).replace(EXAMPLE_DOMAIN, domain)
    return [Sample(f"{title}, XML", xml), Sample(f"{title}, JSON", json_text)]


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
    text = inspect.getdoc(function) or _own_docstring(type(route.handler))
    summary, _, rest = text.partition("\n")
    return Usage(
        method=method,
        uri=route.uri,
        example=_with_query(route.example(method), invocation, schemas),
        role=route.role or "",
        api_key=route.api_key,
        info=str(described.get("info", summary)),
        description=str(described.get("description", rest.strip())),
        request=described["request"] if "request" in described else _sample_content(invocation, schemas),
        response=described.get("response"),
        options=str(described.get("curl", "")),
        login=str(described.get("login", route.role or "")),
        script=str(route.relative),
        schemas=schemas,
        accepts=described.get("accepts") or {},
        answers=described.get("answers") or {},
    )


def _own_docstring(cls: type[Handler]) -> str:
    """Return the docstring of a handler class, or of its bases; empty for none: that of :class:`Handler` describes no handler."""
    return next((inspect.cleandoc(base.__doc__) for base in cls.__mro__ if base.__doc__ and base not in (Handler, object)), "")


def _sample_content(invocation: Invocation, schemas: Mapping[str, dict[str, Any]]) -> Any:
    """Return a sample of the content that a method with a model takes; ``None`` when none is known that the model allows."""
    if "content" not in schemas:
        return None
    sample = sample_of(schemas["content"])
    try:
        invocation.models["content"].read_body(Body(JSON, write_json(sample), sample))
    except TigrestError:
        return None
    return sample


def _with_query(example: str | None, invocation: Invocation, schemas: Mapping[str, dict[str, Any]]) -> str | None:
    """Add the parameters that a method with a model of them requires to a path, unless the path has some."""
    if example is None or "?" in example or not schemas.get("query", {}).get("required"):
        return example
    query = urlencode(sample_of(schemas["query"]), doseq=True, safe="@")
    try:
        invocation.models["query"].read_query(query.encode())
    except TigrestError:
        return example
    return f"{example}?{query}"
