"""Limits of the bodies of requests to handlers: of those read as a whole, and of those read part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope

from tigrest.auth.principal import Principal
from tigrest.auth.throttle import network_of
from tigrest.concurrency.caller import caller_of
from tigrest.http.mounts import Mount
from tigrest.http.requests import BodyLimit, HandlerRequest, bounded, client_address
from tigrest.scripting.routes import Route
from tigrest.service.shares import Shares

Headers = Mapping[bytes, bytes]
"""Headers of a request by name in lower case."""

SMALL_DIGITS = 5
"""Digits of the ``Content-Length`` of a body that is none to stream: it comes in a few reads from the socket."""


FORMS_OF_CALLER = 8
"""Most forms with large files that a caller may send at a time; each is kept on the disk until its request ends, which takes an hour."""


@dataclass(frozen=True)
class CallerShare:
    """The share of one caller in what all have in common.

    Args:
        shares: of all.
        caller: whose it is.
    """

    shares: Shares
    caller: str

    def take(self) -> None:
        """Count one more; see :meth:`tigrest.service.shares.Shares.take`."""
        self.shares.take(self.caller)

    def give_back(self) -> None:
        """Count one less."""
        self.shares.give_back(self.caller)


class BodyLimits:
    """Knows how large bodies may be, and how many forms with large files a caller may send at a time.

    Args:
        max_body: bytes of a body that is read as a whole.
        max_upload: bytes of one that is read part by part, for handlers that take uploads.
    """

    def __init__(self, max_body: int, max_upload: int) -> None:
        self._forms = Shares(FORMS_OF_CALLER, "forms with files")
        self.whole, self._upload = BodyLimit(max_body), BodyLimit(max_upload, "[http] max_upload")

    def of(self, route: Route, headers: Headers) -> BodyLimit:
        """Return the limit of what may come in with a request for a handler."""
        if route.takes_uploads and self._is_upload(route, headers):
            return self._upload
        return self.whole if route.max_body is None else self._of_whole(route)

    def _is_upload(self, route: Route, headers: Headers) -> bool:
        """Return whether a body for a handler that takes uploads may be one; what is small needs none of what that costs."""
        length = headers.get(b"content-length", b"")
        is_small = len(length) <= SMALL_DIGITS and length.isdigit() and b"transfer-encoding" not in headers
        return not (is_small and int(length) <= self._of_whole(route).size)

    def of_mount(self, mount: Mount, scope: Scope) -> BodyLimit:
        """Return the limit of what comes in for a mount.

        Args:
            mount: which.
            scope: of the request (ASGI); an upload gets more time.
        """
        if not mount.takes_uploads:
            return self.whole
        _expect_upload(scope)
        return self._upload

    def request(
        self,
        route: Route,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        loop: asyncio.AbstractEventLoop,
        content_type: str | None = None,
        principal: Principal | None = None,
    ) -> HandlerRequest:
        """Make the request that a handler gets; one that takes uploads has a lower limit for what it reads as a whole.

        Args:
            route: the handler.
            headers: of the request.
            scope: of the request (ASGI).
            receive: of the request (ASGI), within the limit of :meth:`of`.
            loop: the running event loop.
            content_type: header ``Content-Type``; read from the scope when ``None``.
            principal: the caller; ``None`` for anybody at his network.
        """
        if not route.takes_uploads or not self._is_upload(route, headers):
            return HandlerRequest(scope, receive, loop, content_type)
        _expect_upload(scope)
        caller = str(principal) if principal is not None else network_of(client_address(scope))
        return HandlerRequest(scope, receive, loop, content_type, self._of_whole(route), CallerShare(self._forms, caller))

    def bounded_request(
        self,
        route: Route,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        loop: asyncio.AbstractEventLoop,
        principal: Principal | None = None,
    ) -> HandlerRequest:
        """Make the request that a handler gets, of which nothing was checked yet; see :meth:`request`."""
        return self.request(route, headers, scope, bounded(receive, self.of(route, headers)), loop, principal=principal)

    def _of_whole(self, route: Route) -> BodyLimit:
        return self.whole if route.max_body is None else BodyLimit(route.max_body, "maxBody of the handler")


def _expect_upload(scope: Scope) -> None:
    caller = caller_of(scope)
    if caller is not None:
        caller.expect_upload()
