"""Requests from pages of other origins. Fetch standard, "CORS protocol"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tigrest.http.mounts import AnyResponse
from tigrest.http.replies import HeaderList, Reply
from tigrest.http.requests import header
from tigrest.http.wire.whole_reply import WHOLE_REPLY
from tigrest.scripting.handler import METHODS

REQUEST_HEADERS = ("Authorization", "Api-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prosody-Rest-Timeout", "X-Admin")
"""Headers that a page of another origin may send; ``X-Admin``, of old clients of ejabberd, is ignored. Fetch standard, §3.2.3"""

EXPOSED_HEADERS = ("Idempotent-Replayed", "Retry-After")
"""Headers of answers that a page of another origin may read, besides those that it always may. Fetch standard, §3.2.3"""

_ANY_ORIGIN = (b"access-control-allow-origin", b"*")


def with_cors(app: ASGIApp, origins: Sequence[str], has_own_rule: Callable[[str], bool]) -> ASGIApp:
    """Wrap an application so that pages of other origins may call it.

    Args:
        app: the application.
        origins: of those pages, e.g. ``https://app.example.com``; with none the application is returned as it is.
        has_own_rule: tells of a path whether the application itself decides about pages of other origins there.
    """
    if not origins:
        return app
    return _Cors(app, origins, has_own_rule)


class _Cors(CORSMiddleware):
    """Starlette's middleware, which adds headers to the messages of an answer: so answers must not be sent whole."""

    def __init__(self, app: ASGIApp, origins: Sequence[str], has_own_rule: Callable[[str], bool]) -> None:
        super().__init__(app, allow_origins=origins, allow_methods=METHODS, allow_headers=REQUEST_HEADERS, expose_headers=EXPOSED_HEADERS)
        self._has_own_rule = has_own_rule

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if header(scope, b"origin") and self._has_own_rule(scope["path"]):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        """Have a request from a page of another origin answered, without the extension for whole replies."""
        others = {name: extension for name, extension in scope.get("extensions", {}).items() if name != WHOLE_REPLY}
        await super().simple_response({**scope, "extensions": others}, receive, send, request_headers)


def preflight_headers(methods: str) -> HeaderList:
    """Return the headers of an answer to OPTIONS that let pages send a request, where those of every origin may.

    Args:
        methods: those that may be sent, separated by commas.
    """
    return [
        (b"access-control-allow-methods", methods.encode()),
        (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
        (b"access-control-max-age", b"600"),
    ]


def show_to_any_origin(answer: AnyResponse) -> None:
    """Let pages of every origin read an answer. Browsers refuse it to those that sent credentials they remember."""
    if isinstance(answer, Reply):
        answer.headers = [*answer.headers, _ANY_ORIGIN]
    else:
        answer.raw_headers.append(_ANY_ORIGIN)
