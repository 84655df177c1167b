"""From folders of scripts to a table of what is served."""

from __future__ import annotations

import hashlib
import logging
import re
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template, TemplateError, TemplateSyntaxError

from tigrest.errors import ScriptError
from tigrest.scripting.attributes import Lines, pattern_of, validate, validate_instance, wrong
from tigrest.scripting.handler import LISTENS, METHODS, Handler, Injection
from tigrest.scripting.listeners import Listener, MatchError, compile_match
from tigrest.scripting.module import LOAD_SECONDS, HelperFinder, execute, package_of, run_bounded
from tigrest.scripting.routing import ROOT, Endpoint, Part, Route, Table
from tigrest.scripting.signature import SignatureError, compile_listener, compile_signature

log = logging.getLogger(__name__)

_Claim = tuple[str, str, str]
"""Folder, pattern and method."""

Provide = Callable[[type], Any]
"""Gives the object for an ``inject()`` of a type, or ``None``."""


@dataclass(frozen=True)
class Script:
    """A script as it was last loaded well."""

    path: Path
    digest: bytes
    parts: tuple[Part, ...]

    @property
    def routes(self) -> list[Route]:
        """What answers requests."""
        return [part for part in self.parts if isinstance(part, Route)]

    @property
    def listeners(self) -> list[Listener]:
        """What listens to stanzas."""
        return [part for part in self.parts if isinstance(part, Listener)]


@dataclass(frozen=True)
class _Source:
    path: Path
    root: Path
    root_index: int
    data: bytes
    digest: bytes

    @property
    def relative(self) -> Path:
        return self.path.relative_to(self.root)

    @property
    def folder(self) -> str:
        return "/".join([ROOT, *self.relative.parent.parts])


