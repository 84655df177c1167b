"""Redirect URIs: those that clients may register, those that they may then ask for, and the parameters that are added. RFC 6749 §3.1.2"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from tigrest.auth.client_store import Client

_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(?=[/?]|\Z)")
"""Scheme and host of a program on the computer of the user, and its port, which the operating system chooses. RFC 8252 §7.3"""

_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")
"""Scheme of an app: a domain of its maker's, backwards. Others, such as ``javascript``, mean something to browsers. RFC 8252 §7.1"""

_URI = re.compile(r"[!$-;=?-Z_a-z~\[\]]{1,2000}")
"""Characters of a URI without a fragment. RFC 3986 §2"""


def redirect_trouble(uri: str) -> str:
    """Return why users cannot be sent to a URI; empty when they can.

    RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.6
    """
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return "is no URI"
    if not _URI.fullmatch(uri):
        return "is no absolute URI in ASCII without a fragment"
    if parts.scheme == "https" and host and "@" not in parts.netloc:
        return ""
    if parts.scheme == "http":
        is_local = "@" not in parts.netloc and host in ("127.0.0.1", "::1", "localhost")
        return "" if is_local else "has to be https, or http on 127.0.0.1, [::1] or localhost"
    return "" if _PRIVATE_SCHEME.fullmatch(parts.scheme) else "has to be https, or of a scheme with a dot, such as org.example.app:/done"


def redirect_target(client: Client, given: str) -> str | None:
    """Return where a user is sent back to; ``None`` when a client has not registered that.

    URIs are compared as whole strings; of public clients, which are programs of the user's own, the port of a loopback address may differ.

    Args:
        client: the client.
        given: what it asks for; empty where it names nothing, for the only one that it has registered.

    RFC 6749 §3.1.2.3, RFC 8252 §7.3, RFC 9700 §4.1.3
    """
    registered = client.redirect_uris
    if not given:
        found = registered[0] if len(registered) == 1 else None
    elif given in registered:
        found = given
    else:
        found = given if client.is_public and _without_port(given) in map(_without_port, registered) else None
    return found if found is not None and not redirect_trouble(found) else None


def _without_port(uri: str) -> str:
    """Return a loopback URI without its port; others, which then equal no other, as they are."""
    return _LOOPBACK.sub(r"\1", uri, count=1) if _LOOPBACK.match(uri) else uri


def with_parameters(uri: str, parameters: Mapping[str, str]) -> str:
    """Return a URI with further parameters in its query; those without a value are left out. RFC 6749 §4.1.2"""
    added = urlencode({name: value for name, value in parameters.items() if value})
    return f"{uri}{'&' if '?' in uri else '?'}{added}"


def shown_target(uri: str) -> str:
    """Return in words where a URI leads."""
    parts = urlsplit(uri)
    if parts.scheme == "https":
        return parts.netloc
    return "a program on this computer" if parts.scheme == "http" else f"the app that opens {parts.scheme}:"
