"""One request and its answer, between a connection and the application.

A cycle speaks ASGI like uvicorn's, which it extends. It does not create what a request with a short answer never uses (an event, the
state of a chunked answer), and it offers the application to send a whole answer in one call instead of two messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from tigrest.concurrency.caller import CALLER
from tigrest.errors import BodyTimeout
from tigrest.http.wire.limits import ConnectionLimits
from tigrest.http.wire.whole_reply import WHOLE_REPLY, AnswerFailed, HeaderFields


class Connection(Protocol):
    """The connection, as far as a request cycle uses it."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: Any
    logger: logging.Logger
    server_state: Any
    tasks: set[asyncio.Task[None]]
    limits: ConnectionLimits

    def on_response_complete(self) -> None:
        """Go on with the next request."""

    def give_up(self) -> None:
        """Answer 503 in place of an application that was cancelled because the server stops."""

    def linger(self) -> None:
        """Close, but read and drop what still comes in for a moment."""


_DEFAULTS = frozenset({b"date", b"server", b"x-content-type-options", b"x-frame-options"})
"""Headers of all answers. One that an answer brings itself takes their place: two of a name would contradict each other."""
_BY_MESSAGE = frozenset({b"content-length", b"transfer-encoding", b"connection"}) | _DEFAULTS
"""Headers by which an answer takes the usual messages."""
_EVENTS = b"text/event-stream"
_WITHOUT_BODY = frozenset({204, 304})
_defaults: tuple[Any, bytes] = (None, b"")


