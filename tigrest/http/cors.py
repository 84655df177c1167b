"""Requests from pages of other origins. Fetch standard, "CORS protocol"."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tigrest.http.wire.whole_reply import WHOLE_REPLY
from tigrest.scripting.handler import METHODS

REQUEST_HEADERS = ("Authorization", "Api-Key", "Content-Type", "Last-Event-ID", "Prosody-Rest-Timeout")
"""Headers that a page of another origin may send. Fetch standard, ``Access-Control-Allow-Headers``"""


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Wrap an application so that pages of other origins may call it.

    Args:
        app: the application.
        origins: of those pages, e.g. ``https://app.example.com``; with none the application is returned as it is.
    """
    return _Cors(app, allow_origins=list(origins), allow_methods=list(METHODS), allow_headers=list(REQUEST_HEADERS)) if origins else app


class _Cors(CORSMiddleware):
    """Starlette's middleware, which adds headers to the messages of an answer: so answers must not be sent whole."""

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """Have a request from a page of another origin answered, without the extension for whole replies."""
        others = {name: extension for name, extension in scope.get("extensions", {}).items() if name != WHOLE_REPLY}
        await super().simple_response({**scope, "extensions": others}, receive, send, request_headers)
