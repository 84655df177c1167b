"""HTTP/1.1 on the wire: uvicorn's protocol, with an end to what a request head may cost.

httptools keeps no total of a head that is still coming in, and calls back for a header only when it is complete. So the
bytes fed are counted until the parser gets somewhere: a head, a piece of a body, the end of a message. What grows beyond
the limit without getting anywhere is refused; a head that came in whole is measured once. What one connection can make us
keep is so bounded by the limit and one piece read from the socket (256 KiB).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tigrest.http.wire.head import MAX_HEAD, MAX_HEADERS, MAX_TARGET, BadHead, check_host, head_size, split_absolute, too_large
from tigrest.http.wire.limits import DEFAULT_LIMITS, Limits
from tigrest.http.wire.progress import progress_of, reset
from tigrest.http.wire.request_cycle import RequestCycle

PATIENCE = 30.0
"""Seconds for a connection to get somewhere with what it has begun to send."""

LINGER = 2.0
"""Seconds for which the rest of a refused request is read and thrown away, so that the answer is not lost by a reset."""

MAX_LINGER = 8 * 1024 * 1024
"""Most bytes of it."""

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_NOT_HTTP = "the request is not valid HTTP/1.1"
_TOO_SLOW = f"the request did not arrive within {PATIENCE:.0f} s"


class HttpProtocol(HttpToolsProtocol):
    """Serves one connection."""

    url = b""
    _stalled = 0
    """Bytes fed since the parser last got somewhere."""
    _is_long = False
    """Whether what came in lately is so long that a head in it may be too large."""
    _host: bytes | None = None
    """Header ``Host`` of the request that comes in; empty when there are several."""
    _valid_host: bytes | None = None
    """The last one that was found well-formed: most requests of a connection have the same."""
    _refused = False
    _thrown_away = 0
    _timer: asyncio.TimerHandle | None = None

    _idle_since = 0.0
    """When the last answer was complete, by the clock of the loop."""
    _taken = -1
    """What the peer had taken when it was last seen to take something, see :func:`progress_of`; -1 when nothing waits for it."""
    _taken_at = 0.0
    """When that was, by the clock of the loop."""
    cycle: RequestCycle
    """The request that came in last."""
    serving: RequestCycle | None = None
    """The request being answered; further ones may wait behind it."""

    def __init__(self, *args: Any, limits: Limits = DEFAULT_LIMITS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve, and to wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(PATIENCE, self._give_up)
        self._idle_since = self.loop.time()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the requests that have no complete answer yet that their caller is gone."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        for exchange in {self.serving, self.cycle}:
            if exchange is not None and not exchange.response_complete:
                exchange.disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came in."""
        if self._refused:
            self._throw_away(data)
            return
        self._stalled += len(data)
        self._is_long = self._stalled > MAX_HEAD
        try:
            self.parser.feed_data(data)
        except HttpParserError as error:
            self._refuse(*_fault(error))
        except HttpParserUpgrade as upgrade:
            self._continue_without_upgrade(data[upgrade.args[0] :])
        else:
            if self._stalled:
                self._watch()

    def on_message_begin(self) -> None:
        """Begin with a request."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._host = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field."""
        name = name.lower()
        if name == b"host":
            self._host = value if self._host is None else b""
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head; if it is within the limits and says for which host it is, have the request answered."""
        self._stalled = 0
        if self._timer is not None:
            self._stop_timer()
        headers = self.headers
        if len(self.url) > MAX_TARGET or len(headers) > MAX_HEADERS or (self._is_long and head_size(self.url, headers) > MAX_HEAD):
            raise too_large(self.url)
        before = self.cycle
        version = self.parser.get_http_version()
        host = self._host
        if host is None or host != self._valid_host:
            check_host(host, version, headers)
            self._valid_host = host
        if not self.url.startswith(b"/") and self.url != b"*":
            self._resolve_target()
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        self.cycle = exchange = RequestCycle(self, self._scope(version), keep_alive, self.expect_100_continue)
        self.headers = []  # trailer fields are no header fields; they are ignored, as RFC 9110 §6.5.1 allows
        if before is None or before.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _resolve_target(self) -> None:
        """Turn a target in absolute form into one in origin form; its host counts, whatever ``Host`` says."""
        host, self.url = split_absolute(self.url)
        self.headers[:] = [(b"host", host), *[header for header in self.headers if header[0] != b"host"]]

    def _scope(self, version: str) -> dict[str, Any]:
        """Describe the request (ASGI)."""
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": self.parser.get_method().decode("ascii"),
            "root_path": self.root_path,
            "path": self.root_path + (unquote(path) if "%" in path else path),
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "state": {},
        }

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.serving = cycle
        cycle.task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(cycle.task)

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of a body."""
        self._stalled = 0
        if self._timer is not None:
            self._stop_timer()
        exchange = self.cycle
        if not exchange.response_complete:
            exchange.feed(body)
            if len(exchange.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Pass on the end of a body."""
        self._stalled = 0
        if self._timer is not None:
            self._stop_timer()
        if not self.cycle.response_complete:
            self.cycle.end_body()

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is here already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def shutdown(self) -> None:
        """Answer what is being answered, and close. An event stream, which would go on for ever, ends now."""
        if self.serving is not None:
            self.serving.finish()
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is idle for too long; one timer, which looks again when that may be so."""
        busy = self._stalled > 0 or (self.cycle is not None and not self.cycle.response_complete)
        left = self.timeout_keep_alive - (0.0 if busy else self.loop.time() - self._idle_since)
        if left > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            self.transport.close()

    def _watch(self) -> None:
        """Look after what has begun to come in and is not complete."""
        if self._stalled > MAX_HEAD:
            error = too_large(self.url)
            self._refuse(error.status, error.detail)
        elif self._timer is None:
            self._timer = self.loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self.flow.read_paused:
            self._timer = self.loop.call_later(PATIENCE, self._give_up)  # it is we who do not read
        elif self._stalled:
            self._refuse(408, _TOO_SLOW)
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check_sending(self, now: float) -> bool:
        """Cut the connection if its peer has taken nothing of what waits for it for too long.

        Args:
            now: by the clock of the loop.

        Returns:
            Whether it was cut.
        """
        serving = self.serving
        is_answering = serving is not None and serving.response_started and not serving.response_complete
        waiting = self.transport.get_write_buffer_size()
        taken = progress_of(self.transport, waiting) if waiting or is_answering else -1
        if taken != self._taken or taken == -1:
            self._taken, self._taken_at = taken, now
        elif now - self._taken_at >= self.limits.send:
            reset(self.transport)
            return True
        return False

    def _refuse(self, status: int, detail: str) -> None:
        """Read nothing more from this connection; say why, if nothing else is being said on it."""
        self._refused = True
        self._stop_timer()
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle is None or cycle.response_complete:
            self._answer(status, detail)
        elif not cycle.more_body:
            cycle.keep_alive = False  # requests before this one are answered first
        elif cycle.response_started or self.pipeline:
            self.transport.close()
        else:
            cycle.disconnect()
            self._answer(status, detail)

    def _answer(self, status: int, detail: str) -> None:
        self._write_problem(status, detail)
        self.linger()

    def _write_problem(self, status: int, detail: str) -> None:
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
        body = json.dumps(problem).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)

    def give_up(self) -> None:
        """Answer 503, unless an answer has begun: the server stops, and the application does not answer any more."""
        serving = self.serving
        if serving is not None and not serving.response_started and not serving.disconnected:
            serving.response_started = serving.response_complete = True
            self._write_problem(503, "the gateway is stopping")
            self.transport.close()  # at once: the loop is about to end

    def linger(self) -> None:
        """Close, but read and drop what still comes in for a moment: a reset would take the answer away from the caller."""
        self._refused = True
        self._stop_timer()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
            self._timer = self.loop.call_later(LINGER, self.transport.abort)
        else:
            self.transport.close()

    def _throw_away(self, data: bytes) -> None:
        self._thrown_away += len(data)
        if self._thrown_away > MAX_LINGER:
            self.transport.abort()

    def _continue_without_upgrade(self, rest: bytes) -> None:
        """Serve a request that offers an upgrade as the plain request that it is too (Java's client offers HTTP/2 so).

        The parser stops behind such a head as if there were no body, so another one goes on from there.

        RFC 9110 §7.8
        """
        framing = [header for header in self.cycle.scope["headers"] if header[0] in (b"content-length", b"transfer-encoding")]
        callbacks = _MutableHead(self)
        self.parser = HttpRequestParser(callbacks)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        if framing:
            fields = b"".join(b"%s: %s\r\n" % header for header in framing)
            self.cycle.more_body = True
            try:
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + fields + b"\r\n")
            except HttpParserError:
                self._refuse(400, _NOT_HTTP)
                return
        callbacks.muted = False
        if rest:
            self.data_received(rest)

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing is wrong with an upgrade that is offered and not taken."""


def _fault(error: HttpParserError) -> tuple[int, str]:
    """Return status and reason for a request that the parser gave up, by itself or because one of our callbacks raised."""
    cause = error.__context__
    return (cause.status, cause.detail) if isinstance(cause, BadHead) else (400, _NOT_HTTP)


class _MutableHead:
    """The callbacks of a protocol, silent at first: its new parser is told framing that the protocol knows already."""

    def __init__(self, protocol: HttpProtocol) -> None:
        self.muted = True
        self.on_message_begin = self._unless_muted(protocol.on_message_begin)
        self.on_url = self._unless_muted(protocol.on_url)
        self.on_header = self._unless_muted(protocol.on_header)
        self.on_headers_complete = self._unless_muted(protocol.on_headers_complete)
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def _unless_muted(self, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any) -> None:
            if not self.muted:
                callback(*args)

        return call
