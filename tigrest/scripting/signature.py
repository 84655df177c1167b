"""Injection by signature, compiled once when a script is loaded.

Every method of a script that we call is compiled here, whatever kind of part it belongs to: :func:`compile_method`.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tigrest.auth.principal import Principal
from tigrest.errors import InvalidValue
from tigrest.observability.places import place_of
from tigrest.scripting.argument_types import ArgumentType
from tigrest.scripting.arguments import UnknownType, argument_type
from tigrest.scripting.handler import Role
from tigrest.scripting.models import Model, ModelError, is_model
from tigrest.service import Service
from tigrest.spelling import nearest
from tigrest.xmpp.jid import JID
from tigrest.xmpp.rooms import sent_before
from tigrest.xmpp.stanza import Stanza

Group = str | None


class SignatureError(Exception):
    """A method's arguments do not fit its pattern; the message says which and why."""


@dataclass(frozen=True)
class Sources:
    """Sources of the arguments of one kind of methods.

    Args:
        injected: names of arguments that are attributes of the call, e.g. ``service``.
        groups_of: attribute of the handler whose groups the other arguments take; empty where there is no pattern.
    """

    injected: tuple[str, ...]
    groups_of: str = ""


REQUEST = Sources(("service", "callback", "user", "principal", "request", "content", "query"), "regex")
"""Of ``exec_`` methods."""

STANZA = {
    "message": Sources(("service", "stanza", "sender", "body", "nick", "room", "real_jid", "sent_at"), "match.body"),
    "presence": Sources(("service", "stanza", "sender"), "match.body"),
    "iq": Sources(("service", "stanza", "sender"), "match.body"),
}
"""Of ``on_`` methods, by kind of stanza."""

OF_ROOMS = frozenset({"nick", "room", "real_jid", "sent_at"})
"""Arguments that only messages of rooms have."""

SCHEDULE = Sources(("service",))
"""Of ``on_schedule``."""


@dataclass(slots=True)
class Call:
    """One request as the arguments of a handler's method."""

    service: Service
    groups: tuple[Group, ...]
    callback: Callable[[Any], None] | None = None
    principal: Principal | None = None
    request: Any = None
    content: Any = None
    """The decoded body; for a method with a model of it a :class:`tigrest.scripting.models.Body`."""
    query: bytes = b""
    """As it came; only for a method with a model of it."""

    @property
    def user(self) -> JID | None:
        """Return the bare address of the caller; ``None`` when an API key stood in for a login."""
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
        """Return the text of the message."""
        return self.stanza.body

    @property
    def nick(self) -> str | None:
        """Return the nickname of an occupant of a room that the gateway is in; ``None`` for what others have sent."""
        return None if self.stanza.occupant is None else self.stanza.occupant.nick

    @property
    def room(self) -> JID | None:
        """Return the room that the message is from; ``None`` for what others have sent."""
        return None if self.stanza.occupant is None else self.sender.bare

    @property
    def real_jid(self) -> JID | None:
        """Return the address of an occupant; ``None`` where his room does not tell it."""
        return None if self.stanza.occupant is None else self.stanza.occupant.jid

    @property
    def sent_at(self) -> datetime | None:
        """Return when an old message of a room was sent, which it has sent again; ``None`` for what is said now."""
        return None if self.stanza.occupant is None else sent_before(self.stanza, self.sender.bare)


@dataclass(slots=True)
class ScheduleCall:
    """One run of a schedule as the arguments of a handler's method."""

    service: Service


Getter = Callable[[Any], Any]
"""Takes an argument out of a call such as :class:`Call`: an object with the injected names and ``groups`` as attributes."""


@dataclass(frozen=True)
class Invocation:
    """A handler's method with its arguments worked out.

    Args:
        method: bound to its handler.
        arguments: getters of the positional arguments, in order.
        keywords: getters of the keyword-only arguments.
        rest: takes the groups of ``*groups``; ``None`` when there is no such argument.
        names: names of the arguments injected.
        is_coroutine: whether it is ``async def``.
        group_names: names of the arguments that take groups, by the group's index from 0.
        group_kinds: types of those that are annotated with one.
        models: what ``content`` and ``query`` are validated against, where the method says so.
    """

    method: Callable[..., Any]
    arguments: tuple[Getter, ...]
    keywords: Mapping[str, Getter]
    rest: Callable[[Any], tuple[Group, ...]] | None
    names: frozenset[str]
    is_coroutine: bool
    group_names: Mapping[int, str]
    group_kinds: Mapping[int, ArgumentType[Any]]
    models: Mapping[str, Model]

    @property
    def where(self) -> str:
        """Return file (relative to the working directory where it is below), line and name of the method, for the log."""
        return place_of(self.method)

    def __call__(self, call: Any) -> Any:
        """Run the method (or make its coroutine).

        Args:
            call: has the arguments as attributes, e.g. a :class:`Call`.

        Raises:
            InvalidValue: a group does not convert.
            UnprocessableContent: content or query do not fit their model.
        """
        arguments = [get(call) for get in self.arguments]
        if self.rest is not None:
            arguments.extend(self.rest(call))
        if self.keywords:
            return self.method(*arguments, **{name: get(call) for name, get in self.keywords.items()})
        return self.method(*arguments)


