"""Replies: status, headers and bytes; and errors as such. Results of handlers are in :mod:`tigrest.http.results`."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tigrest.errors import (
    ArgumentError,
    Forbidden,
    InvalidToken,
    RetryLater,
    ScriptMistake,
    StanzaError,
    UnprocessableContent,
    UnsupportedContent,
)
from tigrest.formats.content import write_json, write_xml
from tigrest.http.accepted_format import AcceptedFormat
from tigrest.http.pages import render
from tigrest.http.statuses import phrase, status_of
from tigrest.http.wire.whole_reply import WHOLE_REPLY, WholeReply
from tigrest.observability.context import request_id
from tigrest.xmpp.conditions import mapping_of

HeaderList = list[tuple[bytes, bytes]]
PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"

PAGE_TYPE = b"text/html; charset=utf-8"
PAGE_HEADERS: HeaderList = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
]
XML_HEADERS: HeaderList = [(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox")]
"""Browsers show XML as a document, and would run XHTML scripts in it, such as those in a stranger's reply."""

BEARER_CHALLENGE = 'Bearer realm="tigrest", error="invalid_token"'
"""Beginning of the header of a 401 for a token. RFC 6750 §3"""

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
    answer.body_iterator = pieces = _nothing() if scope["method"] == "HEAD" else _pieces(body)
    try:
        await answer(scope, receive, send)
    finally:
        await pieces.aclose()
        if (close := getattr(body, "aclose", None)) is not None:
            await close()