class RequestCycle(RequestResponseCycle):
    """Serve one request.

    Args:
        protocol: of the connection.
        scope: of the request (ASGI).
        keep_alive: whether the connection stays open behind it.
        expects_continue: whether the caller waits for ``100 Continue`` before sending the body. RFC 9110 §10.1.1
    """

    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    access_log = False
    is_event_stream = False
    """True when the answer is ``text/event-stream``, which has no end of its own; set when it has begun."""
    task: asyncio.Task[None]
    """The task that serves it; set when it has begun."""
    waits_for_body = False
    _waited = 0.0
    """Seconds spent waiting for the parts of the body that have come in."""
    _is_upload = False
    _received = 0
    """Bytes of an upload that the application has got."""
    _is_last = False
    _is_detached = False
    _news = False
    _signal: asyncio.Event | None = None
    _gone_callbacks: list[Callable[[], object]] | None = None

    def __init__(self, protocol: Connection, scope: Any, keep_alive: bool, expects_continue: bool) -> None:
        self.scope = scope
        self.protocol = protocol
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.on_response = protocol.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects_continue
        self.body = bytearray()
        scope["extensions"] = {WHOLE_REPLY: self.reply, CALLER: self}

    async def run_asgi(self, app: Any) -> None:
        """Run the application; answer 500 or close the connection when it fails."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.response_complete and not self.disconnected:
                raise RuntimeError("the application ended without an answer")
        except BaseException as error:  # CancelledError too: when the server stops, the caller still waits
            is_cancelled = isinstance(error, asyncio.CancelledError)
            if is_cancelled and (self.disconnected or self.response_complete or self._is_detached):
                return  # nobody waits any more, or another task answers
            if is_cancelled and not self.response_started and self.task.cancelling():
                self.protocol.give_up()
                return
            if not isinstance(error, AnswerFailed):
                self.logger.error("Exception in ASGI application", exc_info=error)
            if self.response_complete and isinstance(error, AnswerFailed):
                return
            if self.response_started:
                self.transport.close()
            else:
                await self.send_500_response()
        finally:
            self.protocol.tasks.discard(self.task)
            self._gone_callbacks = None
            self.scope["extensions"].clear()  # break the cycle scope → extensions → self → scope

    # from the connection

    def feed(self, body: bytes) -> None:
        """Add a piece of the body."""
        self.body += body
        self._tell()

    def end_body(self) -> None:
        """Note that the body is complete."""
        self.more_body = False
        self._tell()

    def disconnect(self) -> None:
        """Note that the caller is gone, and schedule the callbacks of :meth:`on_gone`."""
        self.disconnected = True
        callbacks, self._gone_callbacks = self._gone_callbacks, None
        for callback in callbacks or ():
            self.protocol.loop.call_soon(callback)
        self._tell()

    def _tell(self) -> None:
        self._news = True
        if self._signal is not None:
            self._signal.set()

    # to the application

    def expect_upload(self) -> None:
        """Give the body more time the more of it has come: see :meth:`~tigrest.concurrency.caller.Caller.expect_upload`."""
        self._is_upload = True

    def detach(self) -> None:
        """Stop waiting for the task that serves the request: see :meth:`~tigrest.concurrency.caller.Caller.detach`."""
        self._is_detached = True
        self.protocol.tasks.discard(self.task)

    @property
    def is_gone(self) -> bool:
        """Return whether the caller went away before the answer was complete."""
        return self.disconnected

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Call back once if the caller goes away: see :meth:`~tigrest.concurrency.caller.Waiting.on_gone`."""
        if self.disconnected:
            self.protocol.loop.call_soon(callback)
        elif not self.response_complete:
            if self._gone_callbacks is None:
                self._gone_callbacks = []
            self._gone_callbacks.append(callback)

    def off_gone(self, callback: Callable[[], object]) -> None:
        """Undo one :meth:`on_gone`."""
        if self._gone_callbacks is not None and callback in self._gone_callbacks:
            self._gone_callbacks.remove(callback)

    async def receive(self) -> Any:
        """Return what came in since the last call, or wait for it (ASGI)."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if self.flow.read_paused:
            self.flow.resume_reading()
        if not self._news and not self.disconnected and not self.response_complete:
            self._signal = asyncio.Event()
            if self.more_body and not self.response_started:
                await self._wait_for_body(self._signal)
            else:
                await self._signal.wait()
        self._news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        if self._is_upload:
            self._received += len(body)
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _wait_for_body(self, signal: asyncio.Event) -> None:
        """Wait for a piece of the body.

        The limit is for all waits of a request together, without the time that the application takes between them. That of an upload
        grows with what has come.

        Raises:
            BodyTimeout: the limit is reached.
        """
        limits, loop = self.protocol.limits, self.protocol.loop
        limit = limits.body + (self._received / limits.upload_rate if self._is_upload else 0.0)
        began = loop.time()
        self.waits_for_body = True
        try:
            async with asyncio.timeout_at(began + limit - self._waited):
                await signal.wait()
        except BaseException as error:
            self.keep_alive = False
            if isinstance(error, TimeoutError):
                raise BodyTimeout(limit) from None
            raise
        self.waits_for_body = False  # stays true when the wait is cancelled: then the body did not arrive in time
        self._waited += loop.time() - began

    def reply(self, status: int, content_type: bytes, body: bytes, headers: HeaderFields) -> bool:
        """Send a whole answer in one write.

        Args:
            status: HTTP status.
            content_type: header ``Content-Type``; empty for none.
            body: left out for HEAD.
            headers: further headers, in lower case.

        Returns:
            Whether it was sent. ``False`` when the caller does not read, or the headers say how the body is framed: then it is
            to be sent in the usual messages.
        """
        if self.response_started or self.flow.write_paused:
            return False
        if self.disconnected:
            return True
        parts = [STATUS_LINE[status], _rendered(self.default_headers)]
        if content_type:
            parts.append(b"content-type: %b\r\n" % content_type)
        for name, value in headers:
            if name in _BY_MESSAGE:
                return False
            parts.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        if status in _WITHOUT_BODY:
            parts.append(b"\r\n")
        else:
            parts.append(b"content-length: %d\r\n\r\n" % len(body))
            if self.scope["method"] != "HEAD":
                parts.append(body)
        self.response_started = self.response_complete = True
        self.transport.write(b"".join(parts))
        self._tell()
        if not self.keep_alive:
            if self.more_body:
                self.protocol.linger()
            else:
                self.transport.close()
        self.on_response()
        return True

    async def send(self, message: Any) -> None:
        """Send a part of an answer (ASGI)."""
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            self.is_event_stream = any(name == b"content-type" and value.startswith(_EVENTS) for name, value in headers)
            if own := _DEFAULTS.intersection([name for name, _ in headers]):
                self.default_headers = [header for header in self.default_headers if header[0] not in own]
        await super().send(message)
        if self._is_last:
            self._end_event_stream()

    def finish(self) -> None:
        """End an event stream, now or as soon as it begins: the server stops."""
        self._is_last = True
        self._end_event_stream()

    def _end_event_stream(self) -> None:
        """End the event stream on the wire, and tell the application that the caller is gone."""
        if self.is_event_stream and not self.disconnected and not self.response_complete:
            if self.chunked_encoding:
                self.transport.write(b"0\r\n\r\n")
            self.response_complete = True
            self.disconnect()
            self.transport.close()
            self.protocol.loop.call_later(self.protocol.limits.flush, self.transport.abort)

    @property
    def message_event(self) -> Any:  # type: ignore[override]
        """Stand in for the event that uvicorn's ``send`` sets when the answer is complete."""
        return _Set(self._tell)


class _Set:
    """The one method of ``asyncio.Event`` that uvicorn calls here."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.set = tell


def _rendered(default_headers: Any) -> bytes:
    """Return the headers of all answers as bytes; memoised until uvicorn makes new ones, each second for the date."""
    global _defaults
    known, rendered = _defaults
    if known is not default_headers:
        rendered = b"".join([b"%b: %b\r\n" % header for header in default_headers])
        _defaults = (default_headers, rendered)
    return rendered
