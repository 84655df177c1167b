"""Requests from pages of other origins. Fetch standard, "CORS protocol"."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tigrest.http.wire.request_cycle import REPLY
from tigrest.scripting.handler import METHODS

HEADERS = ("Authorization", "Api-Key", "Content-Type", "Last-Event-ID", "Prosody-Rest-Timeout")
"""Headers that a page may send."""


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Let pages of other origins call an application.

    Args:
        app: the application.
        origins: whose pages, e.g. ``https://app.example.com``; none for the application as it is.
    """
    return _Cors(app, allow_origins=list(origins), allow_methods=list(METHODS), allow_headers=list(HEADERS)) if origins else app


class _Cors(CORSMiddleware):
    """Adds its headers to answers, which therefore are sent in the usual messages."""

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """Answer a request that comes from a page of another origin."""
        others = {name: extension for name, extension in scope.get("extensions", {}).items() if name != REPLY}
        await super().simple_response({**scope, "extensions": others}, receive, send, request_headers)