class Loader:
    """Loads all scripts below some directories.

    Args:
        dirs: scripts directories, the most important first: of two files with the same relative path the first counts.
        provide: gives what ``inject()`` asks for; without it such attributes are left alone (as ``tigrest check`` does).
        seconds: how long one script may take to load.
    """

    def __init__(self, dirs: Sequence[Path], provide: Provide | None = None, seconds: float = LOAD_SECONDS) -> None:
        self.dirs = list(dict.fromkeys(path.resolve() for path in dirs))
        self._provide = provide
        self._seconds = seconds

    def load(self, previous: Table | None = None) -> Table:
        """Load every script; blocks, so call it off the event loop.

        A script that did not change is taken over from the previous table. One that cannot be loaded is a problem of the
        new table, which goes on with its last good version.

        Args:
            previous: the table being served.
        """
        finder = HelperFinder(self.dirs)
        finder.install()
        known: dict[Path, Script] = dict(previous.scripts) if previous else {}
        scripts: dict[Path, Script] = {}
        problems: list[ScriptError] = []
        taken: dict[_Claim, Route] = {}
        sources = list(self._sources(problems))
        for unchanged in [known[item.path] for item in sources if item.path in known and known[item.path].digest == item.digest]:
            _claim(unchanged, taken)
            scripts[unchanged.path] = unchanged
        for item in [item for item in sources if item.path not in scripts]:
            try:
                script = Script(item.path, item.digest, tuple(self._parts(item)))
                _claim(script, taken)
                scripts[item.path] = script
            except ScriptError as error:
                problems.append(error)
                if item.path in known:
                    _keep(known[item.path], taken, scripts, problems)
        return self._table(scripts, problems)

    def reject(self, table: Table, error: ScriptError, previous: Table | None) -> Table:
        """Take a script out of a table that is not yet served, because its handlers did not start.

        Args:
            table: the new table.
            error: what is wrong, and with which script.
            previous: the table being served; its version of the script goes on.
        """
        scripts: dict[Path, Script] = dict(table.scripts)
        scripts.pop(error.path, None)
        if previous is not None and error.path in previous.scripts:
            scripts[error.path] = previous.scripts[error.path]
        return self._table(scripts, [*table.problems, error])

    def _table(self, scripts: dict[Path, Script], problems: Sequence[ScriptError]) -> Table:
        routes = [route for script in scripts.values() for route in script.routes]
        listeners = [listener for script in scripts.values() for listener in script.listeners]
        return Table(routes, problems, dict(self._statics()), scripts, self.dirs, listeners)

    def _sources(self, problems: list[ScriptError]) -> Iterator[_Source]:
        seen: set[Path] = set()
        for index, root in enumerate(self.dirs):
            files = sorted(_visible(root))
            helpers = hashlib.sha256()
            for helper in sorted(root.rglob("_*.py")):
                helpers.update(str(helper).encode() + _bytes(helper, problems))
            for path in files:
                relative = path.relative_to(root)
                if relative in seen:
                    continue
                seen.add(relative)
                before = len(problems)
                data = _bytes(path, problems)
                if len(problems) > before:
                    continue
                digest = hashlib.sha256(data + helpers.digest())
                for template in _templates(path):
                    digest.update(template.name.encode() + _bytes(template, problems))
                yield _Source(path, root, index, data, digest.digest())

    def _statics(self) -> Iterator[tuple[str, Path]]:
        for root in reversed(self.dirs):
            for folder in sorted(root.rglob("static")):
                relative = folder.relative_to(root)
                if folder.is_dir() and not _hidden(relative):
                    yield "/".join([ROOT, *relative.parts]), folder

    def _parts(self, source: _Source) -> Iterator[Part]:
        package = package_of(source.root_index, source.relative.parent)
        name = f"{package or 'tigrest_script'}.{source.path.stem}"
        module = execute(source.path, source.data, name, package, self._seconds)
        lines = Lines(source.data)
        classes = [value for value in vars(module).values() if _is_handler(value, name)]
        classes = [
            cls for cls in dict.fromkeys(classes) if cls.regex or cls.match or not any(cls in other.__mro__[1:] for other in classes)
        ]
        if not classes:
            raise ScriptError(
                source.path, 1, "defines no handler: subclass tigrest.Handler, or let the file's name begin with _ when it is a helper"
            )
        for cls in classes:
            yield from self._parts_of(source, cls, lines)

    def _parts_of(self, source: _Source, cls: type[Handler], lines: Lines) -> Iterator[Part]:
        """One handler: a route, a listener, or both."""
        listens = any(getattr(cls, name, None) is not None for name in LISTENS)
        validate(source.path, cls, lines)
        only_listens = listens and not any(hasattr(cls, f"exec_{method.lower()}") for method in METHODS)
        pattern = None if only_listens else pattern_of(source.path, cls, lines)
        instances: list[Handler] = []
        run_bounded(lambda: instances.append(cls()), source.path, self._seconds)
        handler = instances[0]
        validate_instance(source.path, handler, lines)
        self._inject(source, cls, handler, lines)
        if pattern is not None:
            yield self._route(source, cls, handler, pattern, lines)
        if listens:
            yield _listener(source, cls, handler, lines)

    def _route(self, source: _Source, cls: type[Handler], handler: Handler, pattern: re.Pattern[str], lines: Lines) -> Route:
        endpoints: dict[str, Endpoint] = {}
        for method in METHODS:
            name = f"exec_{method.lower()}"
            function = getattr(handler, name, None)
            if function is None:
                continue
            try:
                invocation = compile_signature(function, pattern, cls.requiredRole)
            except SignatureError as error:
                raise ScriptError(source.path, lines.of(cls, name), f"{cls.__name__}.{name}: {error}") from None
            endpoints[method] = Endpoint(method, invocation, self._template(source, method))
        if not endpoints:
            raise ScriptError(
                source.path,
                lines.of(cls),
                f"{cls.__name__} answers nothing: write exec_get, exec_post or another exec_ method, or on_message, on_presence or on_iq",
            )
        if "GET" in endpoints:
            endpoints["HEAD"] = endpoints["GET"]
        return Route(
            path=source.path,
            relative=source.relative,
            folder=source.folder,
            pattern=pattern,
            handler=handler,
            endpoints=endpoints,
            role=cls.requiredRole,
            is_async=cls.isAsync,
            decode_content=cls.decodeContent,
            api_key=cls.apiKey,
            timeout=cls.timeout,
            asks_auth_required=cls.authRequired is not Handler.authRequired,
            line=lines.of(cls),
        )

    def _inject(self, source: _Source, cls: type[Handler], handler: Handler, lines: Lines) -> None:
        wanted = [name for name in dir(cls) if isinstance(getattr(cls, name, None), Injection)]
        if not wanted:
            return
        try:
            types = typing.get_type_hints(cls)
        except Exception as error:
            raise ScriptError(source.path, lines.of(cls), f"{cls.__name__}: an annotation cannot be evaluated: {error}") from None
        for name in wanted:
            if name not in types:
                raise ScriptError(
                    source.path, lines.of(cls, name), f"{cls.__name__}.{name} needs a type: write {name}: SomeType = inject()"
                )
            if self._provide is None:
                continue
            bean = self._provide(types[name])
            if bean is None:
                shown = getattr(types[name], "__name__", types[name])
                raise ScriptError(
                    source.path,
                    lines.of(cls, name),
                    f"{cls.__name__}.{name}: nothing provides {shown}",
                )
            setattr(handler, name, bean)

    def _template(self, source: _Source, method: str) -> Template | None:
        path = next((p for p in _template_names(source.path, method) if p.is_file()), None)
        if path is None:
            return None
        environment = Environment(loader=FileSystemLoader([source.path.parent, source.root]), autoescape=True)
        try:
            return environment.from_string(path.read_text("utf-8"))
        except TemplateSyntaxError as error:
            raise ScriptError(path, error.lineno, f"template: {error.message}") from None
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise ScriptError(path, 1, f"template: {error}") from None


