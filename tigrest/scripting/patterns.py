"""Regular expressions of handlers: the segment of a path that one fixes, how people read it, and the paths that it matches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_METACHARACTERS = frozenset(".^$*+?{}[]\\|()")


def first_segment(pattern: re.Pattern[str]) -> str | None:
    """Return the first path segment, when a pattern fixes it: ``hello`` of ``/hello/([^/]+)``; otherwise ``None``."""
    text = pattern.pattern
    if pattern.flags & (re.IGNORECASE | re.VERBOSE) or _has_open_alternative(text):
        return None
    literal, at = "", 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text) and not text[at + 1].isalnum():
            literal, at = literal + text[at + 1], at + 2
        elif text[at] not in _METACHARACTERS:
            literal, at = literal + text[at], at + 1
        else:
            break
    if at < len(text) and text[at] in "*+?{":
        literal = literal[:-1]
    if not literal.startswith("/"):
        return None
    segment, slash, _ = literal[1:].partition("/")
    return segment if slash or at == len(text) else None


def _has_open_alternative(text: str) -> bool:
    """Return whether a ``|`` stands outside all groups."""
    return any(char == "|" and depth == 0 for _, char, depth in _syntax(text))


_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_FLAGS = re.compile(r"(?:\(\?[aiLmsux]+\))?\^?")
_GROUP = re.compile(r"\((?:\?(?:P<\w+>|[aiLmsux-]*:))?")
_OPTIONAL = re.compile(r"[?*]|\{0?,")
_WITHOUT_SLASH = frozenset("dsw")
"""Escapes of classes of characters to which no slash belongs."""


def _syntax(text: str) -> Iterator[tuple[int, str, int]]:
    """Give the characters of a pattern that are neither escaped nor in a class: index, character, and number of groups around it."""
    depth, at = 0, 0
    while at < len(text):
        char = text[at]
        if char in "\\[":
            at += len(_atom(text[at:]))
            continue
        depth -= char == ")"
        yield at, char, depth
        depth += char == "("
        at += 1


def _atom(text: str) -> str:
    """Return the first character, escape, class or group of a pattern."""
    if text[0] == "(":
        return text[: next(at for at, char, depth in _syntax(text) if char == ")" and depth == 0) + 1]
    if text[0] == "[" and (found := _CLASS.match(text)) is not None:
        return found[0]
    return text[:2] if text[0] == "\\" else text[0]


def _alternatives(text: str) -> Iterator[str]:
    start = 0
    for at in [at for at, char, depth in _syntax(text) if char == "|" and depth == 0]:
        yield text[start:at]
        start = at + 1
    yield text[start:]


def may_match_path(pattern: re.Pattern[str]) -> bool:
    """Return whether a pattern may match what follows a folder in a path: nothing, or a text that begins with a slash.

    ``False`` only where it is certain, as for ``hello`` and ``([^/]+)``.
    """
    text = pattern.pattern
    return bool(pattern.flags & re.VERBOSE) or any(_may_begin(part) for part in _alternatives(text))


def with_slash(regex: str) -> str:
    """Return a pattern with a slash in front, for one that lacks it."""
    flags = _FLAGS.match(regex)
    assert flags is not None
    return f"{flags[0].removesuffix('^')}/{regex[flags.end() :]}"


def _may_begin(text: str) -> bool:
    """Return whether one alternative may match nothing, or a text that begins with a slash."""
    flags = _FLAGS.match(text)
    text = text[flags.end() :] if flags is not None else text
    if not text or text[0] in ".$":
        return True
    atom = _atom(text)
    if _OPTIONAL.match(text, len(atom)):
        return True
    if atom[0] == "(":
        start = _GROUP.match(atom)
        assert start is not None
        inner = atom[start.end() : -1]
        return inner.startswith("?") or any(_may_begin(part) for part in _alternatives(inner))
    if atom[0] == "[":
        return re.fullmatch(atom, "/") is not None
    if atom[0] == "\\":
        return atom[1] not in _WITHOUT_SLASH if atom[1].isalnum() else atom == "\\/"
    return atom == "/"


def readable(pattern: re.Pattern[str], names: Mapping[int, str]) -> str:
    """Return a pattern as a URI for people: groups become ``{name}``, optional parts ``[…]``, the rest stays where it is plain.

    Args:
        pattern: the handler's ``regex``.
        names: names of the groups by their index, from 0.
    """
    return _Readable(pattern.pattern, names).text


class _Readable:
    def __init__(self, source: str, names: Mapping[int, str]) -> None:
        self._source, self._names, self._at, self._group = source, names, 0, 0
        self.text = self._until_closed()

    def _until_closed(self) -> str:
        out = ""
        while self._at < len(self._source) and self._source[self._at] != ")":
            out += self._part()
        self._at += 1
        return out

    def _part(self) -> str:
        char, self._at = self._source[self._at], self._at + 1
        if char == "(":
            return self._optional(self._bracketed())
        if char == "\\":
            char, self._at = self._source[self._at], self._at + 1
        return self._optional(char)

    def _bracketed(self) -> str:
        captures = not self._source.startswith("?", self._at) or self._source.startswith("?P<", self._at)
        index = self._group
        self._group += captures
        if not captures:
            self._at = self._source.find(":", self._at) + 1 or len(self._source)
        inner = self._until_closed()
        return "{" + self._names.get(index, f"group{index + 1}") + "}" if captures else inner

    def _optional(self, part: str) -> str:
        quantifier = re.compile(r"\?|\{0,1\}").match(self._source, self._at)
        if quantifier is None:
            return part
        self._at = quantifier.end()
        return f"[{part}]"


MAX_VARIANTS = 16
"""Most variants of a path that are told apart; a pattern with more is taken as it is read by people."""


@dataclass(frozen=True)
class PathGroup:
    """A group of a pattern, at its place in a path.

    Args:
        index: of the group, from 0.
        source: its part of the pattern, with the parentheses.
    """

    index: int
    source: str

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the texts that it matches, when these are listed one by one: ``in`` and ``out`` of ``(in|out)``; else nothing."""
        start = _GROUP.match(self.source)
        assert start is not None
        options = [_literal(part) for part in _alternatives(self.source[start.end() : -1])]
        return tuple(option for option in options if option) if all(options) else ()

    @property
    def spans_segments(self) -> bool:
        """Return whether a slash stands in it, so that it takes several segments of a path."""
        return "\\/" in self.source or any(char == "/" for _, char, _ in _syntax(self.source))


