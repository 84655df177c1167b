"""Requests as handlers see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from functools import cached_property
from threading import get_ident
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from tigrest.concurrency.threads import HOME, callable_from_threads
from tigrest.errors import ContentTooLarge, MalformedContent
from tigrest.formats.charsets import to_utf8, xml_to_utf8
from tigrest.formats.content import URLENCODED, is_json, is_xml, media_type, read_json, read_xml
from tigrest.formats.labels import check_form
from tigrest.formats.urlencoded import by_name, read_fields

CUT_OFF = "the request ended before its body did"


class BodyLimit(NamedTuple):
    """Limit of request bodies.

    Args:
        size: most bytes allowed.
        origin: what says so, for the error.
    """

    size: int
    origin: str = "[http] max_body"


class FormShare(Protocol):
    """A caller's share of the room for forms with large files, which are kept on the disk until their requests end."""

    def take(self) -> None:
        """Count one more form.

        Raises:
            TooManyWaiting: he has his share already.
        """

    def give_back(self) -> None:
        """Count one less."""


@callable_from_threads
class HandlerRequest(Request):
    """A Starlette request whose ``body()``, ``json()`` and ``form()`` also work from worker threads, where they block.

    Args:
        scope: of the request (ASGI).
        receive: of the request (ASGI), with a limit.
        loop: the running event loop.
        content_type: header ``Content-Type``; read from the scope when ``None``.
        whole: limit of a body that is read as a whole, where it is lower than that of ``receive``.
        share: counts the form of the caller, from its first byte until it is closed; ``None`` where forms are small.
    """

    _whole: BodyLimit | None = None
    _share: FormShare | None = None
    _has_share = False

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        loop: asyncio.AbstractEventLoop,
        content_type: str | None = None,
        whole: BodyLimit | None = None,
        share: FormShare | None = None,
    ) -> None:
        super().__init__(scope, receive)
        if whole is not None:
            self._whole, self._share = whole, share
        self.loop = loop
        self.__dict__[HOME] = get_ident()
        if content_type is not None:
            self.content_type = content_type

    @cached_property
    def content_type(self) -> str:
        """Return the header ``Content-Type``, with its parameters; empty when there is none. Faster than :attr:`headers`."""
        return header(self.scope, b"content-type")

    @property
    def has_form(self) -> bool:
        """Return whether a form was read, which may have files to close."""
        return self._form is not None

    async def body(self) -> bytes:
        """Return the whole body.

        Raises:
            ContentTooLarge: it is larger than what is read as a whole.
            MalformedContent: the caller went away before the end of it.
        """
        if not hasattr(self, "_body"):
            if self._stream_consumed:
                return await super().body()  # says what is wrong
            self._body = await read_body(self.receive if self._whole is None else self._receive_whole(self._whole))
        return self._body

    def _receive_whole(self, limit: BodyLimit) -> Receive:
        length = header(self.scope, b"content-length")
        check_length({b"content-length": length.encode()}, limit)
        return bounded(self.receive, limit)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Return the body part by part, as it comes.

        Raises:
            ContentTooLarge: it is over the limit.
            MalformedContent: the caller went away before the end of it.
        """
        try:
            async for part in super().stream():
                yield part
        except ClientDisconnect:
            raise MalformedContent(CUT_OFF) from None

    async def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            MalformedContent: it is not JSON.
            UnsupportedCharset: it declares a charset that is not read.
        """
        return read_json(to_utf8(self.content_type, await self.body()))

    async def form(self, *, max_files: float = 1000, max_fields: float = 1000, max_part_size: int = 1024 * 1024) -> FormData:  # type: ignore[override]
        """Return the body as a form, ``multipart/form-data`` included.

        Args:
            max_files: limit of files.
            max_fields: limit of other fields.
            max_part_size: limit of a field that is no file, in bytes.

        Raises:
            MalformedContent: it is not a form, or over one of the limits.
            MislabelledContent: it is evidently something else.
            UnsupportedCharset: it declares a charset that is not read.
            TooManyWaiting: the caller sends as many forms with large files as he may already.
        """
        content_type = self.content_type
        if self._form is None and media_type(content_type) == URLENCODED:  # Starlette reads all charsets as UTF-8
            body = await self.body()
            check_form(body)
            self._form = FormData([*read_fields(content_type, body, max_fields)])
        if self._form is None and self._share is not None and not self._has_share:
            self._share.take()
            self._has_share = True
        try:
            return await super().form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        except MultiPartException as error:
            raise MalformedContent(f"the form cannot be read: {error.message}") from None
        finally:
            if self._form is None:
                self._give_back()

    async def close(self) -> None:
        """Close the files of the form."""
        try:
            await super().close()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        if self._has_share and self._share is not None:
            self._has_share = False
            self._share.give_back()


