"""Injection by signature, compiled once when a script is loaded."""

from __future__ import annotations

import enum
import inspect
import operator
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tigrest.auth.principal import Principal
from tigrest.errors import InvalidValue
from tigrest.scripting.handler import Role
from tigrest.service import Service
from tigrest.spelling import nearest
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

INJECTED = ("service", "callback", "user", "principal", "request", "content")
"""Names of arguments of ``exec_`` methods that are not groups of the pattern."""

HEARD = {
    "message": ("service", "stanza", "sender", "body"),
    "presence": ("service", "stanza", "sender"),
    "iq": ("service", "stanza", "sender"),
}
"""The same of ``on_`` methods, by kind of stanza."""

Group = str | None
Converter = Callable[[str], Any]


class SignatureError(Exception):
    """A method's arguments do not fit its pattern; the message says which and why."""


@dataclass(slots=True)
class Call:
    """One request as the arguments of a handler's method."""

    service: Service
    groups: tuple[Group, ...]
    callback: Callable[[Any], None] | None = None
    principal: Principal | None = None
    request: Any = None
    content: Any = None

    @property
    def user(self) -> JID | None:
        """Bare address of the caller; ``None`` when an API key stood in for a login."""
        return self.principal.jid if self.principal is not None else None


@dataclass(slots=True)
class StanzaCall:
    """One stanza as the arguments of a handler's method."""

    service: Service
    groups: tuple[Group, ...]
    stanza: Stanza
    sender: JID

    @property
    def body(self) -> str:
        """Text of the message."""
        return self.stanza.body


Getter = Callable[[Any], Any]
"""Takes an argument out of a :class:`Call` or :class:`StanzaCall`."""


@dataclass(frozen=True)
class Invocation:
    """A handler's method with its arguments worked out.

    Args:
        method: bound to its handler.
        arguments: getters of the positional arguments, in order.
        keywords: getters of the keyword-only arguments.
        rest: index from which ``*groups`` takes groups; ``None`` when there is no such argument.
        names: names of the arguments injected.
        is_coroutine: whether it is ``async def``.
        group_names: names of the arguments that take groups, by the group's index from 0.
    """

    method: Callable[..., Any]
    arguments: tuple[Getter, ...]
    keywords: Mapping[str, Getter]
    rest: Callable[[Any], tuple[Group, ...]] | None
    names: frozenset[str]
    is_coroutine: bool
    group_names: Mapping[int, str]

    def __call__(self, call: Call | StanzaCall) -> Any:
        """Run the method (or make its coroutine).

        Raises:
            InvalidValue: a group does not convert.
        """
        arguments = [get(call) for get in self.arguments]
        if self.rest is not None:
            arguments.extend(self.rest(call))
        if self.keywords:
            return self.method(*arguments, **{name: get(call) for name, get in self.keywords.items()})
        return self.method(*arguments)


def compile_signature(method: Callable[..., Any], pattern: re.Pattern[str], role: Role) -> Invocation:
    """Work out where each argument of an ``exec_`` method comes from.

    Args:
        method: ``exec_get`` and so on, bound to its handler.
        pattern: the handler's ``regex``.
        role: its ``requiredRole``; without one there is no ``user`` and no ``principal``.

    Raises:
        SignatureError: an argument has no source, or a group no argument.
    """
    _expect_method(method)
    if role is None and (asked := {"user", "principal"}.intersection(inspect.signature(method).parameters)):
        raise SignatureError(f'argument {min(asked)!r} needs a login: set requiredRole to "user" or "admin", or leave it out')
    return _compile(method, pattern, INJECTED, "regex")


def _expect_method(method: Any) -> None:
    if not callable(method):
        raise SignatureError("is no method; write async def or def")


def compile_listener(method: Callable[..., Any], kind: str, body: re.Pattern[str] | None) -> Invocation:
    """Work out where each argument of an ``on_`` method comes from.

    Args:
        method: ``on_message`` and so on, bound to its handler.
        kind: the kind of stanza that it is for.
        body: the pattern for the text of messages, if there is one.

    Raises:
        SignatureError: an argument has no source, or a group no argument.
    """
    _expect_method(method)
    return _compile(method, body or re.compile(""), HEARD[kind], "match.body")


