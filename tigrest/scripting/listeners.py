"""Parts that listen to stanzas: ``match``, compiled when a script is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidJID
from tigrest.scripting.handler import LISTENS, Handler, Match, Role
from tigrest.scripting.parts import Declaration, Part
from tigrest.scripting.signature import Group, Invocation, SignatureError, compile_listener
from tigrest.spelling import nearest
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import DEFAULT_TYPES, REQUESTS, STANZA_TYPES
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.presence import STATUS_ENDPOINT
from tigrest.xmpp.stanza import Stanza

LISTENED_TYPES = {**STANZA_TYPES, "iq": REQUESTS}
"""Types of each kind that may be listened to."""

UNASKED = {
    "message": frozenset({"normal", "chat", "headline"}),
    "presence": frozenset(LISTENED_TYPES["presence"]) - {"error"},
    "iq": frozenset(LISTENED_TYPES["iq"]),
}
"""Those that are heard without being asked for. Rooms send everybody's messages to everybody, their sender too. XEP-0045 §7.4"""


class MatchError(Exception):
    """A ``match`` does not make sense; the message says what of it and why."""


@dataclass(frozen=True)
class Selector:
    """Conditions on the stanzas of one method; see :class:`tigrest.scripting.handler.Match`.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        needs_text: whether messages without text are left out.
    """

    kind: str
    types: frozenset[str]
    local: str | None
    to: re.Pattern[str] | None
    sender: re.Pattern[str] | None
    body: re.Pattern[str] | None
    xpath: str | None
    namespaces: dict[str, str]
    own: bool
    needs_text: bool

    def groups(self, stanza: Stanza, to: JID, sender: JID, is_own: bool) -> tuple[Group, ...] | None:
        """Return the groups of its body pattern, if a stanza matches; ``None`` otherwise.

        Args:
            stanza: of its kind.
            to, sender: its addresses.
            is_own: whether the sender is one of our own addresses.
        """
        given = type_of(stanza)
        if given not in self.types or (is_own and not self.own) or (self.local is not None and to.local != self.local):
            return None
        if self.to is not None and self.to.fullmatch(to) is None:
            return None
        if self.sender is not None and self.sender.fullmatch(sender.bare) is None:
            return None
        if self.xpath is not None and stanza.xml.find(self.xpath, self.namespaces) is None:
            return None
        return self._words(stanza, given)

    def _words(self, stanza: Stanza, given: str) -> tuple[Group, ...] | None:
        if not self.needs_text or (given == "error" and self.body is None):
            return ()
        text = stanza.body.strip()
        if not text or self.body is None:
            return () if text else None
        found = self.body.fullmatch(text)
        return found.groups() if found is not None else None


@dataclass(eq=False, kw_only=True)
class Listener(Part):
    """A loaded handler that listens.

    Args:
        selectors: what it listens to, by kind of stanza.
        invocations: how to call its methods, by kind of stanza.
        role: whose stanzas it hears.
    """

    handler: Handler
    selectors: Mapping[str, Selector]
    invocations: Mapping[str, Invocation]
    role: Role

    @property
    def methods(self) -> list[str]:
        """Return the names of its methods, in the usual order."""
        return [name for name, kind in LISTENS.items() if kind in self.selectors]

    @property
    def shown(self) -> str:
        """Return its ``match`` for people, e.g. ``to echo@…, body /help``."""
        match = self.handler.match or Match()
        types = "" if match.type is None else " or ".join(_several(match.type))
        local = "" if match.local is None else f"{match.local}@…" if match.local else "the domain itself"
        named = (("type", types), ("to", local or match.to), ("from", match.sender), ("body", match.body), ("with", match.xpath))
        return ", ".join(f"{name} {value}" for name, value in named if value) or "to any of our addresses"


class ListenerKind:
    """Handlers with ``on_message``, ``on_presence`` or ``on_iq``."""

    methods = tuple(LISTENS)
    attributes = ("match",)

    def recognise(self, declared: Declaration) -> bool:
        """Check the attributes of a class, and return whether it listens.

        Raises:
            ScriptError: it has a ``match`` for nothing, or demands a key.
        """
        cls = declared.cls
        if not declared.defines(*self.methods):
            if isinstance(cls.match, Match):
                raise declared.wrong("match", "write on_message, on_presence or on_iq, or leave it out")
            return False
        if cls.apiKey:
            raise declared.wrong("apiKey", "a stanza carries no API key: put the on_ methods into a class of their own")
        return True

    def compile(self, declared: Declaration, handler: Handler) -> Listener:
        """Make the listener of a class.

        Raises:
            ScriptError: its ``match`` does not make sense, or arguments of a method have no source.
        """
        cls, source = declared.cls, declared.source
        methods = {kind: method for name, kind in LISTENS.items() if (method := getattr(handler, name, None)) is not None}
        try:
            selectors = compile_match(cls.match, list(methods))
        except MatchError as error:
            raise declared.error("match", f".match: {error}") from None
        return Listener(
            path=source.path,
            relative=source.relative,
            name=cls.__name__,
            handler=handler,
            selectors=selectors,
            invocations={kind: _invocation(declared, kind, method, selectors[kind]) for kind, method in methods.items()},
            role=cls.requiredRole,
            timeout=cls.timeout,
            line=declared.line,
        )


