"""Parts that are commands: a function, declared once, that every frontend can call."""

from __future__ import annotations

import inspect
import keyword
import re
import types
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, Literal, TypeVar

import docstring_parser

from tigrest.errors import ScriptError, TigrestError
from tigrest.scripting.argument_types import ArgumentType
from tigrest.scripting.arguments import UnknownType, argument_type
from tigrest.scripting.handler import ROLES, Handler, Role
from tigrest.scripting.parts import Claim, Part, Source
from tigrest.scripting.result_types import ResultType, UnknownResult
from tigrest.scripting.signature import Getter, Invocation
from tigrest.service import Service

F = TypeVar("F", bound=Callable[..., Any])

Effect = Literal["read", "write"]
EFFECTS: tuple[Effect, ...] = ("read", "write")

Need = Callable[[Service], Awaitable[str]]
"""Tells what the XMPP server lacks for a command: the reason, in a phrase for people; the empty text when it lacks nothing."""

MAX_VERSION = 999_999
"""Highest version that a command may have."""

SPECIFICATIONS: Final = "__tigrest_commands__"
"""Attribute of a function with what is declared of it."""

_DECLARED: Final = "__tigrest_declared__"
"""Variable of a script with all that is declared in it, also what another function of the same name has replaced."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ROUTE = re.compile(r"(GET|POST|PUT|DELETE) ((?:/(?:[a-z0-9_-]+|\{[a-z][a-z0-9_]*\}))+)")


class _Missing:
    """Mark an argument without a default."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""Default of an argument that has to be given."""


