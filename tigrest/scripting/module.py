"""Executing the bytes of a script as a fresh module, with a bound on time.

Python's own import machinery caches bytecode by whole-second time and size, so that two quick edits load the old text:
scripts and their helpers are compiled from their bytes here, always.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
import traceback
import types
from collections.abc import Callable, Sequence
from pathlib import Path

from tigrest.errors import ScriptError

LOAD_SECONDS = 10.0
"""How long a script may take to execute before it is reported as broken."""

PACKAGE = "_tigrest_scripts"
"""Prefix of the packages that stand for script folders, so that ``from ._helper import x`` works in scripts."""


class _Overdue(BaseException):
    """Raised inside a script that takes too long to load."""


def execute(path: Path, source: bytes, name: str, package: str, seconds: float = LOAD_SECONDS) -> types.ModuleType:
    """Run a script as a new module.

    Args:
        path: its file, for messages and tracebacks.
        source: its bytes.
        name: name of the module.
        package: package for its relative imports; empty for none.
        seconds: how long it may take.

    Raises:
        ScriptError: it does not compile, raises, exits or takes too long.
    """
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ScriptError(error.filename or path, error.lineno or 1, f"SyntaxError: {error.msg}") from None
    except ValueError as error:  # NUL bytes
        raise ScriptError(path, 1, f"not Python source: {error}") from None
    module = types.ModuleType(name)
    module.__file__ = str(path)
    module.__package__ = package
    previous = sys.modules.get(name)
    sys.modules[name] = module
    try:
        run_bounded(lambda: exec(code, module.__dict__), path, seconds)  # noqa: S102 - running scripts is what we are for
    except BaseException:
        if previous is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = previous
        raise
    return module


def run_bounded(run: Callable[[], object], path: Path, seconds: float) -> None:
    """Run a part of a script in a thread of its own, for a bounded time.

    Raises:
        ScriptError: it raised, exited or took too long; then the thread is told to stop.
    """
    failure: list[BaseException] = []

    def target() -> None:
        try:
            run()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=target, name=f"load {path.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        line = _current_line(thread, path)
        _interrupt(thread)
        raise ScriptError(path, line, f"still loading after {seconds:g} s; move slow work out of the module into startup()")
    if failure:
        raise script_error(path, failure[0])


def _interrupt(thread: threading.Thread) -> None:
    """Raise in another thread at its next bytecode; a thread that waits in C is left behind."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Overdue))
    thread.join(0.5)


def _current_line(thread: threading.Thread, path: Path) -> int:
    frame = sys._current_frames().get(thread.ident or 0)
    lines = [at for found, at in traceback.walk_stack(frame) if found.f_code.co_filename == str(path)] if frame else []
    return lines[0] if lines else 1


def script_error(path: Path, error: BaseException) -> ScriptError:
    """Say what went wrong in a script, at the deepest line of its own text."""
    if isinstance(error, ScriptError):
        return error
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = frames[-1].lineno or 1 if frames else 1
    if isinstance(error, SyntaxError):  # of a helper it imports
        return ScriptError(error.filename or path, error.lineno or line, f"SyntaxError: {error.msg}")
    if isinstance(error, SystemExit):
        return ScriptError(path, line, "the script calls sys.exit(); a handler script only defines classes")
    return ScriptError(path, line, f"{type(error).__name__}: {error}")


def package_of(root_index: int, folder: Path) -> str:
    """Name of the package that stands for a folder of scripts; empty when the folder's name cannot be part of one.

    Args:
        root_index: number of the scripts directory.
        folder: the folder relative to it.
    """
    parts = folder.parts
    return "" if any("." in part for part in parts) else ".".join([f"{PACKAGE}{root_index}", *parts])


class HelperFinder(importlib.abc.MetaPathFinder):
    """Finds folders and helper files (``_name.py``) of the scripts directories, and compiles helpers from their bytes.

    Args:
        roots: the scripts directories, in the order of :func:`package_of`.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = {f"{PACKAGE}{index}": root for index, root in enumerate(roots)}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a package or helper; ``None`` for everything that is not ours."""
        root_name, *rest = fullname.split(".")
        if root_name not in self._roots:
            return None
        place = self._roots[root_name].joinpath(*rest)
        if place.is_dir():
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        file = place.with_name(place.name + ".py")
        if not file.is_file():
            return None
        return importlib.util.spec_from_file_location(fullname, file, loader=_HelperLoader(fullname, str(file)))

    def install(self) -> None:
        """Take part in imports before all others, in the place of an earlier finder, and forget helpers loaded before."""
        self.uninstall()
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """No longer take part in imports."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, HelperFinder)]
        for name in [name for name in sys.modules if name.split(".")[0] in self._roots]:
            del sys.modules[name]


class _HelperLoader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True)
