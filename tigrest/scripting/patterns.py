"""Regular expressions of handlers: the segment of a path that one fixes, and how people read it."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    depth, at, in_class = 0, 0, False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            at += 1  # a "]" right behind is a member
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            return True
        at += 1
    return False


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
