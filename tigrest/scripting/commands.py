"""Parts that are commands: a function, declared once, that every frontend can call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Final, Literal, TypeVar

import docstring_parser

from tigrest.errors import TigrestError
from tigrest.scripting.argument_types import ArgumentType
from tigrest.scripting.handler import Role
from tigrest.scripting.parts import Claim, Part
from tigrest.scripting.result_types import ResultType
from tigrest.scripting.signature import Invocation
from tigrest.service import Service

F = TypeVar("F", bound=Callable[..., Any])

Effect = Literal["read", "write"]
EFFECTS: tuple[Effect, ...] = ("read", "write")

Need = Callable[[Service], Awaitable[str]]
"""Tells what the XMPP server lacks for a command: the reason, in a phrase for people; the empty text when it lacks nothing."""

MAX_VERSION = 999_999
"""Highest version that a command may have."""

PARSED_DOCSTRINGS = 1024
"""Entries of the cache of parsed docstrings: those of all commands."""

SPECIFICATIONS: Final = "__tigrest_commands__"
"""Attribute of a function with what is declared of it."""

DECLARED: Final = "__tigrest_declared__"
"""Variable of a script with all that is declared in it, also what another function of the same name has replaced."""


class _Missing:
    """Mark an argument without a default."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Default of an argument that has to be given."""


@dataclass(frozen=True, kw_only=True)
class Specification:
    """Declaration of a command by its decorator; see :func:`command`."""

    name: str | None
    version: int
    tags: tuple[str, ...]
    role: Role
    effect: Effect
    errors: tuple[type[TigrestError], ...]
    example: Any
    needs: tuple[Need, ...]
    route: str | None
    result: str
    renamed: Mapping[str, str]
    about: tuple[str, ...] | None
    secret_result: bool
    dashes: tuple[str, ...]


