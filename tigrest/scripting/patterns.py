"""Regular expressions of handlers: the segment of a path that one fixes, and how people read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

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
