"""The ASGI application: one entry, one way through it.

route → cross-site (403) → API key (403) → login (401) → role (403) → body → handler → response

What no handler answers goes to the mounts by the same steps, or is 404.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from tigrest.auth.admission import Admission
from tigrest.auth.principal import Principal
from tigrest.concurrency.caller import caller_of, waiting
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import BodyTimeout, HandlerTimeout, TigrestError, TooManyFailures, UnsupportedContent
from tigrest.formats.content import JSON, URLENCODED, XML, media_type
from tigrest.http.accepted_format import format_of
from tigrest.http.body_limits import BodyLimits
from tigrest.http.cors import preflight_headers, show_to_any_origin
from tigrest.http.cross_site import SAFE_METHODS, CrossSite
from tigrest.http.failures import failed_method_answer, failure_answer, log_failure
from tigrest.http.handler_permissions import HandlerPermissions
from tigrest.http.handling import Handling
from tigrest.http.idempotency import IDEMPOTENCY_KEY, Idempotency, KeyedRequest
from tigrest.http.mounts import AnyResponse, Mount, MountRequest, Mounts, ServedMount
from tigrest.http.proxies import UnnamedProxy
from tigrest.http.replies import Reply, is_expected, problem, send_stream
from tigrest.http.request_metrics import RequestMetrics
from tigrest.http.requests import (
    bounded,
    check_length,
    check_path,
    client_address,
    decode,
    has_body,
    is_decodable,
    read_body,
)
from tigrest.http.results import check_raised, make_reply
from tigrest.http.wire.whole_reply import AnswerFailed
from tigrest.observability.context import begin_request, current_request, set_caller
from tigrest.observability.logs import ACCESS
from tigrest.observability.metrics import Metrics
from tigrest.scripting.execution import Execution
from tigrest.scripting.handler import with_implied
from tigrest.scripting.models import Body
from tigrest.scripting.parts import ROOT
from tigrest.scripting.routes import Endpoint, Route
from tigrest.scripting.routing import RouteMatch
from tigrest.scripting.signature import Call
from tigrest.scripting.table import Table
from tigrest.service import Service

log = logging.getLogger(__name__)
access_log = logging.getLogger(ACCESS)

NO_VALUES: Mapping[str, Any] = MappingProxyType({})
HeaderMap = Mapping[bytes, bytes]
"""Headers of a request by name in lower case; of several of one name the first."""


class App:
    """Answers HTTP requests by the handlers of a table, and by mounts.

    Args:
        service: access to XMPP.
        admission: authenticates callers, and checks that they may call a handler or a mount.
        execution: runs methods of handlers.
        max_body: limit of request bodies, in bytes.
        max_upload: limit of those that are read part by part, in bytes.
        request_timeout: seconds a request may take where its handler does not say otherwise.
        metrics: the registry; requests are counted in it.
        idempotency: answers requests that have an ``Idempotency-Key``.
        cors_origins: whose pages may send unsafe requests, besides our own.
    """

    def __init__(
        self,
        service: Service,
        *,
        admission: Admission,
        execution: Execution,
        max_body: int,
        max_upload: int,
        request_timeout: float,
        metrics: Metrics,
        idempotency: Idempotency,
        cors_origins: Sequence[str] = (),
    ) -> None:
        self._service = service
        self._admission = admission
        self.permissions = HandlerPermissions(admission, service.policy)
        """Decides about handlers that groups of ``[api.permissions]`` name."""
        self._limits = BodyLimits(max_body, max_upload)
        self._request_timeout = request_timeout
        self._handling = Handling(execution, request_timeout, self._answer_instead)
        self._idempotency = idempotency
        self._cross_site, self._own_site = CrossSite(cors_origins), CrossSite(())
        self._unnamed_proxy = UnnamedProxy()
        self._requests = RequestMetrics()
        metrics.add(self._requests)
        self._mounts = Mounts()
        self._served_mounts: dict[str, ServedMount] = {}
        self._answering = TaskSet()
        self.table = Table()
        """The handlers being served."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = begin_request()  # the server gives each request a task, and so a context, of its own
        match: RouteMatch | None = None
        mount: Mount | None = None
        try:
            match = self._match(scope)
            if match is not None and match.route is not None and match.endpoint is not None:
                request.route = match.route.uri
                answer = await self._handle(scope, receive, send, match, match.route, match.endpoint)
            else:
                mount = self._mounts.find(scope["path"])
                request.route = "" if mount is None else mount.uri
                answer = await self._answer_otherwise(scope, receive, send, match, mount)
        except Exception as error:
            if isinstance(error, TooManyFailures):
                self._unnamed_proxy.notice(scope)
            if match is not None and match.endpoint is not None:
                error = check_raised(error, match.endpoint)
            if not is_expected(error):
                log_failure(scope, match, request.route, error)
            elif isinstance(error, HandlerTimeout) and match is not None and match.endpoint is not None:
                log.warning("%s %s failed in %s: %s", scope["method"], scope["path"], match.endpoint.invocation.where, error)
            answer = failure_answer(error, scope, mount)
        if mount is not None and mount.origins == "any":
            show_to_any_origin(answer)
        status = answer.status if isinstance(answer, Reply) else answer.status_code
        if isinstance(answer, Reply):
            await answer(scope, receive, send)
            self._count(scope, request.route, status, started)
            return
        if isinstance(answer, StreamingResponse):
            self._count(scope, request.route, status, started)  # when it begins: it may go on for days
        await self._send(answer, scope, receive, send, partial(log_failure, scope, match, request.route))
        if not isinstance(answer, StreamingResponse):
            self._count(scope, request.route, status, started)

    async def _send(
        self, answer: Response, scope: Scope, receive: Receive, send: Send, on_failure: Callable[[BaseException], None]
    ) -> None:
        """Send a Starlette response, whose code may fail meanwhile: then the answer is an error, or the connection is cut.

        Raises:
            AnswerFailed: it failed when the answer had begun.
        """
        has_begun = False

        async def noting_send(message: Message) -> None:
            nonlocal has_begun
            await send(message)
            has_begun = True

        try:
            if isinstance(answer, StreamingResponse):
                await send_stream(answer, scope, receive, noting_send)
            else:
                await answer(scope, receive, noting_send)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            on_failure(error)
            if has_begun:
                raise AnswerFailed from None
            await problem(error, format_of(scope))(scope, receive, send)

    async def _answer_instead(
        self, scope: Scope, send: Send, uri: str, error: TigrestError, seconds: float, mount: Mount | None = None
    ) -> None:
        """Answer a request whose handler or mount goes on although it was cancelled, from a task of its own."""
        answer = failure_answer(error, scope, mount)
        await answer(scope, _nothing_more, send)
        self._count(scope, uri, answer.status, time.perf_counter() - seconds)

    def _count(self, scope: Scope, uri: str, status: int, started: float) -> None:
        """Count a request in the metrics, and write its line of the access log."""
        seconds = time.perf_counter() - started
        self._requests.observe(uri, scope["method"], status, seconds)
        if access_log.isEnabledFor(logging.INFO):
            request = current_request.get()
            caller = "-" if request is None else request.caller or "-"
            access_log.info(
                "%s %s %d %.1f ms %s %s", scope["method"], scope["path"], status, seconds * 1000, caller, client_address(scope) or "-"
            )

    def add(self, mount: Mount) -> None:
        """Register a mount.

        Raises:
            ValueError: there is one at its path already.
        """
        self._mounts.add(mount)

    def has_own_rule(self, path: str) -> bool:
        """Return whether what is mounted at a path says itself of which origins pages may call it, whatever is configured.

        Args:
            path: percent-decoded.
        """
        mount = self._mounts.find(path)
        return mount is not None and mount.origins != "configured"

    def serve(self, table: Table) -> None:
        """Serve another table from the next request on."""
        self.permissions.serve(table)
        self.table = table

    def _match(self, scope: Scope) -> RouteMatch | None:
        path = scope["path"]
        if "\ufffd" in path or "\x00" in path:
            check_path(scope)
        return self.table.match(scope["method"], path)

    async def _answer_otherwise(
        self, scope: Scope, receive: Receive, send: Send, match: RouteMatch | None, mount: Mount | None
    ) -> AnyResponse:
        """Answer what no handler answers: by a mount, to OPTIONS, or with 404."""
        method = scope["method"]
        if method not in SAFE_METHODS and (mount is None or mount.origins != "any"):
            check = self._own_site if mount is not None and mount.origins == "own" else self._cross_site
            check.check(scope, dict(scope["headers"]))
        if mount is not None and mount.answers(method):
            return await self._answer_by_mount(scope, receive, send, mount)
        allow = _allow(match, mount, scope["path"])
        if not allow:
            raise HTTPException(404, f"nothing is served at {scope['path'][:200]}; {ROOT}/ lists what is")
        if method == "OPTIONS":
            preflight = preflight_headers(allow) if mount is not None and mount.origins == "any" else ()
            return Reply(204, b"", b"", [(b"allow", allow.encode()), *preflight])
        raise HTTPException(404, f"{method} is not implemented here; there is {allow}", {"allow": allow})

    async def _answer_by_mount(self, scope: Scope, receive: Receive, send: Send, mount: Mount) -> AnyResponse:
        """Answer by a mount: check the caller as it demands, within the limits of body and time.

        Raises:
            HandlerTimeout: it did not answer in time.
            BodyTimeout: it waited for the body, which did not arrive in time.
            Exception: whatever the mount raises.
        """
        fields = dict(reversed(scope["headers"]))  # reversed, so that of several of one name the first is kept
        limit = self._limits.of_mount(mount, scope)
        check_length(fields, limit)
        if b"transfer-encoding" in fields:
            receive = bounded(receive, limit)
        request = MountRequest(scope, receive, send, fields, self._served(mount))
        if mount.login != "ignored":
            await request.admit(mount)
        waiting.set(caller_of(scope))
        try:
            return await mount.answer(request) if mount.timeout == math.inf else await self._in_time(mount, request)
        finally:
            waiting.set(None)  # break the cycle request → context → caller → request
            if request.has_form:
                await request.close()

    async def _in_time(self, mount: Mount, request: MountRequest) -> AnyResponse:
        seconds = mount.timeout or self._request_timeout
        try:
            async with asyncio.timeout(seconds) as time_left:
                return await mount.answer(request)
        except TimeoutError:
            if not time_left.expired():
                raise  # its own error
            caller = caller_of(request.scope)
            if caller is not None and caller.waits_for_body:
                raise BodyTimeout(seconds) from None
            raise HandlerTimeout(f"{mount.uri} gave no answer within {seconds:g} s") from None

    def _served(self, mount: Mount) -> ServedMount:
        served = self._served_mounts.get(mount.path)
        if served is None or served.mount is not mount:
            served = self._served_mounts[mount.path] = ServedMount(mount, self._admission, self._service.loop, self._leave_to_another)
        return served

    def _leave_to_another(self, request: MountRequest, send: Send, error: TigrestError) -> None:
        """Leave the answer of a mount to another task, since the one that answers goes on although it was cancelled."""
        caller, current = caller_of(request.scope), current_request.get()
        if caller is not None:
            caller.detach()
        uri = request.mount.uri if current is None else current.route
        seconds = time.perf_counter() - request.started
        self._answering.start(self._answer_instead(request.scope, send, uri, error, seconds, request.mount))

    async def _handle(self, scope: Scope, receive: Receive, send: Send, match: RouteMatch, route: Route, endpoint: Endpoint) -> AnyResponse:
        """Answer by a handler: the steps in their order."""
        headers = dict(reversed(scope["headers"]))  # reversed, so that of several of one name the first is kept
        if route.checks_origin or scope["method"] not in SAFE_METHODS:
            self._cross_site.check(scope, headers)
        principal = None
        if self.permissions.named and (named := self.permissions.named.get(route)) is not None:
            principal = await self.permissions.admit(named, match, scope, headers)
            set_caller(principal)
        elif route.is_guarded:
            principal = await self._admission.admit(route, scope["path"], scope["query_string"], headers, client_address(scope))
            set_caller(principal)
        if endpoint.takes_key and IDEMPOTENCY_KEY in headers and not endpoint.keeps_keys:
            execute = partial(self._execute, scope, send, headers, match, route, endpoint, principal)
            limit = self._limits.of(route, headers)
            check_length(headers, limit)
            keyed = KeyedRequest(scope, bounded(receive, limit), headers, principal)
            return await self._idempotency.answer(keyed, execute, partial(failed_method_answer, endpoint, scope))
        return await self._execute(scope, send, headers, match, route, endpoint, principal, receive)

    async def _execute(
        self,
        scope: Scope,
        send: Send,
        headers: HeaderMap,
        match: RouteMatch,
        route: Route,
        endpoint: Endpoint,
        principal: Principal | None,
        receive: Receive,
    ) -> AnyResponse:
        """Run the method of a handler for an admitted caller, and make the answer of its result."""
        call = Call(self._service, match.groups, principal=principal)
        names = endpoint.invocation.names
        if "content" in names and has_body(headers):
            is_validated = "content" in endpoint.invocation.models
            receive = await self._read_content(scope, headers, receive, route, call, is_validated)
        if "query" in names:
            call.query = scope["query_string"]
        if "request" in names and call.request is None:
            call.request = self._limits.bounded_request(route, headers, scope, receive, self._service.loop, principal)
        is_asking = "principal" in names or "service" in names
        if is_asking:
            waiting.set(caller_of(scope))
        try:
            result = await self._handling.run(route, endpoint, call, scope, send)
        finally:
            if is_asking:
                waiting.set(None)  # break the cycle request → context → caller → request
            if call.request is not None and call.request.has_form:
                await call.request.close()
        shown = NO_VALUES
        if endpoint.template is not None:
            request = call.request or self._limits.bounded_request(route, headers, scope, receive, self._service.loop)
            shown = {"user": call.user, "principal": principal, "request": request}
        return make_reply(result, lambda: format_of(scope), endpoint, shown)

    async def _read_content(
        self, scope: Scope, headers: HeaderMap, receive: Receive, route: Route, call: Call, is_validated: bool
    ) -> Receive:
        """Read the body, or give the handler the request to read it itself; one whose content has a model gets a body that can be read."""
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        check_length(headers, self._limits.of(route, headers))
        if b"content-length" not in headers or b"transfer-encoding" in headers:
            receive = bounded(receive, self._limits.of(route, headers))
        if is_validated and not is_decodable(content_type):
            raise UnsupportedContent(media_type(content_type), (JSON, XML, URLENCODED))
        if not route.decode_content or not is_decodable(content_type):
            call.content = call.request = self._limits.request(
                route, headers, scope, receive, self._service.loop, content_type, call.principal
            )
            return receive
        body = await read_body(receive)
        if body:
            text, value = decode(content_type, body)
            call.content = Body(media_type(content_type), text, value) if is_validated else value
        return receive


async def _nothing_more() -> Message:
    """Return at once that the caller is gone (ASGI): the handler that goes on still has the real ``receive``."""
    return {"type": "http.disconnect"}


def _allow(match: RouteMatch | None, mount: Mount | None, path: str) -> str:
    """Return the value of ``Allow`` for a path: the methods of handlers and of a mount; empty where there are none. RFC 9110 §10.2.1"""
    methods = {*(match.methods if match is not None else ()), *(mount.methods_at(path) if mount is not None else ())}
    return ", ".join(with_implied(methods))
