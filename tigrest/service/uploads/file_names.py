"""Names and media types of files, as other programs may have them."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

MAX_NAME = 120
"""Most bytes of a file's name in UTF-8. Percent-encoded in a URL that is three times as many."""

MAX_EXTENSION = 16
"""Most characters behind the last dot that are kept when a name is cut."""

UNTYPED = "application/octet-stream"
"""Media type of a file of which nothing is known. RFC 2046 §4.5.1"""

UNSAID = frozenset({"", "application/x-www-form-urlencoded", UNTYPED})
"""Media types that say nothing of a file: ``curl --data-binary`` sends the second with whatever it is given."""

_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}( *; *[A-Za-z0-9!#$&^_.+-]{1,64}=[A-Za-z0-9!#$&^_.+-]{1,64})*"
)
_DROPPED = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Categories of characters that no name has: control characters, those that turn the direction of text, line separators."""


def clean_name(name: str, content_type: str = "") -> str:
    """Return the name of a file without what could mislead a reader, a browser or a file system.

    Folders, control and bidirectional characters, and dots at both ends are left out; a long name is cut in front of its extension.

    Args:
        name: as the sender gives it, perhaps a path; may be empty.
        content_type: gives the extension to a file without a name.

    RFC 6266 §4.3
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(character for character in last if unicodedata.category(character) not in _DROPPED)
    shown = " ".join(shown.split()).strip(". ")
    if not shown:
        return f"file{mimetypes.guess_extension(content_type.partition(';')[0].strip()) or ''}"
    stem, dot, extension = shown.rpartition(".")
    if not stem or len(extension) > MAX_EXTENSION:
        stem, dot, extension = shown, "", ""
    return _cut(stem, MAX_NAME - len(f"{dot}{extension}".encode())) + dot + extension


def _cut(text: str, size: int) -> str:
    """Return the beginning of a text that has at most so many bytes in UTF-8."""
    return text.encode()[:size].decode(errors="ignore").rstrip(". ")


def media_type_of(content_type: str, name: str) -> str:
    """Return the media type of a file: the one that is declared, else the usual one for its name.

    Args:
        content_type: as declared; may be empty or anything.
        name: of the file.
    """
    declared = content_type.strip()
    if declared.partition(";")[0].strip().lower() not in UNSAID and _MEDIA_TYPE.fullmatch(declared):
        return declared
    guessed, encoding = mimetypes.guess_type(name)
    return UNTYPED if guessed is None or encoding is not None else guessed
