"""The ASGI application: one entry, one way through it.

cross-site (403) → route (404) → API key (403) → login (401) → role (403) → body → handler → response
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from tigrest.auth.admission import Admission
from tigrest.concurrency.caller import caller_of, waiting
from tigrest.errors import ContentTooLarge, MalformedContent, TigrestError, TooManyFailures, UnsupportedContent
from tigrest.formats.content import JSON, URLENCODED, XML, media_type
from tigrest.http.accepted_format import format_of
from tigrest.http.cross_site import SAFE_METHODS, CrossSite
from tigrest.http.handling import Handling
from tigrest.http.index import Index
from tigrest.http.proxies import UnnamedProxy
from tigrest.http.replies import Reply, is_expected, problem, send_stream
from tigrest.http.request_metrics import RequestMetrics
from tigrest.http.requests import HandlerRequest, bounded, decode, has_body, header, is_decodable, read_body
from tigrest.http.results import InvalidResult, make_reply
from tigrest.observability.context import begin_request, current_request, set_caller
from tigrest.observability.logs import ACCESS
from tigrest.observability.metrics import Metrics
from tigrest.scripting.execution import Execution
from tigrest.scripting.models import Body
from tigrest.scripting.parts import ROOT
from tigrest.scripting.routes import Endpoint, Route
from tigrest.scripting.routing import RouteMatch
from tigrest.scripting.signature import Call
from tigrest.scripting.table import Table
from tigrest.service import Service

log = logging.getLogger(__name__)
access_log = logging.getLogger(ACCESS)

INDEX = (ROOT, f"{ROOT}/")
"""Paths of the list of handlers."""

LOG_IN = b"login"
"""Query of the index that asks for a login, for browsers."""

AnyResponse = Reply | Response
NOTHING: Mapping[str, Any] = MappingProxyType({})
HeaderMap = Mapping[bytes, bytes]
"""Headers of a request by name in lower case."""


class App:
    """Answers HTTP requests with the handlers of a table.

    Args:
        service: access to XMPP.
        admission: finds out who a caller is and whether he may in.
        execution: runs methods of handlers.
        max_body: most bytes of a request body.
        request_timeout: seconds a request may take where its handler does not say.
        is_ready: tells whether requests can be served well, for ``/health/ready``.
        metrics: the registry; requests are counted in it.
        cors_origins: whose pages may send unsafe requests, besides our own.
    """

    def __init__(
        self,
        service: Service,
        admission: Admission,
        execution: Execution,
        max_body: int,
        request_timeout: float,
        is_ready: Callable[[], bool],
        metrics: Metrics,
        cors_origins: Sequence[str] = (),
    ) -> None:
        self._service = service
        self._admission = admission
        self._max_body = max_body
        self._handling = Handling(execution, request_timeout, self._answer_instead)
        self._is_ready = is_ready
        self._cross_site = CrossSite(cors_origins)
        self._unnamed_proxy = UnnamedProxy()
        self._metrics = metrics
        self._requests = RequestMetrics()
        metrics.add(self._requests)
        self._index = Index()
        self._statics: dict[Path, StaticFiles] = {}
        self._table = Table()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        begin_request()  # the server gives each request a task, and so a context, of its own
        match: RouteMatch | None = None
        try:
            match = self._match(scope)
            if match is not None and match.route is not None and match.endpoint is not None:
                answer = await self._handle(scope, receive, send, match, match.route, match.endpoint)
            else:
                answer = await self._answer_otherwise(scope, match)
        except Exception as error:
            if isinstance(error, TooManyFailures):
                self._unnamed_proxy.notice(scope)
            if not is_expected(error):
                _log_failure(scope, match, error)
            answer = problem(error, format_of(scope))
        status = answer.status if isinstance(answer, Reply) else answer.status_code
        uri = match.route.uri if match is not None and match.route is not None else ""
        if isinstance(answer, StreamingResponse):
            self._count(scope, uri, status, started)  # when it begins: it may go on for days
            await send_stream(answer, scope, receive, send)
        else:
            await answer(scope, receive, send)
            self._count(scope, uri, status, started)

    async def _answer_instead(self, scope: Scope, send: Send, uri: str, error: TigrestError, seconds: float) -> None:
        """Answer a request whose handler goes on although it was cancelled."""
        answer = problem(error, format_of(scope))
        await answer(scope, _nothing_more, send)
        self._count(scope, uri, answer.status, time.perf_counter() - seconds)

    def _count(self, scope: Scope, uri: str, status: int, started: float) -> None:
        seconds = time.perf_counter() - started
        self._requests.observe(uri, scope["method"], status, seconds)
        if access_log.isEnabledFor(logging.INFO):
            request = current_request.get()
            caller = "-" if request is None else request.caller or "-"
            access_log.info(
                "%s %s %d %.1f ms %s %s", scope["method"], scope["path"], status, seconds * 1000, caller, _address(scope) or "-"
            )

    def serve(self, table: Table) -> None:
        """Serve another table from the next request on."""
        self._table = table

    def _match(self, scope: Scope) -> RouteMatch | None:
        path = scope["path"]
        if "\ufffd" in path or "\x00" in path:
            _check_path(scope)
        return self._table.match(scope["method"], path)

    async def _answer_otherwise(self, scope: Scope, match: RouteMatch | None) -> AnyResponse:
        if scope["method"] not in SAFE_METHODS:
            self._cross_site.check(scope, dict(scope["headers"]))
        if match is None or (scope["path"] in INDEX and scope["method"] in ("GET", "HEAD")):
            return await self._other(scope)
        if scope["method"] == "OPTIONS":
            return Reply(204, b"", b"", [(b"allow", match.allow.encode())])
        raise HTTPException(404, f"{scope['method']} is not implemented here; there is {match.allow}", {"allow": match.allow})

    async def _handle(self, scope: Scope, receive: Receive, send: Send, match: RouteMatch, route: Route, endpoint: Endpoint) -> AnyResponse:
        headers = dict(reversed(scope["headers"]))  # of several of one name the first counts
        if scope["method"] not in SAFE_METHODS:
            self._cross_site.check(scope, headers)
        principal = None
        if route.is_guarded:
            principal = await self._admission.admit(route, scope["path"], scope["query_string"], headers, _address(scope))
            set_caller(principal)
        call = Call(self._service, match.groups, principal=principal)
        names = endpoint.invocation.names
        if "content" in names and has_body(headers):
            is_validated = "content" in endpoint.invocation.models
            receive = await self._read_content(scope, headers, receive, route, call, is_validated)
        if "query" in names:
            call.query = scope["query_string"]
        if "request" in names and call.request is None:
            call.request = HandlerRequest(scope, bounded(receive, self._max_body), self._service.loop)
        is_asking = "principal" in names or "service" in names
        if is_asking:
            waiting.set(caller_of(scope))
        try:
            result = await self._handling.run(route, endpoint, call, scope, send)
        finally:
            if is_asking:
                waiting.set(None)  # else the request would hold itself, until the garbage collector comes
            if call.request is not None and call.request.has_form:
                await call.request.close()
        shown = NOTHING
        if endpoint.template is not None:
            request = call.request or HandlerRequest(scope, bounded(receive, self._max_body), self._service.loop)
            shown = {"user": call.user, "principal": principal, "request": request}
        return make_reply(result, lambda: format_of(scope), endpoint, shown)

    async def _read_content(
        self, scope: Scope, headers: HeaderMap, receive: Receive, route: Route, call: Call, is_validated: bool
    ) -> Receive:
        """Read the body, or give the handler the request to read it itself; one whose content has a model gets a body that can be read."""
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            raise ContentTooLarge(self._max_body)
        if not length or b"transfer-encoding" in headers:
            receive = bounded(receive, self._max_body)
        if is_validated and not is_decodable(content_type):
            raise UnsupportedContent(media_type(content_type), (JSON, XML, URLENCODED))
        if not route.decode_content or not is_decodable(content_type):
            call.content = call.request = HandlerRequest(scope, receive, self._service.loop)
            return receive
        body = await read_body(receive)
        if body:
            value = decode(content_type, body)
            call.content = Body(media_type(content_type), body, value) if is_validated else value
        return receive

    async def _other(self, scope: Scope) -> AnyResponse:
        """What is not a handler: index, static files, health, metrics."""
        path, method = scope["path"], scope["method"]
        pages: dict[str, Callable[[Scope], AnyResponse]] = {
            "/": lambda _: Reply(307, b"", b"", [(b"location", f"{ROOT}/".encode())]),
            "/health/live": lambda _: _health(True),
            "/health/ready": lambda _: _health(self._is_ready()),
            "/metrics": lambda _: Reply(200, *self._metrics.render()),
        }
        page = pages.get(path)
        static = self._static(path) if page is None else None
        if page is None and static is None and path not in INDEX:
            raise HTTPException(404, f"nothing is served at {path[:200]}; {ROOT}/ lists what is")
        if method == "OPTIONS":
            return Reply(204, b"", b"", [(b"allow", b"GET, HEAD, OPTIONS")])
        if method not in ("GET", "HEAD"):
            raise HTTPException(404, f"{method} is not implemented here; there is GET", {"allow": "GET, HEAD, OPTIONS"})
        if page is not None:
            return page(scope)
        if static is None:
            return await self._show_index(scope)
        files, relative = static
        return await files.get_response(relative, scope)

    async def _show_index(self, scope: Scope) -> AnyResponse:
        """Show the index. It needs no login, but a login that comes along is checked: admins see more."""
        headers = dict(reversed(scope["headers"]))
        authorization = headers.get(b"authorization")
        is_admin = False
        if authorization is not None or scope["query_string"] == LOG_IN:
            principal = await self._admission.log_in(authorization, _address(scope))
            set_caller(principal)
            is_admin = principal.is_admin
        accept = headers.get(b"accept", b"")
        return self._index.show(self._table, html=b"text/html" in accept, base=_base_url(scope), is_admin=is_admin)

    def _static(self, path: str) -> tuple[StaticFiles, str] | None:
        """The static folder that a path is in, and the rest of the path."""
        for uri, folder in self._table.statics.items():
            if path.startswith(uri + "/"):
                relative = path[len(uri) + 1 :]
                if any(part.startswith(".") for part in relative.split("/")) or not relative:
                    return None
                files = self._statics.setdefault(folder, StaticFiles(directory=folder, check_dir=False))
                return files, relative
        return None


async def _nothing_more() -> Message:
    """Receive nothing (ASGI)."""
    return {"type": "http.disconnect"}


def _check_path(scope: Scope) -> None:
    """Refuse a path that is not UTF-8 or has a NUL.

    Raises:
        MalformedContent: it is so.
    """
    try:
        if "\x00" not in unquote_to_bytes(scope.get("raw_path") or b"").decode():
            return
    except UnicodeDecodeError:
        pass
    raise MalformedContent("the path is not UTF-8 or has a NUL character")


def _log_failure(scope: Scope, match: RouteMatch | None, error: Exception) -> None:
    """Log a defect with its traceback; the log adds the request's id and the caller to the line."""
    if match is not None and match.route is not None and match.endpoint is not None:
        where = f"in {match.endpoint.invocation.method.__qualname__} of {match.route.relative}"
    else:
        where = "in the gateway"
    if isinstance(error, InvalidResult):  # a traceback would show our code only
        log.error("%s %s failed: %s", scope["method"], scope["path"], error)
        return
    log.error("%s %s failed %s", scope["method"], scope["path"], where, exc_info=error)


def _health(well: bool) -> Reply:
    return Reply(200, b"text/plain", b"ok\n") if well else Reply(503, b"text/plain", b"not connected to the XMPP server\n")


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _base_url(scope: Scope) -> str:
    """Where the caller reached us, for curl lines to paste."""
    return f"{scope.get('scheme', 'http')}://{header(scope, b'host') or 'localhost'}"
