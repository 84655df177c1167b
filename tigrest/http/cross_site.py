"""Refuse what pages of other origins have a browser send.

A browser adds the login it remembers to whatever a page makes it send, so that a form on anybody's page could act as the person in
front of it. It also says where an unsafe request comes from, in ``Origin`` and ``Sec-Fetch-Site``, which a page cannot change. Clients
that are no browsers send neither. The rule is that of ``CrossOriginProtection`` in Go's ``net/http``.

Fetch standard, "`Origin` header"; W3C Fetch Metadata Request Headers §2.3; https://words.filippo.io/csrf/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing here, so that they need no check. RFC 9110 §9.2.1"""

ANY = "*"
"""Stands for every origin in ``[http] cors_origins``."""

_DEFAULT_PORTS = (":80", ":443")
_SHOWN = 100
"""Characters of an origin that a message shows."""

_ORIGIN, _SITE, _HOST = b"origin", b"sec-fetch-site", b"host"
_OWN_SITE = (b"same-origin", b"none")
"""Values of ``Sec-Fetch-Site`` of our own pages, and of what the user did without a page."""


class CrossSite:
    """Check unsafe requests.

    Args:
        origins: ``[http] cors_origins``: whose pages may send them, besides our own.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        listed = frozenset(origins)
        self._allows_any = ANY in listed
        self._allowed = frozenset(origin.encode() for origin in listed - {ANY})

    def check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Refuse an unsafe request that the page of another origin has sent.

        Our own origin is that whose host and port are those of ``Host``. The scheme does not count, since TLS may end before us, unless
        the browser says that it differs. An origin that only ``*`` allows may send nothing with a login that a browser may remember.

        Args:
            scope: of the request (ASGI).
            headers: its headers by name in lower case; of several of one name any.

        Raises:
            HTTPException: 403.
        """
        if _ORIGIN not in headers and headers.get(_SITE, b"none") in _OWN_SITE:
            return
        origins = [value for name, value in scope["headers"] if name == _ORIGIN]
        site = headers.get(_SITE)
        if all(origin in self._allowed or (_is_own(origin, headers) and site in (None, *_OWN_SITE)) for origin in origins or [b"null"]):
            return
        if self._allows_any and not _may_be_remembered(headers):
            return
        raise HTTPException(403, self._reason(origins, headers))

    def _reason(self, origins: list[bytes], headers: Mapping[bytes, bytes]) -> str:
        page = b", ".join(origins).decode("latin-1")[:_SHOWN] or "another site"
        host = headers.get(_HOST, b"").decode("latin-1")[:_SHOWN]
        if self._allows_any:
            return f"a page of {page} may not use a login that the browser remembers: name its origin in [http] cors_origins"
        return f"a page of {page} may not send this to {host}: only our own pages and those of [http] cors_origins may"


def _is_own(origin: bytes, headers: Mapping[bytes, bytes]) -> bool:
    scheme, _, authority = origin.partition(b"://")
    return scheme in (b"http", b"https") and _authority(authority) == _authority(headers.get(_HOST, b""))


def _authority(value: bytes) -> str:
    """Normalise host and port for comparison: lower case, without the port that is the default of HTTP or HTTPS."""
    text = value.decode("latin-1").lower()
    for port in _DEFAULT_PORTS:
        text = text.removesuffix(port)
    return text


def _may_be_remembered(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a browser may have added a login by itself: any but ``Bearer``, which only scripts send."""
    authorization = headers.get(b"authorization", b"")
    return b"cookie" in headers or (authorization != b"" and not authorization.lower().startswith(b"bearer "))
