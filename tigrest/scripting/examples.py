"""Paths that patterns match, to try a handler with: ``/hello/name`` for ``/hello/([^/]+)``."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tigrest.scripting.argument_types import ArgumentType

EXAMPLE_DOMAIN = "example.com"
"""Domain of examples, for which readers see the one that is served. RFC 2606 §3"""

ADDRESS = f"alice@{EXAMPLE_DOMAIN}"

_BY_NAME = {
    **dict.fromkeys(("jid", "to", "user", "address", "account", "sender", "whose"), ADDRESS),
    **dict.fromkeys(("domain", "host", "server"), EXAMPLE_DOMAIN),
}
"""Examples of arguments by their names."""

_OTHERS = (ADDRESS, EXAMPLE_DOMAIN, f"{ADDRESS}/desk", "1", "1.5", "true")
"""Examples of arguments by their types."""

_ALPHABET = string.ascii_letters + string.digits + "-_.~" + string.punctuation + " "
_ESCAPED = {"d": "1", "w": "a", "s": " ", "S": "a", "D": "a", "W": "-", "t": "\t", "n": "\n"}
_NOTHING = "bBAZ"
"""Letters that stand behind a backslash for a position, not for a character."""

MAX_REPEATED = 64
"""Most times that something is repeated in an example."""


def example_path(pattern: re.Pattern[str], names: Mapping[int, str], kinds: Mapping[int, ArgumentType[Any]]) -> str | None:
    """Make a path that a pattern matches.

    Args:
        pattern: the handler's ``regex``.
        names: names of the arguments that take groups, by the group's index from 0.
        kinds: types of those that are annotated with one.

    Returns:
        The path, percent-encoded; ``None`` when none was found.
    """
    try:
        path = _Maker(pattern, names, kinds).made
    except (IndexError, ValueError, re.error, FutureWarning):  # syntax that is not known here, or may change
        return None
    found = pattern.fullmatch(path)
    if found is None or not all(_fits(kinds.get(index), value) for index, value in enumerate(found.groups()) if value is not None):
        return None
    return quote(path, safe="/@:!$&'()*+,;=~")


def _fits(kind: ArgumentType[Any] | None, text: str) -> bool:
    if kind is None:
        return True
    try:
        kind.parse(text)
    except ValueError:
        return False
    return True


@dataclass
class _Maker:
    """Reads a pattern from left to right and makes a text of it: of alternatives the first, of optional parts none."""

    pattern: re.Pattern[str]
    names: Mapping[int, str]
    kinds: Mapping[int, ArgumentType[Any]]

    def __post_init__(self) -> None:
        self._source, self._at, self._group = self.pattern.pattern, 0, 0
        self.made = self._alternatives()
        if self._at < len(self._source):
            raise ValueError("a parenthesis too many")

    def _alternatives(self) -> str:
        """Return the first of some alternatives, up to the end of the group."""
        first: str | None = None
        text = ""
        while self._at < len(self._source) and self._source[self._at] != ")":
            if self._source[self._at] == "|":
                first, text, self._at = text if first is None else first, "", self._at + 1
            else:
                text += self._repeated(self._piece())
        return text if first is None else first

    def _piece(self) -> str:
        """Return one character, class or group."""
        begin = self._at
        char, self._at = self._source[begin], begin + 1
        match char:
            case "(":
                return self._bracketed(begin)
            case "[":
                self._at = _end_of_class(self._source, begin)
                return self._member(self._source[begin : self._at])
            case "\\":
                letter, self._at = self._source[self._at], self._at + 1
                return "" if letter in _NOTHING else _ESCAPED.get(letter, letter)
            case "^" | "$":
                return ""
            case ".":
                return "a"
        return char

    def _member(self, source: str) -> str:
        """Return a character of a class."""
        members = re.compile(source)
        found = next((char for char in _ALPHABET if members.match(char)), None)
        if found is None:
            raise ValueError(f"no character for {source}")
        return found

    def _bracketed(self, begin: int) -> str:
        """Return what stands in a group: what its argument is most likely to be, if that fits."""
        if flags := re.compile(r"\?[aiLmsux]+\)").match(self._source, self._at):
            self._at = flags.end()
            return ""
        is_named = self._source.startswith("?P<", self._at)
        captures = is_named or not self._source.startswith("?", self._at)
        index = self._group
        self._group += captures
        looks_around = re.compile(r"\?<?[=!]").match(self._source, self._at) is not None
        if not captures and not looks_around:
            self._at = self._source.index(":", self._at) + 1
        elif is_named or looks_around:
            self._at = self._source.index(">" if is_named else self._source[self._at + 1], self._at) + 1
        inner = self._alternatives()
        self._at += 1
        if looks_around:
            return ""
        return self._likely(index, self._source[begin : self._at], inner) if captures else inner

    def _likely(self, index: int, source: str, inner: str) -> str:
        name, kind = self.names.get(index, "text"), self.kinds.get(index)
        options = [option.value for option in kind.options()] if kind is not None else []
        usual = [_BY_NAME[name]] if name in _BY_NAME else []
        wanted: Iterable[str] = [*options, *usual, *(_OTHERS if kind is not None else ()), name]
        group = re.compile(source, self.pattern.flags & ~re.UNICODE)
        return next((text for text in wanted if group.fullmatch(text) and _fits(kind, text)), inner)

    def _repeated(self, piece: str) -> str:
        """Return a piece as often as it must be there."""
        quantifier = re.compile(r"(?:([?*+])|\{(\d*)(?:,\d*)?\})[?+]?").match(self._source, self._at)
        if quantifier is None:
            return piece
        self._at = quantifier.end()
        if quantifier[1] is not None:
            return piece if quantifier[1] == "+" else ""
        return piece * min(int(quantifier[2] or 0), MAX_REPEATED)


def _end_of_class(source: str, begin: int) -> int:
    """Return the index behind a class such as ``[^/]``."""
    at = begin + 1 + source.startswith("^", begin + 1)
    at += source.startswith("]", at)  # a "]" right behind is a member
    while source[at] != "]":
        at += 1 + (source[at] == "\\")
    return at + 1