def header(scope: Scope, name: bytes) -> str:
    """Return the first value of a header, or the empty string.

    Args:
        scope: of the request (ASGI).
        name: in lower case.
    """
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def check_path(scope: Scope) -> None:
    """Check that a path is UTF-8 without NUL; decoding has replaced what is not.

    Args:
        scope: of the request (ASGI).

    Raises:
        MalformedContent: it is not.
    """
    try:
        if "\x00" not in unquote_to_bytes(scope.get("raw_path") or b"").decode():
            return
    except UnicodeDecodeError:
        pass
    raise MalformedContent("the path is not UTF-8 or has a NUL character")


def client_address(scope: Scope) -> str:
    """Return the IP address of the caller; empty when it is unknown.

    Args:
        scope: of the request (ASGI).
    """
    client = scope.get("client")
    return str(client[0]) if client else ""


def base_url(scope: Scope) -> str:
    """Return scheme and host that the caller used, for addresses that he can follow.

    Args:
        scope: of the request (ASGI).
    """
    return f"{scope.get('scheme', 'http')}://{header(scope, b'host') or 'localhost'}"


def bounded(receive: Receive, limit: BodyLimit) -> Receive:
    """Return a ``receive`` that raises when a body is over a limit.

    Args:
        receive: of the request (ASGI).
        limit: of the body.
    """
    total = 0

    async def receive_bounded() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit.size:
            raise ContentTooLarge(*limit)
        return message

    return receive_bounded


async def read_body(receive: Receive) -> bytes:
    """Read a body to its end.

    Raises:
        MalformedContent: the caller went away before the end of it.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    raise MalformedContent(CUT_OFF)


def check_length(headers: Mapping[bytes, bytes], limit: BodyLimit) -> None:
    """Refuse a request whose ``Content-Length`` is over a limit.

    Args:
        headers: by name in lower case.
        limit: of the body.

    Raises:
        ContentTooLarge: it is.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > limit.size:
        raise ContentTooLarge(*limit)


def has_body(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a request announces a body. RFC 9112 §6.3

    Args:
        headers: by name in lower case.
    """
    length = headers.get(b"content-length")
    return length not in (b"", b"0") if length is not None else bool(headers.get(b"transfer-encoding"))


def decode(content_type: str, body: bytes) -> tuple[bytes, Any]:
    """Decode a body by its ``Content-Type``.

    Returns:
        The body in UTF-8, and its value; ``None`` when its type is none of XML, JSON and form.

    Raises:
        MalformedContent: it is not what its type claims.
        MislabelledContent: it is no form, although its type says so.
        UnsupportedCharset: it declares a charset that is not read.
    """
    media = media_type(content_type)
    if is_json(media):
        body = to_utf8(content_type, body)
        return body, read_json(body)
    if is_xml(media):
        body = xml_to_utf8(content_type, body)
        return body, read_xml(body)
    if media == URLENCODED:
        check_form(body)
        return body, by_name(read_fields(content_type, body))
    return body, None


def is_decodable(content_type: str) -> bool:
    """Return whether :func:`decode` knows a media type."""
    media = media_type(content_type)
    return is_json(media) or is_xml(media) or media == URLENCODED
