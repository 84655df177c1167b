"""Charsets: bodies in the charset that they declare, converted to UTF-8, in which everything here is read.

Only encodings of text are accepted, by their IANA names and aliases. UTF-7 is not: "<" does not look like one in it, and the Encoding
standard forbids it. The stateful ISO-2022 and HZ are not for the same reason, nor are Python's codecs that encode no text.

RFC 9110 §8.3.2, RFC 7303 §3, RFC 2781 §4.3; https://encoding.spec.whatwg.org/#security-background
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from tigrest.errors import MalformedContent, UnsupportedCharset

UTF_8 = "utf-8"

CODECS = frozenset(
    {
        *(UTF_8, "ascii", "utf-16", "utf-16-le", "utf-16-be"),
        *(f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))),
        *(f"cp{page}" for page in (*range(1250, 1259), 437, 850, 852, 858, 866, 874, 932, 949)),
        *("koi8-r", "koi8-u", "mac-roman", "gb2312", "gbk", "gb18030", "big5", "euc_jp", "shift_jis", "euc_kr", "tis-620"),
    }
)
"""Python's names of the encodings that are read."""

MAX_MEMOISED = 200
"""Longest ``Content-Type`` whose charset is memoised, in characters: callers choose it."""

_PARAMETER = re.compile(r""";\s*charset\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]*+))""", re.IGNORECASE)
"""The parameter ``charset``, quoted or not. RFC 9110 §5.6.6"""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
_WIDE = ("utf-16", "utf-16-le", "utf-16-be")

_DECLARATION = re.compile(
    rb"""\s*+<\?xml\s+version\s*=\s*["'][^"']*["'](?:\s+encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*+)["'])?[^>]{0,100}\?>""", re.ASCII
)
"""An XML declaration, in an encoding that writes ASCII as ASCII does. XML 1.0 §2.8"""


def charset_of(content_type: str) -> str:
    """Return the encoding that a ``Content-Type`` declares, by Python's name; empty for none.

    Args:
        content_type: the whole header.

    Raises:
        UnsupportedCharset: it is unknown, or none that is read.
    """
    return (_memoised if len(content_type) <= MAX_MEMOISED else _charset_of)(content_type)


def _charset_of(content_type: str) -> str:
    found = _PARAMETER.search(content_type)
    if found is None:
        return ""
    label = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return _codec(label.strip()) if label.strip() else ""


_memoised = lru_cache(maxsize=256)(_charset_of)


@lru_cache(maxsize=256)
def _codec(label: str) -> str:
    """Return Python's name for a charset.

    Raises:
        UnsupportedCharset: it is not one of :data:`CODECS`.
    """
    if _LABEL.fullmatch(label):
        try:
            name = codecs.lookup(label).name
        except LookupError:
            name = ""
        if name in CODECS:
            return name
    raise UnsupportedCharset(label)


def to_utf8(content_type: str, body: bytes) -> bytes:
    """Convert a body into UTF-8 without a byte order mark.

    A body that declares no charset is taken for UTF-8 and returned as it is, valid or not: its parser says what is wrong with it.

    Args:
        content_type: the whole header.
        body: the body; of a form the percent-encoded octets are left alone.

    Raises:
        UnsupportedCharset: it declares a charset that is not read.
        MalformedContent: it is not text in the charset that it declares.

    RFC 8259 §8.1: a parser may ignore a byte order mark
    """
    encoding = charset_of(content_type)
    if encoding in ("", UTF_8):
        return body.removeprefix(codecs.BOM_UTF8)
    return decoded(body, encoding).encode()


def decoded(body: bytes, encoding: str) -> str:
    """Decode a body; a byte order mark is left out. UTF-16 without one is big-endian (RFC 2781 §4.3).

    Args:
        body: the bytes.
        encoding: one of :data:`CODECS`.

    Raises:
        MalformedContent: the bytes are not text in it.
    """
    if encoding == "utf-16" and not body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16-be"
    try:
        return body.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        shown = "UTF-8" if encoding == UTF_8 else encoding
        raise MalformedContent(f"text must be {shown}: {error.reason} at byte {error.start}") from None


def is_wide(encoding: str) -> bool:
    """Return whether an encoding does not write ASCII as ASCII does, so that percent-encoded octets mean nothing in it."""
    return encoding in _WIDE


def xml_to_utf8(content_type: str, body: bytes) -> bytes:
    """Convert an XML document into UTF-8. Its declaration stays as it is: our parsers read UTF-8, whatever it says.

    The first that says anything counts: a byte order mark, the parameter ``charset``, the XML declaration; else it is UTF-8.

    Args:
        content_type: the whole header.
        body: the document.

    Raises:
        UnsupportedCharset: it is in a charset that is not read.
        MalformedContent: it is not text in that charset.

    RFC 7303 §3
    """
    if body[:1] == b"<" and body[:2] != b"<?":  # neither a byte order mark nor a declaration
        encoding = charset_of(content_type)
    elif body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif body.startswith(codecs.BOM_UTF8):
        encoding = UTF_8
    else:
        encoding = charset_of(content_type) or _declared(body)
    if encoding in ("", UTF_8):
        return body
    return decoded(body, encoding).encode()


def _declared(body: bytes) -> str:
    """Return the encoding that an XML declaration names; empty for none. UTF-16 needs a byte order mark: XML 1.0 §4.3.3"""
    declaration = _DECLARATION.match(body) if b"<?xml" in body[:64] else None
    if declaration is None or declaration[1] is None:
        return ""
    encoding = _codec(declaration[1].decode("ascii"))
    return UTF_8 if is_wide(encoding) else encoding
