"""Checks of a request head: its size, its ``Host``, its target."""

from __future__ import annotations

import re
from itertools import chain

from tigrest.http.wire.whole_reply import HeaderFields

MAX_HEAD = 65536
"""Maximum of request target and header fields together, in bytes."""

MAX_TARGET = 16384
"""Maximum of the request target, in bytes."""

MAX_HEADERS = 200
"""Maximum number of header fields."""

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?")
"""Value of ``Host``, which is not empty for http and https. RFC 9110 §7.2, §4.2.1; RFC 3986 §3.2"""
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)(.*)", re.DOTALL)


class BadHead(Exception):
    """Refuse a request head.

    Args:
        status: of the answer.
        detail: why, for people.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def too_large(target: bytes) -> BadHead:
    """Return the error for a head that is over a limit, complete or not.

    RFC 6585 §5

    Args:
        target: of the request, as far as it has come in.
    """
    if len(target) > MAX_TARGET:
        return BadHead(414, f"the request target is longer than {MAX_TARGET} bytes")
    return BadHead(431, f"the request head is larger than {MAX_HEAD} bytes, or has more than {MAX_HEADERS} headers")


def head_size(target: bytes, headers: HeaderFields) -> int:
    """Return the size of a head in bytes, with the separators of its fields."""
    return len(target) + 4 * len(headers) + sum(map(len, chain.from_iterable(headers)))


def check_host(host: bytes | None, version: str, headers: HeaderFields) -> None:
    """Check that there is one well-formed ``Host``; only requests of HTTP/1.0 may have none.

    Args:
        host: the header; ``None`` when there is none, empty when there are several.
        version: of HTTP, as ``1.1``.
        headers: all of them.

    Raises:
        BadHead: it is missing, doubled or malformed.

    RFC 9112 §3.2
    """
    if host is None:
        if version >= "1.1":
            raise BadHead(400, "the request has no Host header")
    elif not _HOST.fullmatch(host.strip(b" \t")):
        several = sum(name == b"host" for name, _ in headers) > 1
        fault = "the request has more than one Host header" if several else "the Host header is not a host with an optional port"
        raise BadHead(400, fault)


def split_absolute(target: bytes) -> tuple[bytes, bytes]:
    """Split a target in absolute form, as proxies get it, into its host and a target in origin form.

    Raises:
        BadHead: it is no URL.

    RFC 9112 §3.2.2
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _HOST.fullmatch(absolute[1]):
        raise BadHead(400, "the request target is neither a path nor the URL of a host with an optional port")
    return absolute[1], absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