def _invocation(declared: Declaration, kind: str, method: Callable[..., Any], selector: Selector) -> Invocation:
    try:
        return compile_listener(method, kind, selector.body)
    except SignatureError as error:
        raise declared.error(f"on_{kind}", f".on_{kind}: {error}") from None


def type_of(stanza: Stanza) -> str:
    """Return the type of a stanza; the default one where it names none. RFC 6121 §5.2.2, §4.7.1"""
    if stanza.kind == "message":
        return stanza.type if stanza.type in STANZA_TYPES["message"] else DEFAULT_TYPES["message"]
    return stanza.type or DEFAULT_TYPES.get(stanza.kind, "")


def compile_match(match: Any, kinds: Sequence[str]) -> dict[str, Selector]:
    """Compile the ``match`` of a class into selectors.

    Args:
        match: its ``match``, not yet checked.
        kinds: the kinds of stanzas that it has methods for.

    Raises:
        MatchError: it does not make sense.
    """
    if match is None:
        match = Match()
    if not isinstance(match, Match):
        raise MatchError(f'is {match!r}; use Match(local="echo") and the like')
    asked = _types(match.type, kinds)
    body = _pattern("body", match.body)
    if body is not None and "message" not in kinds:
        raise MatchError("body is for messages; write on_message, or leave it out")
    namespaces = _namespaces(match)
    _check_xpath(match.xpath, namespaces)
    if not isinstance(match.own, bool):
        raise MatchError(f"own is {match.own!r}; use True or False")
    return {
        kind: Selector(
            kind=kind,
            types=asked.intersection(LISTENED_TYPES[kind]) or UNASKED[kind],
            local=_local(match.local),
            to=_pattern("to", match.to),
            sender=_pattern("sender", match.sender),
            body=body if kind == "message" else None,
            xpath=match.xpath,
            namespaces=namespaces,
            own=match.own,
            needs_text=kind == "message" and (match.xpath is None or body is not None),
        )
        for kind in kinds
    }


def _several(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _types(value: Any, kinds: Sequence[str]) -> frozenset[str]:
    if value is None:
        return frozenset()
    known = sorted({name for kind in kinds for name in LISTENED_TYPES[kind]})
    if not isinstance(value, str | list | tuple | set | frozenset) or not value:
        raise MatchError(f"type is {value!r}; use one or several of {', '.join(known)}")
    for name in _several(value):
        if name not in known:
            near = nearest(str(name), known)
            cure = f"did you mean {near!r}?" if near else f"on_{', on_'.join(kinds)} may be for {', '.join(known)}"
            raise MatchError(f"type is {name!r}; {cure}")
    return frozenset(_several(value))


def _pattern(name: str, value: Any) -> re.Pattern[str] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise MatchError(f"{name} is {value!r}; use a regular expression, as text")
    try:
        return re.compile(value)
    except re.error as error:
        raise MatchError(f"{name} is {value!r}; not a regular expression: {error}") from None


def _local(value: Any) -> str | None:
    if value is None or value == "":
        return value if value is None else ""
    try:
        if isinstance(value, str):
            prepared = JID(f"{value}@x")
            if prepared.local == STATUS_ENDPOINT:
                raise MatchError(f"local is {value!r}: the gateway uses that name itself, for the status of users")
            if prepared.domain == "x" and not prepared.resource:
                return prepared.local
    except InvalidJID:
        pass
    raise MatchError(f'local is {value!r}; use the part of an address before the @, such as "echo", or a pattern as to=r"…"')


def _namespaces(match: Match) -> dict[str, str]:
    given: Any = match.namespaces
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise MatchError(f'namespaces is {given!r}; use a dict such as {{"x": "urn:example"}}')
    return {"": CLIENT, **given}


def _check_xpath(path: Any, namespaces: dict[str, str]) -> None:
    if path is None:
        return
    if not isinstance(path, str) or not path:
        raise MatchError(f'xpath is {path!r}; use a path such as "{{urn:example}}order"')
    try:
        ET.Element("message").find(path, namespaces)
    except (SyntaxError, LookupError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, SyntaxError) else "it is not among what ElementTree understands"
        raise MatchError(f"xpath is {path!r}; not a path: {reason}") from None
