"""Load plugins: one that is broken is left out and described in one line, and the others are loaded."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import FrameType

import pluggy

from tigrest.errors import PluginError
from tigrest.paths import shown_path
from tigrest.plugins.folders import FolderFinder
from tigrest.plugins.hooks import GROUP, Hooks
from tigrest.plugins.sources import PluginSource, in_folders, installed
from tigrest.service import Service
from tigrest.spelling import nearest

log = logging.getLogger(__name__)

HOOKS = {name: function for name, function in vars(Hooks).items() if not name.startswith("_")}
"""The hooks, by name."""

SLOW_SECONDS = 10.0
"""Seconds after which the log names a plugin that has not ended its import or its hook: there is no limit, but nothing goes on before."""

StackLine = tuple[FrameType, int]
"""A frame, and the number of the line in it that ran."""


class Plugins:
    """The plugins of folders and of installed packages.

    Of two that provide the same type the first counts: folders before packages, sorted by name.

    Args:
        dirs: the folders.
        slow_seconds: after which the log names a plugin that has not ended.
    """

    def __init__(self, dirs: Sequence[Path] = (), slow_seconds: float = SLOW_SECONDS) -> None:
        self._dirs = dirs
        self._slow_seconds = slow_seconds
        self._finder = FolderFinder(dirs)
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(Hooks)
        self._sources: dict[str, PluginSource] = {}
        self.problems: list[PluginError] = []
        """Errors of the plugins that could not be loaded."""

    def load(self) -> None:
        """Import and register all plugins; blocks, so call it off the event loop. One that is broken is left out, as a problem."""
        self._finder.install()
        loaded = [(source, plugin) for source in self._find() if (plugin := self._load(source)) is not None]
        for source, plugin in reversed(loaded):  # pluggy calls the last one registered first
            self._register(source, plugin)

    def close(self) -> None:
        """Import from the folders no longer."""
        self._finder.uninstall()

    @property
    def names(self) -> list[str]:
        """Return the plugins that were loaded, for messages; the first one is asked first."""
        return [f"{source.name}{f' from {source.file}' if source.file else ''}" for source in reversed(self._sources.values())]

    def add(self, plugin: object, name: str) -> None:
        """Add a plugin of tigrest itself.

        Args:
            plugin: an object with hooks.
            name: of the plugin.
        """
        self._manager.register(plugin, name)

    def report(self) -> None:
        """Log what was loaded and what was not."""
        for name in self.names:
            log.info("loaded %s", name)
        for problem in self.problems:
            log.error("%s", problem)
            if problem.__cause__ is not None:
                log.debug("traceback of the line above", exc_info=problem.__cause__)

    def provide(self, wanted: type, service: Service) -> object | None:
        """Return the object for an ``inject()``; ``None`` when no plugin has one of that type.

        Args:
            wanted: the type.
            service: access to XMPP, for the hooks.

        Raises:
            PluginError: a plugin raised, or gave an object that is not of this type.
        """
        try:
            with self._named_when_slow(lambda stack: self._source_in(stack), "tigrest_provide"):
                found: object | None = self._manager.hook.tigrest_provide(type=wanted, service=service)
        except (Exception, SystemExit) as error:
            log.debug("a plugin failed to provide %s", wanted, exc_info=error)
            raise self._blame(error) from error
        if found is not None and isinstance(wanted, type) and not getattr(wanted, "_is_protocol", False) and not isinstance(found, wanted):
            given = f"{type(found).__module__}.{type(found).__qualname__}"
            raise PluginError(
                f"a plugin gives an object of {given} for {wanted.__name__}; "
                "let its tigrest_provide return None for types that it does not know"
            )
        return found

    def _find(self) -> list[PluginSource]:
        try:
            return [*in_folders(self._dirs), *installed()]
        except OSError as error:
            self.problems.append(PluginError(f"plugins.dirs: {error.filename} cannot be read: {error.strerror}; let tigrest read it"))
            return installed()

    def _load(self, source: PluginSource) -> object | None:
        """Import a plugin; ``None`` when it is broken."""
        try:
            with self._named_when_slow(lambda _: source, "its import"):
                plugin = source.load()
                misfits = list(_misfits(plugin, self._manager))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise  # Ctrl-C, in tigrest check
            self._reject(source, error, " ".join(_cause(error).split()))
            return None
        if misfits:
            places, texts = zip(*misfits, strict=True)
            self._reject(source, None, "; ".join(texts), places[0])
        return None if misfits else plugin

    def _register(self, source: PluginSource, plugin: object) -> None:
        """Register a plugin altogether or not at all."""
        name = f"{source.package}: {source.name}"
        try:
            self._manager.register(plugin, name)
            self._sources[name] = source
        except (Exception, SystemExit) as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._reject(source, error, " ".join(_cause(error).split()))

    def _reject(self, source: PluginSource, error: BaseException | None, cause: str, place: str = "") -> None:
        place = place or _place(source, error)
        problem = PluginError(f"{place}{': ' if place else ''}{source.name}: {cause}; {source.cure}")
        problem.__cause__ = error
        self.problems.append(problem)

    def _blame(self, error: BaseException) -> PluginError:
        """Say which plugin raised."""
        source = self._source_in(traceback.walk_tb(error.__traceback__))
        if source is None:
            return PluginError(f"a plugin raised {_cause(error)}")
        return PluginError(f"{source.name} raised {_cause(error)} ({_place(source, error)})")

    def _source_in(self, stack: Iterable[StackLine]) -> PluginSource | None:
        """Return the plugin whose hook is on a stack; ``None`` when there is none."""
        codes = {frame.f_code for frame, _ in stack}
        for implementation in chain.from_iterable(getattr(self._manager.hook, hook).get_hookimpls() for hook in HOOKS):
            if getattr(inspect.unwrap(implementation.function), "__code__", None) in codes:
                return self._sources.get(implementation.plugin_name)
        return None

    @contextmanager
    def _named_when_slow(self, find: Callable[[Sequence[StackLine]], PluginSource | None], what: str) -> Iterator[None]:
        """Log which plugin the current thread waits for, and where it is, when it takes long.

        Args:
            find: returns the plugin, from the stack of the thread, outermost frame first.
            what: it does.
        """
        timer = threading.Timer(self._slow_seconds, self._tell_slow, (threading.get_ident(), find, what))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell_slow(self, thread: int, find: Callable[[Sequence[StackLine]], PluginSource | None], what: str) -> None:
        stack = [*traceback.walk_stack(sys._current_frames().get(thread))][::-1]
        if (source := find(stack)) is not None:
            message = "%s: %s has not ended %s after %g s, and nothing goes on before; %s"
            log.warning(message, _place_in(source, stack), source.name, what, self._slow_seconds, source.cure)


def _cause(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it calls sys.exit()"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def _place(source: PluginSource, error: BaseException | None) -> str:
    """Return file and line of a plugin where an error happened; empty when they are not known.

    Args:
        source: the plugin; the place is in its own code.
        error: what was raised.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown_path(error.filename)}:{error.lineno or 1}"
    return _place_in(source, traceback.walk_tb(error.__traceback__ if error is not None else None))