def _compile(method: Callable[..., Any], pattern: re.Pattern[str], injected: Sequence[str], origin: str) -> Invocation:
    parameters = inspect.signature(method).parameters
    annotations = _annotations(method, injected)
    by_name = pattern.groupindex
    unnamed = [index for index in range(pattern.groups) if index + 1 not in by_name.values()]
    used: set[int] = set()
    positional: list[Getter] = []
    keywords: dict[str, Getter] = {}
    group_names: dict[int, str] = {}
    rest: Callable[[Any], tuple[Group, ...]] | None = None
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise SignatureError(f"**{name} takes nothing here; name the arguments you want")
        if parameter.kind is parameter.VAR_POSITIONAL:
            remaining = [index for index in range(pattern.groups) if index not in used]
            used.update(remaining)
            rest = _groups(remaining)
            continue
        getter: Getter
        if name in injected:
            getter = operator.attrgetter(name)
        else:
            index = by_name[name] - 1 if name in by_name else next((i for i in unnamed if i not in used), None)
            if index is None:
                raise SignatureError(_unknown_argument(name, pattern, injected, origin))
            used.add(index)
            group_names[index] = name
            getter = _group(index, name, annotations.get(name, str), parameter.default)
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[name] = getter
        else:
            positional.append(getter)
    if unused := [index for index in range(pattern.groups) if index not in used]:
        names = {index - 1: name for name, index in by_name.items()}
        which = ", ".join(names.get(index, f"number {index + 1}") for index in unused)
        raise SignatureError(f"no argument takes group {which} of {origin} {pattern.pattern!r}; add one, or write (?:…) for the group")
    names_taken = frozenset(name for name in parameters if name in injected)
    return Invocation(method, tuple(positional), keywords, rest, names_taken, inspect.iscoroutinefunction(method), group_names)


def _unknown_argument(name: str, pattern: re.Pattern[str], injected: Sequence[str], origin: str) -> str:
    near = nearest(name, [*injected, *pattern.groupindex])
    hint = f"; did you mean {near!r}?" if near else ""
    return f"argument {name!r} has no source: it is none of {', '.join(injected)}, and {origin} has {pattern.groups} group(s){hint}"


def _annotations(method: Callable[..., Any], injected: Sequence[str]) -> dict[str, Any]:
    """Annotations by argument, evaluated; those of injected arguments do not matter."""
    function = inspect.unwrap(getattr(method, "__func__", method))
    evaluated: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if name in injected or name == "return":
            continue
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, getattr(function, "__globals__", {}))  # noqa: S307 - the script's own code
            except Exception as error:
                raise SignatureError(f"annotation {annotation!r} of argument {name!r} cannot be evaluated: {error}") from None
        evaluated[name] = annotation
    return evaluated


def _groups(indices: list[int]) -> Callable[[Any], tuple[Group, ...]]:
    return lambda call: tuple(call.groups[index] for index in indices)


def _group(index: int, name: str, annotation: Any, default: Any) -> Getter:
    fallback = None if default is inspect.Parameter.empty else default
    convert = converter(annotation, name)
    if convert is None:
        return lambda call: fallback if (value := call.groups[index]) is None else value

    def get(call: Call | StanzaCall) -> Any:
        value = call.groups[index]
        if value is None:
            return fallback
        try:
            return convert(value)
        except ValueError as error:
            raise InvalidValue(f"{name}: {error}") from None

    return get


def converter(annotation: Any, name: str) -> Converter | None:
    """Find how the text of a group becomes what an annotation asks for; ``None`` for text as it is.

    Raises:
        SignatureError: the annotation is not one of ``str``, ``JID``, ``int``, ``float``, ``bool``, an ``Enum``, or one of
            these ``| None``.
    """
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        choices = [choice for choice in typing.get_args(annotation) if choice is not type(None)]
        annotation = choices[0] if len(choices) == 1 else annotation
    if annotation in (str, Any):
        return None
    if annotation is JID:
        return JID
    if annotation is int:
        return _integer
    if annotation is float:
        return _number
    if annotation is bool:
        return _boolean
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _member(annotation)
    raise SignatureError(f"annotation {annotation!r} of argument {name!r} is not understood: use str, JID, int, float, bool or an Enum")


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f"{text[:80]!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", text):
        raise ValueError(f"{text[:80]!r} is not a number")
    return float(text)


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError(f"{text[:80]!r} is not true or false")


def _member(kind: type[enum.Enum]) -> Converter:
    members = {str(member.value): member for member in kind} | {member.name: member for member in kind}

    def convert(text: str) -> enum.Enum:
        if text not in members:
            raise ValueError(f"{text[:80]!r} is not one of {', '.join(str(member.value) for member in kind)}")
        return members[text]

    return convert
