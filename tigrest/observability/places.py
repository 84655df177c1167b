"""Places in code, as the log names them: file, line and name."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any

from tigrest.paths import shown_path


def place_of(function: Any) -> str:
    """Return file, line and name of a function, method or coroutine: ``scripts/rest/a.py:3: A.exec_get``.

    Args:
        function: whatever was called; of what has no code only the name is known.
    """
    inner = inspect.unwrap(getattr(function, "__func__", function)) if callable(function) else function
    code: CodeType | None = getattr(inner, "__code__", None) or getattr(inner, "cr_code", None)
    name: str = getattr(inner, "__qualname__", None) or repr(inner)
    return name if code is None else place_of_code(code)


def place_of_code(code: CodeType) -> str:
    """Return file, line and name of a function that was compiled."""
    return f"{shown_path(code.co_filename)}:{code.co_firstlineno}: {code.co_qualname}"


def innermost(error: BaseException | None, matches: Callable[[str], bool]) -> str:
    """Return the innermost line of an error's traceback, or of its cause's, that lies in certain files: ``scripts/rest/a.py:7``.

    Args:
        error: the error.
        matches: tells whether a file counts.

    Returns:
        The line; empty when there is none.
    """
    if error is None:
        return ""
    lines = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__) if matches(frame.f_code.co_filename)
    ]
    return f"{shown_path(lines[-1][0])}:{lines[-1][1]}" if lines else innermost(error.__cause__, matches)
