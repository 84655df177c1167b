"""HTML forms, which are bodies of type ``application/x-www-form-urlencoded``, and queries of URLs, which are written like them.

URL standard §5.1; the charset that a form declares is that of its percent-encoded octets too (HTML 4.01 §17.13.4)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

from tigrest.errors import MalformedContent, UnsupportedCharset
from tigrest.formats.charsets import UTF_8, charset_of, decoded, is_wide

MAX_FIELDS = 1000
"""Most fields of a form, or parameters of a query."""

_ONE_TOKEN = re.compile(r"[A-Za-z0-9\-._~*+%]+")
"""Text in which everything else is percent-encoded, as ``curl --data-urlencode`` sends it."""


def read_fields(content_type: str, body: bytes, max_fields: float = MAX_FIELDS) -> list[tuple[str, str]]:
    """Parse a form.

    Args:
        content_type: the whole header, which may declare a charset.
        body: the form.
        max_fields: limit of fields.

    Returns:
        Names and values, in order.

    Raises:
        MalformedContent: it is not text in its charset, or has more fields.
        UnsupportedCharset: it declares a charset that is not read.
    """
    encoding = _encoding_of(content_type)
    try:
        text = decoded(body, encoding)
        if text.count("&") >= max_fields:
            raise ValueError(f"it has more than {max_fields} fields")
        return parse_qsl(text, keep_blank_values=True, encoding=encoding, errors="strict")
    except ValueError as error:
        raise MalformedContent(f"the form cannot be read: {error}") from None


def read_parameters(query: bytes) -> list[tuple[str, str]]:
    """Parse the query of a URL.

    Args:
        query: percent-encoded.

    Returns:
        Names and values, in order.

    Raises:
        MalformedContent: it is not UTF-8, or has more than :data:`MAX_FIELDS` parameters.
    """
    try:
        if query.count(b"&") >= MAX_FIELDS:
            raise ValueError(f"it has more than {MAX_FIELDS} parameters")
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise MalformedContent(f"the query cannot be read: {error}") from None


def by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return the values of a form or a query by their names; a name given several times has a list.

    Args:
        pairs: names and values, in order.
    """
    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        known = found.get(name)
        found[name] = value if known is None else [*known, value] if isinstance(known, list) else [known, value]
    return found


def read_token(content_type: str, body: bytes) -> str:
    """Return the text of a form without ``=``: what ``curl -d`` was given, or ``curl --data-urlencode`` has encoded.

    Args:
        content_type: the whole header, which may declare a charset.
        body: the form.

    Raises:
        MalformedContent: it is not text in its charset.
        UnsupportedCharset: it declares a charset that is not read.
    """
    encoding = _encoding_of(content_type)
    text = decoded(body, encoding)
    if "%" not in text or not _ONE_TOKEN.fullmatch(text):
        return text
    try:
        return unquote(text, encoding=encoding, errors="strict")
    except UnicodeDecodeError:
        return text


def _encoding_of(content_type: str) -> str:
    encoding = charset_of(content_type) or UTF_8
    if is_wide(encoding):
        raise UnsupportedCharset(encoding)
    return encoding