def _place_in(source: PluginSource, stack: Iterable[StackLine]) -> str:
    """Return file and line of the innermost frame of a plugin's own code; its first line when there is none, or empty.

    Args:
        source: the plugin.
        stack: outermost frame first.
    """
    place = f"{shown_path(source.file)}:1" if source.file is not None else ""
    for frame, line in stack:
        name = str(frame.f_globals.get("__name__"))
        if name == source.package or name.startswith(f"{source.package}."):
            place = f"{shown_path(frame.f_code.co_filename)}:{line}"
    return place


def _misfits(plugin: object, manager: pluggy.PluginManager) -> Iterator[tuple[str, str]]:
    """Find the hooks of a plugin that would not be called as they are meant; give place and description."""
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        is_forgotten = options is None and name in HOOKS
        if options is None and not is_forgotten:
            continue
        function = getattr(plugin, name)
        code = getattr(inspect.unwrap(function), "__code__", None)
        place = f"{shown_path(code.co_filename)}:{code.co_firstlineno}" if code is not None else ""
        hook = (options.get("specname") if options is not None else None) or name
        if options is None:
            yield place, f"{name} is not marked as a hook; write @hookimpl above it (from tigrest.plugins import hookimpl)"
        elif hook in HOOKS:
            yield from ((place, text) for text in _misfit(hook, function, HOOKS[hook]))
        elif not options.get("optionalhook"):
            near = nearest(hook, HOOKS)
            yield place, f"there is no hook {hook}; " + (f"did you mean {near}?" if near else f"there is {', '.join(HOOKS)}")


def _misfit(hook: str, function: Callable[..., object], specified: Callable[..., object]) -> Iterator[str]:
    if inspect.iscoroutinefunction(function):
        yield f"{hook} is async, and hooks are not awaited; write def"
    known = [name for name in inspect.signature(specified).parameters if name != "self"]
    for name, parameter in inspect.signature(function).parameters.items():
        is_given = parameter.default is not parameter.empty or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name not in known and not is_given:
            yield f"{hook} has no argument {name}; there are {', '.join(known)}"
