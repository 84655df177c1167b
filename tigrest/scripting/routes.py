"""Parts that answer requests: a folder, a pattern, and a method for each HTTP method."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, Template, TemplateError, TemplateSyntaxError

from tigrest.errors import ScriptError
from tigrest.scripting.attributes import pattern_of
from tigrest.scripting.examples import example_path
from tigrest.scripting.handler import METHODS, Handler, Role
from tigrest.scripting.hook_formats import text_template
from tigrest.scripting.module import COMPILED_SOURCES
from tigrest.scripting.parts import Claim, Declaration, Part, Source
from tigrest.scripting.patterns import readable
from tigrest.scripting.signature import Invocation, SignatureError, compile_signature
from tigrest.scripting.uris import problem_of


@dataclass(frozen=True)
class Endpoint:
    """One method of one handler.

    Args:
        method: ``GET``, ``POST``, ….
        invocation: how to call it.
        template: HTML page for its results, if there is one.
        takes_key: whether ``Idempotency-Key`` counts.
        keeps_keys: whether the handler sees to that itself.
    """

    method: str
    invocation: Invocation
    template: Template | None = None
    takes_key: bool = False
    keeps_keys: bool = False


@dataclass(eq=False, kw_only=True)
class Route(Part):
    """A loaded handler of requests.

    Args:
        folder: URI of its folder, e.g. ``/rest/avatar``, or what the handler has in the place of it.
        pattern: the handler's ``regex``.
        endpoints: by HTTP method; ``HEAD`` is there with ``GET``.
        max_body: limit of request bodies, in bytes; ``None`` for that of the configuration.
        takes_uploads: whether a body that is read part by part may be as large as an upload.
        asks_auth_required: whether it overrides ``authRequired``.
        checks_origin: whether GET is checked as unsafe methods are.
    """

    cure: ClassVar[str] = "change one regex"

    handler: Handler
    folder: str
    pattern: re.Pattern[str]
    endpoints: Mapping[str, Endpoint]
    role: Role
    is_async: bool
    decode_content: bool
    max_body: int | None
    takes_uploads: bool
    api_key: bool
    asks_auth_required: bool
    checks_origin: bool

    @property
    def methods(self) -> list[str]:
        """Return the HTTP methods implemented, in the usual order; without the implied HEAD and OPTIONS."""
        return [method for method in METHODS if method in self.endpoints]

    @cached_property
    def is_guarded(self) -> bool:
        """Return whether it needs an API key or a login; where not, nobody looks at them."""
        return self.api_key or self.role is not None or self.asks_auth_required

    def auth_required(self, api_key: str | None) -> bool:
        """Tell whether a login is demanded.

        Args:
            api_key: name of the valid key that came with the request; ``None`` when there is none.
        """
        return self.handler.authRequired(api_key) if self.asks_auth_required else self.role is not None

    @cached_property
    def uri(self) -> str:
        """Return the URI as shown to people, e.g. ``/rest/avatar/{jid}``."""
        described = (self.handler.description or {}).get("regex")
        if described is not None:
            return self.folder + str(described)
        names = {index: name for endpoint in self.endpoints.values() for index, name in endpoint.invocation.group_names.items()}
        return self.folder + readable(self.pattern, names)

    def example(self, method: str) -> str | None:
        """Return a path to try a method with, percent-encoded; ``None`` when none is given and the pattern is too intricate to make one."""
        described: Mapping[str, Any] = self.handler.description or {}
        given = (described.get(method) or {}).get("example", described.get("example"))
        invocation = self.endpoints[method].invocation
        path = given if given is not None else example_path(self.pattern, invocation.group_names, invocation.group_kinds)
        return None if path is None else quote(self.folder) + quote(path, safe=string.punctuation)

    @property
    def title(self) -> str:
        """Return its URI."""
        return self.uri

    @property
    def rank(self) -> tuple[str | int, ...]:
        """Return the sort key: by folder; of one folder the longest pattern first."""
        return self.folder, -len(self.pattern.pattern), str(self.path)

    def claims(self) -> Iterator[Claim]:
        """Return each method with folder and pattern."""
        for method in self.methods:
            yield Claim(method, self.folder, self.pattern.pattern)


class RouteKind:
    """Handlers with ``exec_`` methods."""

    methods = tuple(f"exec_{method.lower()}" for method in METHODS)
    attributes = ("regex", "uri")

    def recognise(self, declared: Declaration) -> bool:
        """Check the pattern and the URI of a class, and return whether it answers requests.

        Raises:
            ScriptError: it has no pattern, one that is no regular expression, or a URI that cannot be.
        """
        if not declared.defines(*self.methods):
            if declared.defines("uri"):
                raise declared.wrong("uri", f"write {', '.join(self.methods[:-1])} or {self.methods[-1]}, or leave it out")
            return False
        if declared.cls.uri is not None and (problem := problem_of(declared.cls.uri)):
            raise declared.wrong("uri", problem)
        _pattern(declared)
        return True

    def compile(self, declared: Declaration, handler: Handler) -> Route:
        """Make the route of a class.

        Raises:
            ScriptError: arguments do not fit the pattern, or a template is broken.
        """
        cls, source = declared.cls, declared.source
        pattern = _pattern(declared)
        _check_examples(declared, pattern)
        _check_bodies(declared)
        return Route(
            path=source.path,
            relative=source.relative,
            name=cls.__name__,
            folder=source.folder if cls.uri is None else cls.uri,
            pattern=pattern,
            handler=handler,
            endpoints=_endpoints(declared, handler, pattern),
            role=cls.requiredRole,
            is_async=cls.isAsync,
            decode_content=cls.decodeContent,
            api_key=cls.apiKey,
            timeout=cls.timeout,
            max_body=cls.maxBody,
            takes_uploads=cls.takesUploads,
            asks_auth_required=cls.authRequired is not Handler.authRequired,
            checks_origin=cls.checkOrigin,
            line=declared.line,
        )


def _pattern(declared: Declaration) -> re.Pattern[str]:
    return pattern_of(declared.source.path, declared.cls, declared.lines)


def _check_examples(declared: Declaration, pattern: re.Pattern[str]) -> None:
    """Check that the examples of a description are paths that the pattern matches.

    Raises:
        ScriptError: one is not.
    """
    described: Mapping[str, Any] = declared.cls.description or {}
    for owner in (described, *(described.get(method) or {} for method in METHODS)):
        example = owner.get("example")
        if example is not None and (not isinstance(example, str) or pattern.fullmatch(unquote(example.partition("?")[0])) is None):
            raise declared.error(
                "description", f".description: regex does not match the example {example!r}; write a path behind the folder"
            )


def _check_bodies(declared: Declaration) -> None:
    """Check the shape of what a description says for OpenAPI about bodies.

    Raises:
        ScriptError: it has another one.
    """
    for method in METHODS:
        described: Mapping[str, Any] = (declared.cls.description or {}).get(method) or {}
        accepts, answers = described.get("accepts", {}), described.get("answers", {})
        if not _is_by_media_type(accepts):
            cure = 'write JSON schemas by media type, such as {"application/json": {"type": "object"}}'
            raise declared.error("description", f".description: accepts of {method} is not understood; {cure}")
        if not isinstance(answers, dict) or not all(_is_answer(status, answer) for status, answer in answers.items()):
            cure = 'write texts, or JSON schemas by media type, by status, such as {202: "Sent"}'
            raise declared.error("description", f".description: answers of {method} is not understood; {cure}")


def _is_answer(status: object, answer: object) -> bool:
    return type(status) is int and 200 <= status < 600 and (isinstance(answer, str) or _is_by_media_type(answer))


def _is_by_media_type(schemas: object) -> bool:
    return isinstance(schemas, dict) and all(
        isinstance(media, str) and "/" in media and isinstance(schema, dict) for media, schema in schemas.items()
    )


def _endpoints(declared: Declaration, handler: Handler, pattern: re.Pattern[str]) -> dict[str, Endpoint]:
    endpoints: dict[str, Endpoint] = {}
    for method in METHODS:
        name = f"exec_{method.lower()}"
        function = getattr(handler, name, None)
        if function is None:
            continue
        try:
            invocation = compile_signature(function, pattern, declared.cls.requiredRole, declared.cls.decodeContent)
        except SignatureError as error:
            raise declared.error(name, f".{name}: {error}") from None
        takes_key = bool(declared.cls.idempotencyKey) and method != "GET"
        keeps_keys = declared.cls.idempotencyKey == "own"
        endpoints[method] = Endpoint(method, invocation, _template(declared.source, method), takes_key, keeps_keys)
    if "GET" in endpoints:
        endpoints["HEAD"] = endpoints["GET"]
    return endpoints


def _template(source: Source, method: str) -> Template | None:
    path = next((path for path in _template_names(source.path, method) if path.is_file()), None)
    if path is None:
        return None
    environment = Environment(loader=FileSystemLoader([source.path.parent, source.root]), autoescape=True)
    try:
        code = _template_code(path.read_text("utf-8"), str(path))
        return Template.from_code(environment, code, environment.make_globals(None))
    except TemplateSyntaxError as error:
        raise ScriptError(path, error.lineno, f"template: {error.message}") from None
    except (TemplateError, OSError, UnicodeDecodeError) as error:
        raise ScriptError(path, 1, f"template: {error}") from None


@lru_cache(maxsize=COMPILED_SOURCES)
def _template_code(text: str, path: str) -> CodeType:
    """Compile a template, with its path, for tracebacks; the code of the last time serves any environment."""
    return Environment(autoescape=True).compile(text, path, path)


def templates(script: Path) -> list[Path]:
    """Return the files with the templates of a script, in order.

    Args:
        script: its file.
    """
    base = str(script.with_suffix(""))
    candidates = {str(text_template(script)), *(f"{base}{method.capitalize()}.html" for method in METHODS), f"{base}.html"}
    return [Path(path) for path in sorted(candidates) if os.path.isfile(path)]  # noqa: PTH113 - for each script, at each look


def _template_names(script: Path, method: str) -> list[Path]:
    return [script.with_name(f"{script.stem}{method.capitalize()}.html"), script.with_suffix(".html")]
