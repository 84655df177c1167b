"""URIs that handlers choose outside ``/rest``: ``uri = "/msg"``."""

from __future__ import annotations

import re

OF_GATEWAY = ("/health", "/metrics", "/api", "/oauth", "/oauth2", "/upload", "/console", "/.well-known/oauth-authorization-server")
"""Paths that the gateway serves itself, or will, with all below them: mounts outside ``/rest``. A test compares them."""

_URI = re.compile(r"(?:/[^/?#\\{}\[\]()*+^$|\s\x00-\x1f\x7f]+)+")
"""Segments without what belongs to a query, a pattern or nowhere at all."""


def owner_of(path: str) -> str | None:
    """Return which of the gateway's own paths a path is, or lies below; ``None`` for none."""
    return next((own for own in OF_GATEWAY if path == own or path.startswith(f"{own}/")), None)


def problem_of(uri: object) -> str | None:
    """Return what is wrong with the ``uri`` of a handler, and the cure; ``None`` if nothing is."""
    if not isinstance(uri, str) or not uri.startswith("/") or uri == "/":
        return 'use a path such as "/msg", to which regex adds what follows it'
    if "%" in uri:
        return "write it decoded, as it is matched: a space for %20"
    if uri.endswith("/"):
        return 'end it without a slash; regex = "/?" takes one'
    if any(segment in (".", "..") for segment in uri.split("/")):
        return 'clients resolve "." and ".."; leave them out'
    if not _URI.fullmatch(uri.replace(" ", "_")):
        return "it is a prefix, not a pattern or a query; put patterns into regex"
    if own := owner_of(uri):
        return f"the gateway itself serves {own}; choose another"
    return None
