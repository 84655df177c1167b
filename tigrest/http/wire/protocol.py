"""HTTP/1.1 connections: uvicorn's protocol with limits on request heads, on slow senders and on slow readers.

httptools keeps no total of a head that is still coming in, and calls back for a header only when that is complete. So the bytes fed
since the last callback that completes something (a head, a piece of a body, a message) are counted, and refused beyond the limit; a
head that came in whole is measured once. One connection can so make us buffer the limit plus one read from the socket (256 KiB).
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
from tigrest.http.wire.limits import DEFAULT_LIMITS, ConnectionLimits
from tigrest.http.wire.progress import progress_of, reset
from tigrest.http.wire.request_cycle import RequestCycle

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_NOT_HTTP = "the request is not valid HTTP/1.1"


class HttpProtocol(HttpToolsProtocol):
    """Serve one connection.

    Args:
        limits: of the connection; everything else as uvicorn gives it.
    """

    url = b""
    _stalled = 0
    """Bytes fed since the last callback that completed something."""
    _is_long = False
    """True when so many bytes were fed since then that a head among them may be over the limit."""
    _host: bytes | None = None
    """Header ``Host`` of the request being parsed; empty when there are several."""
    _valid_host: bytes | None = None
    """The last well-formed one: it is not checked again, since most requests of a connection have the same."""
    _refused = False
    _dropped = 0
    """Bytes dropped since a request was refused."""
    _timer: asyncio.TimerHandle | None = None

    _idle_since = 0.0
    """When the last answer was complete, in seconds of the loop's clock."""
    _taken = -1
    """Result of :func:`progress_of` when it last changed; -1 while nothing waits for the peer."""
    _taken_at = 0.0
    """When it changed, in seconds of the loop's clock."""
    cycle: RequestCycle
    """The request that came in last."""
    serving: RequestCycle | None = None
    """The request being answered; pipelined ones wait behind it."""

    def __init__(self, *args: Any, limits: ConnectionLimits = DEFAULT_LIMITS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timers for the first request and for idleness."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.limits.progress, self._give_up)
        self._idle_since = self.loop.time()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Disconnect the requests whose answers are not complete."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        for cycle in {self.serving, self.cycle}:
            if cycle is not None and not cycle.response_complete:
                cycle.disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, or drop what follows a refused request."""
        if self._refused:
            self._drop(data)
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
        """Reset what is known of the request."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._host = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field."""
        name = name.lower()
        if name == b"host":
            self._host = value if self._host is None else b""
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head, and start a task for the request, or queue it behind the one being answered.

        Raises:
            BadHead: it is over a limit, or its ``Host`` is missing or malformed; the parser reports it to :meth:`data_received`.
        """
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
        self.cycle = cycle = RequestCycle(self, self._scope(version), keep_alive, self.expect_100_continue)
        self.headers = []  # trailer fields are no header fields; they are ignored, as RFC 9110 §6.5.1 allows
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _resolve_target(self) -> None:
        """Turn a target in absolute form into origin form; its host replaces ``Host``. RFC 9112 §3.2.2"""
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
        cycle.task = asyncio.Task(cycle.run_asgi(app), loop=self.loop)  # past the task factory, which is for scripts
        self.tasks.add(cycle.task)

    def on_body(self, body: bytes) -> None:
        """Give a piece of a body to its request; stop reading when too much is buffered."""
        self._stalled = 0
        if self._timer is not None:
            self._stop_timer()
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.feed(body)
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Tell the request that its body is complete."""
        self._stalled = 0
        if self._timer is not None:
            self._stop_timer()
        if not self.cycle.response_complete:
            self.cycle.end_body()

    def on_response_complete(self) -> None:
        """Start the next pipelined request, if there is one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._idle_since = self.loop.time()
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def shutdown(self) -> None:
        """Close when the current answer is complete; an event stream, which never is, ends now."""
        if self.serving is not None:
            self.serving.finish()
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for too long; otherwise set the timer again.

        One timer a connection is cheaper than uvicorn's way, a new one after each answer.
        """
        busy = self._stalled > 0 or (self.cycle is not None and not self.cycle.response_complete)
        left = self.timeout_keep_alive - (0.0 if busy else self.loop.time() - self._idle_since)
        if left > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            self.transport.close()

    def _watch(self) -> None:
        """Limit size and time of what has begun to come in and is not complete."""
        if self._stalled > MAX_HEAD:
            error = too_large(self.url)
            self._refuse(error.status, error.detail)
        elif self._timer is None:
            self._timer = self.loop.call_later(self.limits.progress, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self.flow.read_paused:
            self._timer = self.loop.call_later(self.limits.progress, self._give_up)  # not the peer's fault: reading is paused
        elif self._stalled:
            self._refuse(408, f"the request did not arrive within {self.limits.progress:g} s")
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
        """Read no further request from this connection; answer with an error unless another answer is on its way."""
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
        """Answer 503 unless an answer has begun: the server stops, and the application was cancelled."""
        serving = self.serving
        if serving is not None and not serving.response_started and not serving.disconnected:
            serving.response_started = serving.response_complete = True
            self._write_problem(503, "the gateway is stopping")
            self.transport.close()  # at once: the loop is about to end

    def linger(self) -> None:
        """Half-close, and drop what still comes in for a moment.

        Closing at once would make the kernel send a reset when unread bytes arrive, and the peer would lose the answer. RFC 9112 §9.6
        """
        self._refused = True
        self._stop_timer()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
            self._timer = self.loop.call_later(self.limits.linger, self.transport.abort)
        else:
            self.transport.close()

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > self.limits.linger_bytes:
            self.transport.abort()

    def _continue_without_upgrade(self, rest: bytes) -> None:
        """Ignore an offered upgrade, and serve the request (Java's client offers HTTP/2 with each one).

        The parser stops behind such a head as if there were no body, so a new parser goes on from there.

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
        """Log nothing: an upgrade that is offered and not taken is normal."""


def _fault(error: HttpParserError) -> tuple[int, str]:
    """Return status and reason for a request that the parser refused, or one of our callbacks."""
    cause = error.__context__
    return (cause.status, cause.detail) if isinstance(cause, BadHead) else (400, _NOT_HTTP)


class _MutableHead:
    """Callbacks of a protocol that can be muted, while its new parser is fed header fields that the protocol has already seen."""

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