def command(
    name: str | None = None,
    *,
    version: int = 0,
    tags: Sequence[str] = (),
    role: Role = "admin",
    effect: Effect = "write",
    errors: Sequence[type[TigrestError]] = (),
    example: Mapping[str, object] | tuple[Mapping[str, object], object] | None = None,
    needs: Sequence[Need] = (),
    route: str | None = None,
    result: str = "",
    renamed: Mapping[str, str] | None = None,
    about: Sequence[str] | None = None,
    secret_result: bool = False,
    dashes: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declare that a function of a script in ``scripts/commands`` is a command. It is checked when the script is loaded.

    The function takes a :class:`tigrest.commands.context.CommandContext`, and the arguments of the command by their types; its
    docstring (Google's sections) describes them. A name that is a keyword of Python gets a ``_``: ``from_`` is the argument ``from``.

    Args:
        name: lower-case letters, digits and underscores; by default that of the function.
        version: of this definition, from 0. Callers of version N get the definition with the largest version up to N.
        tags: for grouping in lists; the first one is the category.
        role: what the caller has to be: ``admin``, ``user``, or ``None`` for anybody.
        effect: ``read`` when it only tells, so that GET may run it; ``write`` when it changes something.
        errors: exceptions that it may raise; for the documentation.
        example: arguments, or arguments and result; for the documentation.
        needs: what the XMPP server must be able to do; each returns the reason when it cannot.
        route: a further method and path below ``/api``, e.g. ``GET /contacts/{caller}`` with an argument as a segment.
        result: name of the result, where ejabberd's clients expect one.
        renamed: names that arguments had before, which callers may still use, each with the present one: ``{"name": "room"}``.
        about: arguments with the addresses of all accounts that it is about, for permissions such as ``own``; by default what
            :func:`tigrest.auth.permission_entries.owners_of` finds by the names of arguments.
        secret_result: whether the result may not be stored, not even for those who repeat a request with its ``Idempotency-Key``.
        dashes: arguments for which ``-`` on the command line is a value of its own, and not what standard input has.

    Raises:
        TypeError: it decorates a function without being called.

    ejabberd Developer Guide, "API"; MongooseIM 5.1, "mongoose_commands"
    """
    if callable(name):
        raise TypeError(f"write @command() with parentheses above {getattr(name, '__name__', 'the function')}")
    specification = Specification(
        name=name,
        version=version,
        tags=tuple(tags),
        role=role,
        effect=effect,
        errors=tuple(errors),
        example=example,
        needs=tuple(needs),
        route=route,
        result=result,
        renamed=dict(renamed or {}),
        about=None if about is None else tuple(about),
        secret_result=secret_result,
        dashes=tuple(dashes),
    )

    def declare(function: F) -> F:
        setattr(function, SPECIFICATIONS, [*getattr(function, SPECIFICATIONS, ()), specification])
        module = getattr(inspect.unwrap(function), "__globals__", {})
        module.setdefault(DECLARED, []).append((specification, function))
        return function

    return declare


@dataclass(frozen=True)
class Argument:
    """An argument of a command.

    Args:
        name: of it.
        type: knows how values are written.
        description: for people; may be empty.
        default: the value when it is not given; :data:`MISSING` when it has to be.
    """

    name: str
    type: ArgumentType[Any]
    description: str
    default: Any = MISSING

    @property
    def is_required(self) -> bool:
        """Return whether it has to be given."""
        return self.default is MISSING


@dataclass(slots=True)
class FunctionCall:
    """A call of a command as the arguments of its function.

    Args:
        context: of the call; the first argument.
        values: the others, by name.
    """

    context: Any
    values: Mapping[str, Any]


@dataclass(eq=False, kw_only=True)
class Command(Part):
    """A loaded command.

    Args:
        version: of this definition.
        specification: what the decorator says of it.
        arguments: of the function, without the context.
        result: the type of what it returns.
        invocation: how to call it.
    """

    cure: ClassVar[str] = "give one of them another name or version"

    version: int
    specification: Specification
    arguments: tuple[Argument, ...]
    result: ResultType
    invocation: Invocation

    @property
    def tags(self) -> tuple[str, ...]:
        """Return its tags."""
        return self.specification.tags

    @property
    def role(self) -> Role:
        """Return the role it requires."""
        return self.specification.role

    @property
    def is_read(self) -> bool:
        """Return whether it only tells."""
        return self.specification.effect == "read"

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Return the HTTP methods that call it: GET too when it only tells, and takes no secret, which logs would have."""
        is_safe = self.is_read and not any(argument.type.is_secret for argument in self.arguments)
        return ("GET", "POST") if is_safe else ("POST",)

    @property
    def needs(self) -> tuple[Need, ...]:
        """Return what the XMPP server must be able to do."""
        return self.specification.needs

    @property
    def renamed(self) -> Mapping[str, str]:
        """Return the present names of arguments by those that they had before."""
        return self.specification.renamed

    @property
    def about(self) -> tuple[str, ...] | None:
        """Return the arguments with the addresses of all accounts that it is about; ``None`` where their names tell."""
        return self.specification.about

    @property
    def uris(self) -> tuple[str, ...]:
        """Return none: it is no handler."""
        return ()

    @property
    def category(self) -> str:
        """Return the first of its tags, or the name of its file."""
        return self.tags[0] if self.tags else self.path.stem

    @property
    def title(self) -> str:
        """Return its name with the version."""
        return f"{self.name}/v{self.version}" if self.version else self.name

    @property
    def rank(self) -> tuple[str | int, ...]:
        """Return the sort key: by name, then version."""
        return self.name, self.version

    @cached_property
    def route(self) -> tuple[str, str] | None:
        """Return method and path of its further place below ``/api``, if it has one."""
        if self.specification.route is None:
            return None
        method, _, path = self.specification.route.partition(" ")
        return method, path

    @cached_property
    def summary(self) -> str:
        """Return the first line of the docstring, without the full stop."""
        return self._documentation[0]

    @cached_property
    def text(self) -> str:
        """Return what the docstring says besides, in Markdown; may be empty."""
        return self._documentation[1]

    @cached_property
    def result_text(self) -> str:
        """Return what the docstring says of the result; may be empty."""
        return self._documentation[2]

    @cached_property
    def _documentation(self) -> tuple[str, str, str]:
        parsed = parsed_docstring(self.invocation.method)
        returns = parsed.returns.description if parsed.returns is not None else ""
        return (parsed.short_description or "").rstrip("."), parsed.long_description or "", returns or ""

    @cached_property
    def example(self) -> tuple[Mapping[str, Any], Any] | None:
        """Return arguments and result to show; the result is :data:`MISSING` when only arguments were given."""
        example = self.specification.example
        if example is None:
            return None
        return example if isinstance(example, tuple) else (example, MISSING)

    def claims(self) -> Iterator[Claim]:
        """Return name and version, and its further place."""
        yield Claim("command", "", f"{self.name}, version {self.version}")
        if self.route is not None:
            method, path = self.route
            yield Claim(method, "/api", f"{re.sub(r'{[^}]*}', '{}', path)}, version {self.version}")


def parsed_docstring(function: Callable[..., Any]) -> docstring_parser.Docstring:
    """Parse the docstring of a command's function, which has Google's sections."""
    return _parse_docstring(function.__doc__ or inspect.getdoc(function) or "")


@lru_cache(maxsize=PARSED_DOCSTRINGS)
def _parse_docstring(text: str) -> docstring_parser.Docstring:
    return docstring_parser.parse(text, docstring_parser.DocstringStyle.GOOGLE)
