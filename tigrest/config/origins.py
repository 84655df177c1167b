"""Find the place where a key was set: a line of the file, or an environment variable."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


@dataclass(frozen=True)
class Origins:
    """The places where the keys of a configuration were set.

    Args:
        path: the file; ``None`` when there is none.
        lines: line, counted from 1, of each key in the file, by dotted key.
        variables: environment variable of each key that one sets, by dotted key.
    """

    path: Path | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def of(self, key: str) -> str:
        """Return the place of a key, or of the nearest table around it, to be put before a message."""
        around = key
        while around:
            if around in self.variables:
                return f"{self.variables[around]}: "
            if around in self.lines:
                return f"{self.path}:{self.lines[around]}: "
            around = around[:-1] if around.endswith("]") else around
            around = around[: max(around.rfind("."), around.rfind("["), 0)]
        return f"{self.path}: " if self.path else ""


def lines_of(text: str) -> dict[str, int]:
    """Find the lines of all tables and keys in a TOML text, e.g. ``auth.api_keys[0].name``.

    Each line is read by itself. So a line of a multi-line string may be taken for a key; at worst a message names a wrong line.
    """
    lines: dict[str, int] = {}
    seen: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _plain(header[2])
            if header[1] == "[[":
                seen[table] += 1
                table = f"{table}[{seen[table] - 1}]"
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}.{_plain(key[1])}" if table else _plain(key[1]), number)
    return lines


def _plain(key: str) -> str:
    return re.sub(r"""\s*\.\s*|["']""", lambda found: "." if "." in found[0] else "", key)
