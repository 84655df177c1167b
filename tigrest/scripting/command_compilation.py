"""Scripts → commands: what their functions declare is checked, and compiled."""

from __future__ import annotations

import inspect
import keyword
import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tigrest.errors import ScriptError, TigrestError
from tigrest.scripting.arguments import UnknownType, argument_type
from tigrest.scripting.commands import (
    DECLARED,
    EFFECTS,
    MAX_VERSION,
    MISSING,
    SPECIFICATIONS,
    Argument,
    Command,
    Specification,
    parsed_docstring,
)
from tigrest.scripting.handler import ROLES, Handler
from tigrest.scripting.parts import Source
from tigrest.scripting.result_types import InvalidOutcome, ResultType, UnknownResult
from tigrest.scripting.signature import Getter, Invocation

TAKEN = {"docs": "the documentation at /api/docs", "completion": "what tigrest ctl has itself"}
"""Names by which a command could not be called."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ROUTE = re.compile(r"(GET|POST|PUT|DELETE) ((?:/(?:[a-z0-9_-]+|\{[a-z][a-z0-9_]*\}))+)")


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
    for specification, function in vars(module).get(DECLARED, ()):
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
        names = {argument.name for argument in arguments}
        for word, named in (("about", self._specification.about or ()), ("dashes", self._specification.dashes)):
            if unknown := set(named) - names:
                raise self._error(f"{word} names {min(unknown)!r}, which is no argument")
        self._check_example(command)
        return command

    def _check(self) -> None:
        given = self._specification
        if not isinstance(self._name, str) or not _NAME.fullmatch(self._name):
            raise self._error(f"name {self._name!r} is none: use lower-case letters, digits and underscores, at most 64, a letter first")
        if self._name in TAKEN:
            raise self._error(f"its name is that of {TAKEN[self._name]}; choose another")
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

    def _check_example(self, command: Command) -> None:
        if command.example is None:
            return
        given, result = command.example
        types = {argument.name: argument.type for argument in command.arguments}
        for name, value in given.items():
            if name not in types:
                raise self._error(f"example has {name!r}, which is no argument")
            try:
                types[name].parse_json(value)
            except ValueError as error:
                raise self._error(f"example does not fit: {name}: {error}") from None
        if result is not MISSING:
            try:
                command.result.plain_example(result)
            except InvalidOutcome as error:
                raise self._error(f"example does not fit: the result: {error}") from None

    def _arguments(self) -> Iterator[Argument]:
        parameters = iter(inspect.signature(self._function).parameters.values())
        first = next(parameters, None)
        if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
            raise self._error("its first argument is the context: write ctx: CommandContext")
        if not _may_be_context(self._annotation(first.name, None)):
            name = self._function.__name__
            raise self._error(f"its first argument is the context: write {name}(ctx: CommandContext, {first.name}: …)")
        described = {parameter.arg_name: parameter.description or "" for parameter in parsed_docstring(self._function).params}
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


def _may_be_context(annotation: object) -> bool:
    """Return whether a first parameter can be the context: one that is annotated as an argument is what somebody wrote who forgot it."""
    if annotation is None:
        return True
    try:
        argument_type(annotation)
    except UnknownType:
        return True
    return False


def _getter(parameter: str) -> Getter:
    name = _argument_name(parameter)
    return lambda call: call.values[name]


def _argument_name(parameter: str) -> str:
    """Return the name of an argument by that of the parameter: Python has no parameter ``from``, so it is ``from_`` there."""
    name = parameter.removesuffix("_")
    return name if keyword.iskeyword(name) else parameter


def _line(function: Any) -> int:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return int(getattr(code, "co_firstlineno", 1))