async def _pieces(body: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    """Give the pieces of a stream. ``sys.exit()`` in it would end the event loop, not only the task that it runs in."""
    try:
        async for piece in body:
            yield piece
    except (SystemExit, KeyboardInterrupt) as error:
        did = "calls sys.exit()" if isinstance(error, SystemExit) else "raises KeyboardInterrupt"
        raise RuntimeError(f"the script {did} in its stream") from error


async def _nothing() -> AsyncGenerator[bytes, None]:
    for piece in (b"",):
        yield piece


class InvalidHead(ValueError):
    """A status, header or media type cannot be sent; the message says which, and what to write."""


FINAL_STATUSES = range(200, 600)
"""Statuses of an answer. Those below, such as 100 and 101, announce one or end HTTP. RFC 9110 §15"""

ERROR_STATUSES = range(300, 600)
"""Statuses that an ``HTTPException`` may have."""

COMPUTED_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
"""Headers that say where an answer ends: another value than the real one would have callers wait, or read on into the next answer."""

_NOT_A_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_LATIN = re.compile(r"[^\x00-\xff]")
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*(;.*)?")


def checked_status(status: object, allowed: range = FINAL_STATUSES) -> int:
    """Return a status as a plain number.

    Args:
        status: what a script gave.
        allowed: the statuses that may be sent.

    Raises:
        InvalidHead: it is none of those allowed.
    """
    if isinstance(status, int) and not isinstance(status, bool) and status in allowed:
        return int(status)
    raise InvalidHead(f"status {status!r} is no number from {allowed[0]} to {allowed[-1]}")


def header_name(text: object) -> bytes:
    """Return the name of a header as bytes, in lower case. RFC 9110 §5.6.2

    Raises:
        InvalidHead: it is no name.
    """
    if not isinstance(text, str) or not text or _NOT_A_NAME.search(text):
        raise InvalidHead(f"{text!r} is not the name of a header")
    return text.lower().encode()


def header_value(name: str, text: object) -> bytes:
    """Return the value of a header as bytes. RFC 9110 §5.5

    Args:
        name: of the header, for the error.
        text: its value.

    Raises:
        InvalidHead: it is no text, or has a character that headers cannot carry.
    """
    if not isinstance(text, str):
        raise InvalidHead(f"header {name} is of type {type(text).__name__}: give text; for several of one name return a Starlette response")
    if _CONTROL.search(text):
        raise InvalidHead(f"header {name} may not contain a line break or another control character")
    if (culprit := _NOT_LATIN.search(text)) is not None:
        raise InvalidHead(f"header {name} cannot carry the character U+{ord(culprit[0]):04X}: percent-encode it (RFC 8187)")
    return text.encode("latin-1").strip(b" \t")


def content_type_value(text: object) -> bytes:
    """Return a media type as the value of ``Content-Type``; empty for none. RFC 9110 §8.3.1

    Raises:
        InvalidHead: it is no media type.
    """
    value = header_value("Content-Type", text)
    if value and not _MEDIA_TYPE.fullmatch(value.decode("latin-1")):
        raise InvalidHead(f"content_type {text!r} is not a media type: write one such as text/plain")
    return value


def check_error_head(error: Exception) -> None:
    """Check that an error can be answered: of some, a script chooses status or headers.

    Raises:
        InvalidHead: its status, a header or what becomes one cannot be sent.
    """
    if isinstance(error, HTTPException):
        checked_status(error.status_code, ERROR_STATUSES)
        for name, value in (error.headers or {}).items():
            header_value(header_name(name).decode(), value)
    elif isinstance(error, UnsupportedContent):
        for media_type in error.supported:
            content_type_value(media_type)
    elif isinstance(error, RetryLater) and not (isinstance(error.retry_after, int | float) and math.isfinite(error.retry_after)):
        raise InvalidHead(f"retry_after {error.retry_after!r} is no number of seconds")


def problem(error: BaseException, accepted: AcceptedFormat) -> Reply:
    """Turn an error into a problem document (RFC 9457). Unexpected errors are not shown: see :func:`is_expected`.

    Args:
        error: what was raised.
        accepted: the format that the caller accepts.
    """
    return problem_reply(error, problem_members(error), accepted)


def problem_members(error: BaseException) -> dict[str, Any]:
    """Return the members of the problem document of an error. RFC 9457 §3.1"""
    status = status_of(error)
    detail = _detail(error) if is_expected(error) else f"an error in the gateway or in a script; its log has it under {request_id()}"
    document: dict[str, Any] = {"type": "about:blank", "title": phrase(status), "status": status, "detail": detail}
    if isinstance(error, StanzaError):
        document["condition"] = error.condition
        document["text"] = error.text or None
        if error.command_condition:
            document["command_condition"] = error.command_condition
    if isinstance(error, ArgumentError):
        document |= {"argument": error.argument, "reason": error.reason}
    if isinstance(error, Forbidden):
        document |= {"rule": error.rule, "reason": detail}
    if isinstance(error, UnprocessableContent):
        document["errors"] = [asdict(each) for each in error.problems]
    document["request_id"] = request_id()
    return document


def problem_reply(error: BaseException, document: dict[str, Any], accepted: AcceptedFormat) -> Reply:
    """Return a problem document as an answer.

    Args:
        error: what was raised; says which headers belong to it.
        document: its members.
        accepted: the format that the caller accepts.
    """
    status, extra = document["status"], error_headers(error)
    if accepted.html:
        return Reply(status, PAGE_TYPE, render("problem.html", problem=document), [*extra, *PAGE_HEADERS])
    if accepted.encoding == "json":
        return Reply(status, b"application/problem+json", write_json(document), extra)
    body = write_xml({"problem": document}).replace(b"<problem>", f'<problem xmlns="{PROBLEM_NAMESPACE}">'.encode(), 1)
    return Reply(status, b"application/problem+xml", body, [*extra, *XML_HEADERS])


def is_expected(error: BaseException) -> bool:
    """Return whether an error says what callers may know; other errors are defects, whose texts may hold secrets."""
    return isinstance(error, HTTPException) or (mapping_of(error) is not None and not isinstance(error, ScriptMistake))


def _detail(error: BaseException) -> str:
    detail: object = error.detail if isinstance(error, HTTPException) else str(error)
    return detail if isinstance(detail, str) else write_json(detail).decode()


def _bearer_challenge(error: InvalidToken) -> tuple[bytes, bytes]:
    """Return the challenge of a 401 for a token, which says why, in the characters that may stand there. RFC 6750 §3"""
    described = re.sub(r"[^ !#-\[\]-~]", "'", str(error))
    return b"www-authenticate", f'{BEARER_CHALLENGE}, error_description="{described}"'.encode("ascii")


def error_headers(error: BaseException) -> HeaderList:
    """Return the headers of the answer for an error: its own, and those that its status demands."""
    headers: HeaderList = []
    if isinstance(error, HTTPException) and error.headers:
        headers = [(header_name(name), header_value(name, value)) for name, value in error.headers.items()]
    if status_of(error) == 401 and not any(name == CHALLENGE[0] for name, _ in headers):
        headers.append(_bearer_challenge(error) if isinstance(error, InvalidToken) else CHALLENGE)
    if isinstance(error, UnsupportedContent) and error.supported:  # RFC 9110 §15.5.16
        headers.append((b"accept", header_value("accept", ", ".join(error.supported))))
    if isinstance(error, RetryLater):
        headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
    return headers
