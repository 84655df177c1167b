"""Replies: status, headers and bytes; and errors as such. Results of handlers are in :mod:`tigrest.http.results`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tigrest.errors import RetryLater, StanzaError, TigrestError, UnprocessableContent
from tigrest.formats.content import write_json, write_xml
from tigrest.http.accepted_format import AcceptedFormat
from tigrest.http.pages import render
from tigrest.http.statuses import phrase, status_of
from tigrest.http.wire.whole_reply import WHOLE_REPLY, WholeReply
from tigrest.observability.context import request_id

HeaderList = list[tuple[bytes, bytes]]
PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"

HTML = b"text/html; charset=utf-8"
PAGE_HEADERS: HeaderList = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
]
XML_HEADERS: HeaderList = [(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox")]
"""Browsers show XML as a document, and would run XHTML scripts in it, such as those in a stranger's reply."""

CHALLENGE = (b"www-authenticate", b'Basic realm="tigrest"')
"""Header of a 401 that has no challenge of its own. RFC 9110 §11.6.1"""


@dataclass
class Reply:
    """A response whose body is complete."""

    status: int
    content_type: bytes
    body: bytes
    headers: HeaderList = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it (ASGI), in one call where the server can do that."""
        whole: WholeReply | None = scope.get("extensions", {}).get(WHOLE_REPLY)
        if whole is not None and whole(self.status, self.content_type, self.body, self.headers):
            return
        headers: HeaderList = [(b"content-length", str(len(self.body)).encode()), *self.headers]
        if self.content_type:
            headers.insert(0, (b"content-type", self.content_type))
        if self.status in (204, 304):
            headers = [header for header in headers if header[0] not in (b"content-length", b"content-type")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


async def send_stream(answer: StreamingResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a streamed answer (ASGI), and close its iterator when the caller goes away.

    Starlette leaves closing to the garbage collector. For HEAD the iterator is not started: it may have no end.
    """
    body = answer.body_iterator
    if scope["method"] == "HEAD":
        answer.body_iterator = _nothing()
    try:
        await answer(scope, receive, send)
    finally:
        if (close := getattr(body, "aclose", None)) is not None:
            await close()


async def _nothing() -> AsyncIterator[bytes]:
    for piece in (b"",):
        yield piece


_NOT_A_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def header_name(text: str) -> bytes:
    """Return the name of a header as bytes. RFC 9110 §5.6.2"""
    if not text or _NOT_A_NAME.search(text):
        raise ValueError(f"{text!r} is not the name of a header")
    return text.lower().encode()


def header_value(text: str) -> bytes:
    """Return the value of a header as bytes, if it is on one line. RFC 9110 §5.5"""
    if _CONTROL.search(text):
        raise ValueError("a header may not contain a line break or another control character")
    return text.encode("latin-1", "replace")


def problem(error: BaseException, accepted: AcceptedFormat) -> Reply:
    """Turn an error into a problem document (RFC 9457). Unexpected errors are not shown: see :func:`is_expected`.

    Args:
        error: what was raised.
        accepted: the format that the caller accepts.
    """
    status = status_of(error)
    detail = _detail(error) if is_expected(error) else f"an error in the gateway or in a script; its log has it under {request_id()}"
    document: dict[str, Any] = {"type": "about:blank", "title": phrase(status), "status": status, "detail": detail}
    if isinstance(error, StanzaError):
        document["condition"] = error.condition
        document["text"] = error.text or None
    if isinstance(error, UnprocessableContent):
        document["errors"] = [asdict(each) for each in error.problems]
    document["request_id"] = request_id()
    extra = _headers_of(error, status)
    if accepted.html:
        return Reply(status, HTML, render("problem.html", problem=document), [*extra, *PAGE_HEADERS])
    if accepted.encoding == "json":
        return Reply(status, b"application/problem+json", write_json(document), extra)
    body = write_xml({"problem": document}).replace(b"<problem>", f'<problem xmlns="{PROBLEM_NAMESPACE}">'.encode(), 1)
    return Reply(status, b"application/problem+xml", body, [*extra, *XML_HEADERS])


def is_expected(error: BaseException) -> bool:
    """Return whether an error says what callers may know; other errors are defects, whose texts may hold secrets."""
    return isinstance(error, TigrestError | HTTPException)


def _detail(error: BaseException) -> str:
    if isinstance(error, HTTPException):
        return str(error.detail)
    return str(error)


def _headers_of(error: BaseException, status: int) -> HeaderList:
    headers: HeaderList = []
    if isinstance(error, HTTPException) and error.headers:
        headers = [(header_name(name), header_value(value)) for name, value in error.headers.items()]
    if status == 401 and not any(name == CHALLENGE[0] for name, _ in headers):
        headers.append(CHALLENGE)
    if isinstance(error, RetryLater):
        headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
    return headers