def compile_signature(method: Callable[..., Any], pattern: re.Pattern[str], role: Role, is_decoded: bool = True) -> Invocation:
    """Work out where each argument of an ``exec_`` method comes from.

    Args:
        method: ``exec_get`` and so on, bound to its handler.
        pattern: the handler's ``regex``.
        role: its ``requiredRole``; without one there is no ``user`` and no ``principal``.
        is_decoded: its ``decodeContent``; without it there is nothing to validate.

    Raises:
        SignatureError: an argument has no source, or a group no argument.
    """
    invocation = compile_method(method, REQUEST, pattern)
    if role is None and (asked := invocation.names.intersection({"user", "principal"})):
        raise SignatureError(f'argument {min(asked)!r} needs a login: set requiredRole to "user" or "admin", or leave it out')
    if "content" in invocation.models and not is_decoded:
        raise SignatureError("argument 'content' has a model, but decodeContent = False leaves the body unread; leave one of them out")
    return invocation


def compile_listener(method: Callable[..., Any], kind: str, body: re.Pattern[str] | None) -> Invocation:
    """Work out where each argument of an ``on_`` method comes from.

    Args:
        method: ``on_message`` and so on, bound to its handler.
        kind: the kind of stanza that it is for.
        body: the pattern for the text of messages, if there is one.

    Raises:
        SignatureError: an argument has no source, or a group no argument.
    """
    return compile_method(method, STANZA[kind], body)


def compile_method(method: Callable[..., Any], sources: Sources, pattern: re.Pattern[str] | None = None) -> Invocation:
    """Work out where each argument of a method comes from.

    Args:
        method: bound to its handler.
        sources: what may be injected, and where groups come from.
        pattern: whose groups the other arguments take; ``None`` for none.

    Raises:
        SignatureError: an argument has no source, or a group no argument.
    """
    if not callable(method):
        raise SignatureError("is no method; write async def or def")
    function = inspect.unwrap(getattr(method, "__func__", method))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise SignatureError("yields, and nobody iterates over it; return a list, or a StreamingResponse of another method")
    return _Compiler(method, sources, pattern or re.compile("")).compile()


READERS: Mapping[str, Callable[[Model, Any], Any]] = {"content": Model.read_body, "query": Model.read_query}
"""Arguments that may have a model, and how it reads them."""