def _claim(script: Script, taken: dict[_Claim, Route]) -> None:
    """Reserve the patterns of a script; nothing is reserved when one of them is taken.

    Raises:
        ScriptError: another script has the same pattern for the same method.
    """
    wanted: dict[_Claim, Route] = {}
    for route in script.routes:
        for method in route.methods:
            key = (route.folder, route.pattern.pattern, method)
            other = taken.get(key) or wanted.get(key)
            if other is not None:
                what = f"{method} {route.folder}{route.pattern.pattern}"
                raise ScriptError(script.path, route.line, f"{what} is already served by {other.path}:{other.line}; change one regex")
            wanted[key] = route
    taken.update(wanted)


def _keep(script: Script, taken: dict[_Claim, Route], scripts: dict[Path, Script], problems: list[ScriptError]) -> None:
    """Go on with the last good version of a script, unless another one has taken its place meanwhile."""
    try:
        _claim(script, taken)
        scripts[script.path] = script
    except ScriptError as error:
        problems.append(error)


def _listener(source: _Source, cls: type[Handler], handler: Handler, lines: Lines) -> Listener:
    """Work out what a handler class listens to."""
    if cls.apiKey:
        raise wrong(source.path, cls, lines, "apiKey", "a stanza carries no API key: put the on_ methods into a class of their own")
    methods = {kind: method for name, kind in LISTENS.items() if (method := getattr(handler, name, None)) is not None}
    try:
        selectors = compile_match(cls.match, list(methods))
    except MatchError as error:
        raise ScriptError(source.path, lines.of(cls, "match"), f"{cls.__name__}.match: {error}") from None
    invocations = {}
    for kind, method in methods.items():
        name = f"on_{kind}"
        try:
            invocations[kind] = compile_listener(method, kind, selectors[kind].body)
        except SignatureError as error:
            raise ScriptError(source.path, lines.of(cls, name), f"{cls.__name__}.{name}: {error}") from None
    return Listener(
        path=source.path,
        relative=source.relative,
        name=cls.__name__,
        handler=handler,
        selectors=selectors,
        invocations=invocations,
        role=cls.requiredRole,
        timeout=cls.timeout,
        line=lines.of(cls),
    )


def _is_handler(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Handler) and value.__module__ == module


def _visible(root: Path) -> Iterator[Path]:
    for path in root.rglob("*.py"):
        relative = path.relative_to(root)
        if path.is_file() and not _hidden(relative) and "static" not in relative.parts[:-1]:
            yield path


def _hidden(relative: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in relative.parts)


def _template_names(script: Path, method: str) -> list[Path]:
    return [script.with_name(f"{script.stem}{method.capitalize()}.html"), script.with_suffix(".html")]


def _templates(script: Path) -> list[Path]:
    candidates = {path for method in METHODS for path in _template_names(script, method)}
    return sorted(path for path in candidates if path.is_file())


def _bytes(path: Path, problems: list[ScriptError]) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problems.append(ScriptError(path, 1, f"cannot be read: {error.strerror}"))
        return b""
