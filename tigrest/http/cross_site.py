"""Refuse cross-site request forgery: unsafe requests that a page of another origin has a browser send.

A browser adds the login that it remembers to all requests, also to those that a form on a stranger's page makes. It also says where an
unsafe request comes from, in ``Origin`` and ``Sec-Fetch-Site``, which a page cannot change. Clients that are no browsers send neither.
The rule is that of ``CrossOriginProtection`` in Go's ``net/http``.

Fetch standard, "`Origin` header"; W3C Fetch Metadata Request Headers §2.3; https://words.filippo.io/csrf/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that are not checked, since they change nothing. RFC 9110 §9.2.1"""

ANY = "*"
"""Entry of ``[http] cors_origins`` that stands for every origin."""

_DEFAULT_PORTS = (":80", ":443")
_SHOWN = 100
"""Length to which an origin is cut in messages, in characters."""

_ORIGIN, _SITE, _HOST = b"origin", b"sec-fetch-site", b"host"
_OWN_SITE = (b"same-origin", b"none")
"""Values of ``Sec-Fetch-Site`` for our own pages, and for what the user did without a page (address bar, bookmark)."""


class CrossSite:
    """Checks the origin of unsafe requests.

    Args:
        origins: origins whose pages may send them, besides our own: ``[http] cors_origins``.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        listed = frozenset(origins)
        self._allows_any = ANY in listed
        self._allowed = frozenset(origin.encode() for origin in listed - {ANY})

    def check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Refuse an unsafe request that a page of another origin has sent.

        Our own origin has the host and port of ``Host``. Its scheme is not compared, since TLS may end at a proxy, unless the browser says
        that it differs (``Sec-Fetch-Site``). An origin that only ``*`` allows may not send logins that a browser may have added.

        Args:
            scope: of the request (ASGI).
            headers: the same headers by name in lower case; of several of one name any one.

        Raises:
            HTTPException: 403, with the reason.
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