class _Compiler:
    """Works out the arguments of one method."""

    def __init__(self, method: Callable[..., Any], sources: Sources, pattern: re.Pattern[str]) -> None:
        self._method, self._sources, self._pattern = method, sources, pattern
        function = inspect.unwrap(getattr(method, "__func__", method))
        self._annotations: Mapping[str, Any] = getattr(function, "__annotations__", {})
        self._globals: dict[str, Any] = getattr(function, "__globals__", {})
        self._named = {name: number - 1 for name, number in pattern.groupindex.items()}
        self._used: set[int] = set()
        self._group_names: dict[int, str] = {}
        self._group_kinds: dict[int, ArgumentType[Any]] = {}
        self._models: dict[str, Model] = {}

    def compile(self) -> Invocation:
        """Work out all of them."""
        positional: list[Getter] = []
        keywords: dict[str, Getter] = {}
        names: list[str] = []
        rest: Callable[[Any], tuple[Group, ...]] | None = None
        for name, parameter in inspect.signature(self._method).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                raise SignatureError(f"**{name} takes nothing here; name the arguments you want")
            if parameter.kind is parameter.VAR_POSITIONAL:
                rest = _groups(list(self._take_unused()))
                continue
            getter: Getter
            if name in self._sources.injected and not self._is_group(name):
                names.append(name)
                getter = self._modelled(name, parameter.default) or operator.attrgetter(name)
            else:
                getter = self._group(name, parameter.default)
            if parameter.kind is parameter.KEYWORD_ONLY:
                keywords[name] = getter
            else:
                positional.append(getter)
        self._expect_all_used()
        is_coroutine = inspect.iscoroutinefunction(self._method)
        return Invocation(
            method=self._method,
            arguments=tuple(positional),
            keywords=keywords,
            rest=rest,
            names=frozenset(names),
            is_coroutine=is_coroutine,
            group_names=self._group_names,
            group_kinds=self._group_kinds,
            models=self._models,
        )

    def _is_group(self, name: str) -> bool:
        """Tell whether a name that may be injected takes a group: ``query`` does, where it has no model or a group has its name.

        So do those of rooms, where a group has the name: scripts had such groups before.
        """
        if name in OF_ROOMS:
            return name in self._named
        return name == "query" and (name in self._named or not is_model(self._annotation(name)))

    def _modelled(self, name: str, default: Any) -> Getter | None:
        """Validate content or query, where the annotation has a model in it."""
        if name not in READERS or not is_model(annotation := self._annotation(name)):
            return None
        try:
            model = self._models[name] = Model(annotation)
        except ModelError as error:
            raise SignatureError(f"annotation {annotation!r} of argument {name!r} cannot be used: {error}") from None
        if name == "query" and not model.is_mapping:
            raise SignatureError(f"annotation {annotation!r} of argument 'query' is not one model; a query has names and values")
        read = READERS[name]
        if default is inspect.Parameter.empty:
            return lambda call: read(model, getattr(call, name))
        return lambda call: read(model, given) if (given := getattr(call, name)) else default

    def _take_unused(self) -> Iterator[int]:
        for index in range(self._pattern.groups):
            if index not in self._used:
                self._used.add(index)
                yield index

    def _group(self, name: str, default: Any) -> Getter:
        """Take the group of this name, or the next one without a name."""
        index = self._named.get(name)
        if index is None:
            taken = self._used.union(self._named.values())
            index = next((index for index in range(self._pattern.groups) if index not in taken), None)
        if index is None and name == "query" and name in self._sources.injected:
            raise SignatureError("argument 'query' needs a model: annotate it with a pydantic model, a dataclass or a TypedDict")
        if index is None:
            raise SignatureError(self._unknown_argument(name))
        self._used.add(index)
        self._group_names[index] = name
        kind = self._type(name)
        if kind is not None:
            self._group_kinds[index] = kind
        return _group(index, name, kind, None if default is inspect.Parameter.empty else default)

    def _type(self, name: str) -> ArgumentType[Any] | None:
        """Return the type that an argument is annotated with; ``None`` for text as it is."""
        annotation = self._annotation(name)
        if annotation in (str, Any):
            return None
        try:
            kind = argument_type(annotation)
        except UnknownType as error:
            raise SignatureError(f"annotation {annotation!r} of argument {name!r} is not understood: {error}") from None
        if kind.is_list or kind.is_structured:
            asked = "a list" if kind.is_list else "an object"
            raise SignatureError(f"annotation {annotation!r} of argument {name!r} asks for {asked}, and a group is one value")
        return kind

    def _annotation(self, name: str) -> Any:
        annotation = self._annotations.get(name, str)
        if not isinstance(annotation, str):
            return annotation
        try:
            return eval(annotation, self._globals)  # noqa: S307 - the script's own code
        except Exception as error:
            raise SignatureError(f"annotation {annotation!r} of argument {name!r} cannot be evaluated: {error}") from None

    def _unknown_argument(self, name: str) -> str:
        near = nearest(name, [*self._sources.injected, *self._named])
        hint = f"; did you mean {near!r}?" if near else ""
        origin = self._sources.groups_of
        groups = f", and {origin} has {self._pattern.groups} group(s)" if origin else ""
        return f"argument {name!r} has no source: it is none of {', '.join(self._sources.injected)}{groups}{hint}"

    def _expect_all_used(self) -> None:
        names = {index: name for name, index in self._named.items()}
        unused = ", ".join(names.get(index, f"number {index + 1}") for index in self._take_unused())
        if unused:
            where = f"{self._sources.groups_of} {self._pattern.pattern!r}"
            raise SignatureError(f"no argument takes group {unused} of {where}; add one, or write (?:…) for the group")


def _groups(indices: list[int]) -> Callable[[Any], tuple[Group, ...]]:
    return lambda call: tuple(call.groups[index] for index in indices)


def _group(index: int, name: str, kind: ArgumentType[Any] | None, default: Any) -> Getter:
    if kind is None:
        return lambda call: default if (value := call.groups[index]) is None else value
    parse = kind.parse

    def get(call: Any) -> Any:
        value = call.groups[index]
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            raise InvalidValue(f"{name}: {error}") from None

    return get
