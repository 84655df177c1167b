"""Check the attributes of handler classes, and find their lines in the script."""

from __future__ import annotations

import ast
import inspect
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from tigrest.errors import ScriptError
from tigrest.scripting.handler import ROLES, Handler
from tigrest.scripting.misspelt import ATTRIBUTES, misspelt
from tigrest.scripting.module import COMPILED_SOURCES, statements
from tigrest.scripting.patterns import may_match_path, with_slash

PARSES = 10
"""Most attempts to parse a script."""


class Lines:
    """Line numbers of classes, attributes and methods in a script's text.

    Args:
        data: the text.
    """

    def __init__(self, data: bytes) -> None:
        self._lines: dict[tuple[str, str], int] = {}
        for node in statements(_tree(data)):
            if not isinstance(node, ast.ClassDef):
                continue
            self._lines[node.name, ""] = node.lineno
            for member in node.body:
                for name in _names_bound(member):
                    self._lines[node.name, name] = member.lineno

    def of(self, cls: type, member: str = "") -> int:
        """Return the line of a member, or of the class when it does not define it itself."""
        return self._lines.get((cls.__name__, member)) or self._lines.get((cls.__name__, ""), 1)


@lru_cache(maxsize=COMPILED_SOURCES)
def member_lines(data: bytes) -> Lines:
    """Return the line numbers of a script's text.

    Args:
        data: the text, which compiles.
    """
    return Lines(data)


def _tree(data: bytes) -> ast.Module:
    """Parse a script that compiles; again when another thread parses meanwhile, which some releases of Python 3.11 and 3.12 cannot bear.

    https://github.com/python/cpython/issues/106905
    """
    for _ in range(PARSES - 1):
        try:
            return ast.parse(data)
        except SystemError:
            continue
    return ast.parse(data)


def _names_bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def wrong(path: Path, cls: type[Handler], lines: Lines, attribute: str, cure: str) -> ScriptError:
    """Say what is wrong with an attribute.

    Args:
        path: the script.
        cls: the handler class.
        lines: of the script.
        attribute: its name.
        cure: what to write instead.
    """
    shown = getattr(cls, attribute)
    return ScriptError(path, lines.of(cls, attribute), f"{cls.__name__}.{attribute} is {shown!r}; {cure}")


def pattern_of(path: Path, cls: type[Handler], lines: Lines) -> re.Pattern[str]:
    """Compile the pattern of a handler class; one with a ``uri`` needs none.

    Raises:
        ScriptError: it has none, or one that is no regular expression.
    """
    regex: Any = cls.regex
    if cls.uri is None and not any("regex" in vars(base) for base in cls.__mro__ if base is not Handler):
        raise ScriptError(path, lines.of(cls), f'{cls.__name__} has no regex; add one such as regex = r"/hello/([^/]+)"')
    if not isinstance(regex, str):
        raise wrong(path, cls, lines, "regex", 'use a text such as r"/hello/([^/]+)"')
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise wrong(path, cls, lines, "regex", f"not a regular expression: {error}") from None
    if not may_match_path(pattern):
        cure = f'what follows a folder in a path is empty or begins with "/", so that this matches nothing; write r"{with_slash(regex)}"'
        raise wrong(path, cls, lines, "regex", cure)
    return pattern


def validate(path: Path, cls: type[Handler], lines: Lines) -> None:
    """Check the attributes of a handler class, but for those that say what it is for.

    Raises:
        ScriptError: one has a value that is not allowed, or a name that is nearly one of ours.
    """
    for base, name, problem in misspelt(cls):
        shown = f"{base.__name__}.{name}" if base is cls else f"{base.__name__}.{name}, which {cls.__name__} inherits,"
        raise ScriptError(path, lines.of(base, name) if base.__module__ == cls.__module__ else lines.of(cls), f"{shown} {problem}")
    if cls.requiredRole not in ROLES:
        raise wrong(path, cls, lines, "requiredRole", 'use None, "user" or "admin"')
    for attribute in ("isAsync", "decodeContent", "apiKey", "checkOrigin", "hookSigned", "takesUploads"):
        if not isinstance(getattr(cls, attribute), bool):
            raise wrong(path, cls, lines, attribute, "use True or False")
    if not isinstance(cls.idempotencyKey, bool) and cls.idempotencyKey != "own":
        raise wrong(path, cls, lines, "idempotencyKey", 'use True or False, or "own" where the handler reads the header itself')
    if cls.takesUploads and cls.decodeContent:
        raise wrong(path, cls, lines, "takesUploads", "add decodeContent = False: a body that is decoded is read as a whole")
    if cls.timeout is not None and (not isinstance(cls.timeout, int | float) or isinstance(cls.timeout, bool) or cls.timeout <= 0):
        raise wrong(path, cls, lines, "timeout", "use seconds above 0, or None")
    if cls.maxBody is not None and (not isinstance(cls.maxBody, int) or isinstance(cls.maxBody, bool) or cls.maxBody <= 0):
        raise wrong(path, cls, lines, "maxBody", "use a number of bytes above 0, or None")
    if cls.description is not None and not isinstance(cls.description, dict):
        raise wrong(path, cls, lines, "description", 'use a dict such as {"regex": "/{jid}", "GET": {"info": "…"}}')
    if not callable(cls.authRequired) or inspect.iscoroutinefunction(cls.authRequired):
        raise wrong(path, cls, lines, "authRequired", "write def authRequired(self, api_key)")


AWAITED: dict[str, tuple[str, ...]] = {"startup": ("service",), "shutdown": ()}
"""Methods that are awaited when a script is taken up and given up, with what they are given."""


def validate_instance(path: Path, handler: Handler, lines: Lines) -> None:
    """Check that a handler's constructor sets no attribute that is read from the class, and that its hooks can be awaited.

    Raises:
        ScriptError: it does, or ``startup`` or ``shutdown`` cannot.
    """
    for name, arguments in AWAITED.items():
        _check_hook(path, handler, lines, name, arguments)
    for name in vars(handler):
        if name in ATTRIBUTES:
            cls = type(handler)
            raise ScriptError(
                path, lines.of(cls, "__init__"), f"{cls.__name__}.{name} is set in the constructor; set it in the class, where it is read"
            )


def _check_hook(path: Path, handler: Handler, lines: Lines, name: str, arguments: tuple[str, ...]) -> None:
    hook = getattr(handler, name, None)
    if hook is None:
        return
    cls = type(handler)
    cure = f"write async def {name}({', '.join(['self', *arguments])})"
    if not inspect.iscoroutinefunction(inspect.unwrap(getattr(hook, "__func__", hook))):
        raise ScriptError(path, lines.of(cls, name), f"{cls.__name__}.{name} cannot be awaited: {cure}")
    try:
        inspect.signature(hook).bind(*arguments)
    except TypeError as error:
        given = arguments[0] if arguments else "no argument"
        raise ScriptError(path, lines.of(cls, name), f"{cls.__name__}.{name} cannot be called with {given}: {error}; {cure}") from None
