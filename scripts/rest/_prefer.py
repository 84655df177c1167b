"""The header ``Prefer``: how long a caller wants to wait. RFC 7240"""

import re
from collections.abc import Iterator

_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|[",;]|[^",;]+')
"""Quoted strings, separators, and what is between them; a quote that is never closed."""

_TOKEN, _QUOTED = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(r'"(?:[^"\\]|\\.)*"')


def wait_in(prefer: str) -> int | None:
    """Return the seconds that a caller wants to wait, as the first preference ``wait`` says.

    Args:
        prefer: value of the header; several values are joined by commas.

    Returns:
        The seconds; ``None`` when there is no such preference, or the header cannot be read: preferences are ignored then.

    RFC 7240 §2, §4.3
    """
    found: str | None = None
    for preference in _split(prefer, ","):
        words = [_read(word) for word in _split(preference, ";")]
        if None in words:
            return None
        name, value = words[0] or ("", "")
        if name == "wait" and found is None:
            found = value
    if found is None or not (found.isascii() and found.isdecimal()):
        return None
    return int(found.lstrip("0")[:10] or "0")  # ten digits are more than anybody waits; int() refuses thousands of them


def _split(text: str, separator: str) -> Iterator[str]:
    """Split a text at a separator outside of quoted strings."""
    part = ""
    for piece in _PIECES.findall(text):
        if piece == separator:
            yield part
            part = ""
        else:
            part += piece
    yield part


def _read(word: str) -> tuple[str, str] | None:
    """Read a preference or parameter; ``None`` when it is none. An empty one counts for nothing."""
    name, _, value = (part.strip(" \t") for part in word.partition("="))
    if value and _TOKEN.fullmatch(value) is None:
        if _QUOTED.fullmatch(value) is None:
            return None
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return (name.lower(), value) if _TOKEN.fullmatch(name) or not word.strip(" \t") else None
