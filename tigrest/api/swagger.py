"""Swagger UI at ``/api/docs``: a page on which people read the OpenAPI document and try what it describes.

``static/swagger-ui`` has what ``make vendor`` took from npm's package ``swagger-ui-dist``, unchanged; the other files
of ``static`` are ours. Nothing comes from another host, and the page's policy allows none.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.exceptions import HTTPException

from tigrest.api.finding import API
from tigrest.api.openapi.mount import is_current
from tigrest.http.mounts import Mount, MountRequest
from tigrest.http.replies import PAGE_TYPE, HeaderList, Reply
from tigrest.http.requests import header

DOCS_PATH = f"{API}/docs"

_SCRIPT, _STYLE = b"text/javascript; charset=utf-8", b"text/css; charset=utf-8"

ASSETS = {
    "": ("docs.html", PAGE_TYPE),
    "docs.js": ("docs.js", _SCRIPT),
    "signed-in": ("signed-in.html", PAGE_TYPE),
    "signed-in.js": ("signed-in.js", _SCRIPT),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", _SCRIPT),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", _STYLE),
    "favicon-32x32.png": ("swagger-ui/favicon-32x32.png", b"image/png"),
    "LICENSE": ("swagger-ui/LICENSE", b"text/plain; charset=utf-8"),
}
"""Files by their path below :data:`DOCS_PATH`, with media types."""

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page. https://www.w3.org/TR/CSP3/"""


@dataclass(frozen=True)
class Asset:
    """A file of the page.

    Args:
        data: its bytes.
        media: its media type.
        etag: value of the header. RFC 9110 §8.8.3
    """

    data: bytes
    media: bytes
    etag: bytes


def swagger_mount(*, is_public: bool) -> Mount:
    """Return the mount of the page and its files, which the first mount of a process reads.

    Args:
        is_public: whether it is for everybody; else for admins.
    """
    assets = {name: _asset(file, media) for name, (file, media) in ASSETS.items()}

    async def answer(request: MountRequest) -> Reply:
        asset = assets.get(request.rest)
        if asset is None or (not request.rest and request.scope["path"] != DOCS_PATH):
            raise HTTPException(404, f"nothing is served at {request.scope['path'][:200]}; the page is {DOCS_PATH}")
        headers: HeaderList = [(b"etag", asset.etag), (b"cache-control", b"private, no-cache"), (b"content-security-policy", POLICY)]
        if is_current(header(request.scope, b"if-none-match"), asset.etag.decode()):
            return Reply(304, b"", b"", headers)
        return Reply(200, asset.media, asset.data, headers)

    return Mount(DOCS_PATH, answer, is_prefix=True, login="ignored" if is_public else "admin")


@functools.cache
def _asset(file: str, media: bytes) -> Asset:
    """Read a file of the package. It is hashed once in a process, not for each gateway of a test run: the bundle has 1.5 MB."""
    data = files("tigrest.api").joinpath("static", *file.split("/")).read_bytes()
    return Asset(data, media, f'"{hashlib.sha256(data).hexdigest()[:32]}"'.encode())