Variant = tuple["str | PathGroup", ...]
"""One form of a path: texts, and groups between them."""


def variants(pattern: re.Pattern[str]) -> tuple[Variant, ...]:
    """Return the forms of a path that a pattern matches: of ``/a(?:/([^/]+))?`` these are ``/a`` and ``/a/`` with a group.

    Args:
        pattern: the handler's ``regex``.

    Returns:
        Each with its texts joined; nothing where a pattern has, outside of groups, what is not one of a few texts.
    """
    try:
        found = _Variants(pattern).found
    except _Intricate:
        return ()
    return tuple(dict.fromkeys(found))


def _literal(text: str) -> str:
    """Return the text that a pattern without metacharacters matches; empty for others."""
    plain = re.sub(r"\\([^A-Za-z0-9])", lambda match: "" if match[1] in _METACHARACTERS else match[1], text)
    return "" if set(plain) & _METACHARACTERS else re.sub(r"\\([^A-Za-z0-9])", r"\1", text)


class _Intricate(Exception):
    """A pattern has more forms than can be listed."""


class _Variants:
    def __init__(self, pattern: re.Pattern[str]) -> None:
        if pattern.flags & re.VERBOSE:
            raise _Intricate
        self._source, self._at, self._group = pattern.pattern, 0, 0
        self.found = self._until_closed()

    def _until_closed(self) -> list[Variant]:
        """Return the forms of all alternatives up to the end of the group or of the pattern, and go behind it."""
        closed: list[Variant] = []
        open_: list[Variant] = [()]
        while self._at < len(self._source) and self._source[self._at] != ")":
            if self._source[self._at] == "|":
                self._at += 1
                closed, open_ = [*closed, *open_], [()]
                continue
            part = self._repeated(self._part())
            open_ = [_joined(before, after) for before in open_ for after in part]
            if len(open_) + len(closed) > MAX_VARIANTS:
                raise _Intricate
        self._at += 1
        return [*closed, *open_]

    def _part(self) -> list[Variant]:
        """Return the forms of one character or group."""
        atom = _atom(self._source[self._at :])
        if atom[0] == "(":
            return self._bracketed(atom)
        self._at += len(atom)
        if atom in ("^", "$") or (atom[0] == "\\" and atom[1] in "AZ"):
            return [()]
        if atom[0] in "[." or (atom[0] == "\\" and atom[1].isalnum()):
            raise _Intricate
        return [(atom[-1],)]

    def _bracketed(self, atom: str) -> list[Variant]:
        if re.match(r"\((?:\?P<|[^?])", atom):
            slot = PathGroup(self._group, atom)
            self._at += len(atom)
            self._group += sum(1 for _ in re.finditer(r"\((?:\?P<|[^?])", re.sub(r"\\.|\[\^?\]?[^\]]*\]", "", atom)))
            return [(slot,)]
        start = _GROUP.match(atom)
        assert start is not None
        if start[0] == "(":  # looks around, refers back, has flags: nothing that stands in a path
            self._at += len(atom)
            if not re.match(r"\(\?[aiLmsux]+\)|\(\?<?[=!]", atom):
                raise _Intricate
            return [()]
        self._at += start.end()
        return self._until_closed()

    def _repeated(self, part: list[Variant]) -> list[Variant]:
        quantifier = re.compile(r"([?*+]|\{0,1\})[?+]?|\{").match(self._source, self._at)
        if quantifier is None:
            return part
        self._at = quantifier.end()
        if quantifier[1] in ("?", "{0,1}"):
            return [(), *part]
        if quantifier[1] in ("*", "+") and all(isinstance(piece, str) for form in part for piece in form):
            return part if quantifier[1] == "+" else [(), *part]
        raise _Intricate


def _joined(before: Variant, after: Variant) -> Variant:
    if before and after and isinstance(before[-1], str) and isinstance(after[0], str):
        return (*before[:-1], before[-1] + after[0], *after[1:])
    return before + after
