"""Reading what clients write into avatars: base64, ``data:`` URIs and web addresses."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

import httpx2
import idna

from tigrest.formats.content import media_type

MAX_URL = 2000
"""Longest web address that is used, in characters; what is longer does not pass all proxies and browsers."""

_URL_SAFE = str.maketrans("-_", "+/")


def decode_base64(text: str) -> bytes:
    """Decode base64 as found in the wild.

    White space may stand anywhere, padding may be missing, the alphabet may be the one for URLs (RFC 4648 §5), and a ``data:`` URI
    may stand for its own content.

    Returns:
        The bytes; none when it is not base64.
    """
    text = text.strip()
    if is_data_uri(text):
        return decode_data_uri(text)[0]
    packed = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def is_data_uri(text: str) -> bool:
    """Return whether a text is a ``data:`` URI, by its scheme alone, whose case does not matter. RFC 2397 §2, RFC 3986 §3.1"""
    return text[:5].lower() == "data:"


def decode_data_uri(uri: str) -> tuple[bytes, str]:
    """Read a ``data:`` URI.

    Returns:
        Its bytes, and its media type without parameters; no bytes when they cannot be read.

    RFC 2397
    """
    header, _, content = uri[5:].partition(",")
    content = unquote(content, "utf-8", "replace") if "%" in content else content
    is_base64 = header.rpartition(";")[2].strip().lower() == "base64"
    data = decode_base64("" if is_data_uri(content) else content) if is_base64 else content.encode("utf-8", "replace")
    return data, media_type(header)


def web_address(text: str) -> str:
    """Write a web address so that it may stand in a header: an IRI percent-encoded, its host as punycode.

    Args:
        text: an IRI, with white space around it or not.

    Returns:
        The URI, all of it ASCII. Empty unless it is ``http`` or ``https`` with a host, without user name and password, control
        characters, spaces or backslashes (which browsers take for slashes), and at most :data:`MAX_URL` long.

    RFC 3987 §3.1
    """
    text = text.strip()
    if not text or len(text) > MAX_URL or not text.isprintable() or " " in text or "\\" in text:
        return ""
    try:
        url = httpx2.URL(text)
        host = url.host
        _check_labels(url.raw_host)
    except (httpx2.InvalidURL, ValueError):  # ValueError: a surrogate, or a label that is not IDNA
        return ""
    written = str(url)
    is_usable = url.scheme in ("http", "https") and bool(host) and "%" not in host and not url.userinfo
    is_in_range = url.port is None or 0 < url.port < 65536
    return written if is_usable and is_in_range and written.isascii() and len(written) <= MAX_URL else ""


def _check_labels(host: bytes) -> None:
    """Check the labels that claim to be punycode, which httpx2 shows as they are when they cannot be decoded.

    Args:
        host: as it is resolved.

    Raises:
        UnicodeError: one of them is not IDNA.

    RFC 5891 §5.4
    """
    for label in host.lower().split(b"."):
        if label.startswith(b"xn--"):
            idna.decode(label)
