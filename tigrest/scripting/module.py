"""Execute the bytes of a script as a new module, within a time limit.

Python's own import machinery caches bytecode by whole-second time and size, so that two quick edits load the old text:
scripts and their helpers are compiled from their bytes here, which are also the key of what is cached.
"""

from __future__ import annotations

import ast
import ctypes
import sys
import threading
import traceback
import types
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from tigrest.errors import ScriptError

LOAD_SECONDS = 10.0
"""Seconds a script may take to execute; then it is reported as broken."""


COMPILED_SOURCES = 256
"""Entries of the caches of what is derived from the bytes of a script or helper alone."""


_BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
"""Fields of statements with statements."""


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
        code = compile_source(source, str(path))
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


@lru_cache(maxsize=COMPILED_SOURCES)
def compile_source(source: bytes, path: str) -> types.CodeType:
    """Compile the bytes of a script or helper, or return the code of the last time: each module that runs it has variables of its own.

    Args:
        source: the bytes.
        path: its file, for tracebacks.

    Raises:
        SyntaxError: it is not Python.
        ValueError: it contains NUL bytes.
    """
    return compile(source, path, "exec", dont_inherit=True)


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Give the statements of a script, those in others too, breadth first as ``ast.walk``; without expressions, which are most nodes.

    Args:
        tree: the script.
    """
    waiting: deque[ast.AST] = deque(tree.body)
    while waiting:
        node = waiting.popleft()
        yield node
        for block in _BLOCKS:
            waiting.extend(getattr(node, block, ()))


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
    cure = f"; install what has it: {sys.executable} -m pip install …" if isinstance(error, ModuleNotFoundError) else ""
    return ScriptError(path, line, f"{type(error).__name__}: {error}{cure}")