@dataclass(frozen=True, kw_only=True)
class Specification:
    """What the decorator says of a command; see :func:`command`."""

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

    ejabberd Developer Guide, "API"; MongooseIM 5.1, "mongoose_commands"
    """
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
    )

    def declare(function: F) -> F:
        setattr(function, SPECIFICATIONS, [*getattr(function, SPECIFICATIONS, ()), specification])
        module = getattr(inspect.unwrap(function), "__globals__", {})
        module.setdefault(_DECLARED, []).append((specification, function))
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
        parsed = _parsed(self.invocation.method)
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


def commands_of(module: types.ModuleType, source: Source) -> Iterator[Command]:
    """Compile the commands of a script.

    Args:
        module: the script as a module.
        source: the script.

    Raises:
        ScriptError: it declares none, one cannot be used, or it has a handler, which would not be served.
    """
    members = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    for value in members:
        if isinstance(value, type) and issubclass(value, Handler):
            raise ScriptError(source.path, 1, f"{value.__name__} is a handler; those live in [scripts] dirs, commands in command_dirs")
    functions = [value for value in dict.fromkeys(value for value in members if callable(value)) if hasattr(value, SPECIFICATIONS)]
    if not functions:
        cure = "decorate a function with @command(), or let the file's name begin with _ when it is a helper"
        raise ScriptError(source.path, 1, f"declares no command: {cure}")
    _expect_all(functions, module, source)
    for function in functions:
        for specification in getattr(function, SPECIFICATIONS):
            yield _Compilation(source, function, specification).compile()


def _expect_all(functions: Iterable[Any], module: types.ModuleType, source: Source) -> None:
    """Check that a script still has all commands that it declares: Python keeps the last of several functions of one name.

    Raises:
        ScriptError: it does not.
    """
    kept = [specification for function in functions for specification in getattr(function, SPECIFICATIONS)]
    for specification, function in vars(module).get(_DECLARED, ()):
        if not any(specification is each for each in kept) and getattr(function, "__module__", None) == module.__name__:
            name = specification.name or function.__name__
            cure = "give each version's function a name of its own, and the command's name to @command()"
            raise ScriptError(source.path, _line(function), f"command {name}: another {function.__name__} below replaces it; {cure}")


def expect_no_commands(values: Iterable[object], source: Source) -> None:
    """Refuse commands in a script of handlers.

    Raises:
        ScriptError: there is one.
    """
    for value in values:
        if hasattr(value, SPECIFICATIONS) and not isinstance(value, type):
            name = getattr(value, "__name__", "it")
            raise ScriptError(source.path, _line(value), f"{name} is a command; those live in [scripts] command_dirs, handlers in dirs")


class _Compilation:
    """The work on one command."""

    def __init__(self, source: Source, function: Callable[..., Any], specification: Specification) -> None:
        self._source, self._function, self._specification = source, function, specification
        self._name: Any = function.__name__ if specification.name is None else specification.name

    def compile(self) -> Command:
        """Check what is declared, and make the command."""
        self._check()
        arguments = tuple(self._arguments())
        try:
            result = ResultType(self._annotation("return", None))
        except UnknownResult as error:
            raise self._error(f"its result cannot be described: {error}") from None
        command = Command(
            path=self._source.path,
            relative=self._source.relative,
            name=self._name,
            handler=self._function,
            timeout=None,
            line=_line(self._function),
            version=self._specification.version,
            specification=self._specification,
            arguments=arguments,
            result=result,
            invocation=_invocation(self._function),
        )
        self._check_route(arguments)
        self._check_renamed({argument.name for argument in arguments})
        return command

    def _check(self) -> None:
        given = self._specification
        if not isinstance(self._name, str) or not _NAME.fullmatch(self._name):
            raise self._error(f"name {self._name!r} is none: use lower-case letters, digits and underscores, at most 64, a letter first")
        if re.fullmatch(r"v[0-9]+", self._name):
            raise self._error("its name would be taken for a version in paths; choose another")
        if isinstance(given.version, bool) or not isinstance(given.version, int) or not 0 <= given.version <= MAX_VERSION:
            raise self._error(f"version is {given.version!r}; use a whole number from 0 to {MAX_VERSION}")
        if given.role not in ROLES:
            raise self._error(f'role is {given.role!r}; use None, "user" or "admin"')
        if given.effect not in EFFECTS:
            raise self._error(f'effect is {given.effect!r}; use "read" or "write"')
        if not all(isinstance(tag, str) and tag for tag in given.tags):
            raise self._error(f"tags are {given.tags!r}; use texts")
        if not all(isinstance(error, type) and issubclass(error, TigrestError) for error in given.errors):
            raise self._error("errors names something else than errors of tigrest, such as NoSuchUser")
        if not all(callable(need) for need in given.needs):
            raise self._error("needs names something else than functions")
        if inspect.isgeneratorfunction(self._function) or inspect.isasyncgenfunction(self._function):
            raise self._error("it yields; return the whole result")

    def _check_route(self, arguments: Sequence[Argument]) -> None:
        route = self._specification.route
        if route is None:
            return
        if not isinstance(route, str) or not (match := _ROUTE.fullmatch(route)):
            raise self._error(f'route is {route!r}; use method and path such as "GET /contacts/{{caller}}"')
        if match[1] == "GET" and self._specification.effect != "read":
            raise self._error('route begins with GET, and the command changes something: use POST, or effect = "read"')
        unknown = set(re.findall(r"{([^}]*)}", match[2])) - {argument.name for argument in arguments}
        if unknown:
            raise self._error(f"route names {min(unknown)!r}, which is no argument")

    def _check_renamed(self, names: set[str]) -> None:
        for before, now in self._specification.renamed.items():
            if now not in names:
                raise self._error(f"renamed says that {before!r} is {now!r} now, which is no argument")
            if before in names:
                raise self._error(f"renamed says that {before!r} is {now!r} now, but there is an argument {before!r}")

    def _arguments(self) -> Iterator[Argument]:
        parameters = iter(inspect.signature(self._function).parameters.values())
        first = next(parameters, None)
        if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
            raise self._error("its first argument is the context: write ctx: CommandContext")
        described = {parameter.arg_name: parameter.description or "" for parameter in _parsed(self._function).params}
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise self._error(f"argument *{parameter.name} has no name for callers; name each argument")
            annotation = self._annotation(parameter.name, str)
            try:
                kind = argument_type(annotation)
            except UnknownType as error:
                raise self._error(f"annotation {annotation!r} of argument {parameter.name!r} is not understood: {error}") from None
            default: Any = parameter.default
            if default is parameter.empty:
                default = None if kind.is_optional else MISSING
            name = _argument_name(parameter.name)
            description = described.get(name) or described.get(parameter.name, "")
            yield Argument(name, kind, " ".join(description.split()), default)

    def _annotation(self, name: str, otherwise: Any) -> Any:
        function = inspect.unwrap(self._function)
        annotation = getattr(function, "__annotations__", {}).get(name, otherwise)
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, getattr(function, "__globals__", {}))  # noqa: S307 - the script's own code
        except Exception as error:
            raise self._error(f"annotation {annotation!r} of {name!r} cannot be evaluated: {error}") from None

    def _error(self, problem: str) -> ScriptError:
        return ScriptError(self._source.path, _line(self._function), f"command {self._name}: {problem}")


def _invocation(function: Callable[..., Any]) -> Invocation:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return Invocation(
        method=function,
        arguments=(lambda call: call.context, *[_getter(each.name) for each in parameters if each.kind is not each.KEYWORD_ONLY]),
        keywords={each.name: _getter(each.name) for each in parameters if each.kind is each.KEYWORD_ONLY},
        rest=None,
        names=frozenset(),
        is_coroutine=inspect.iscoroutinefunction(inspect.unwrap(function)),
        group_names={},
        group_kinds={},
        models={},
    )


def _getter(parameter: str) -> Getter:
    name = _argument_name(parameter)
    return lambda call: call.values[name]


def _argument_name(parameter: str) -> str:
    """Return the name of an argument by that of the parameter: Python has no parameter ``from``, so it is ``from_`` there."""
    name = parameter.removesuffix("_")
    return name if keyword.iskeyword(name) else parameter


def _parsed(function: Callable[..., Any]) -> docstring_parser.Docstring:
    return docstring_parser.parse(inspect.getdoc(function) or "", docstring_parser.DocstringStyle.GOOGLE)


def _line(function: Any) -> int:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return int(getattr(code, "co_firstlineno", 1))
