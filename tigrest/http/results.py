"""Results: what a handler returned, as a reply."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tigrest.formats.content import JSON, XML, is_json, is_xml, media_type, write_json, write_xml
from tigrest.formats.encoding import Unencodable, is_document, plain
from tigrest.formats.images import image_type
from tigrest.http.accepted_format import AcceptedFormat
from tigrest.http.replies import (
    COMPUTED_HEADERS,
    PAGE_TYPE,
    XML_HEADERS,
    HeaderList,
    InvalidHead,
    Reply,
    check_error_head,
    checked_status,
    content_type_value,
    header_name,
    header_value,
)
from tigrest.scripting.handler import Result
from tigrest.scripting.routes import Endpoint
from tigrest.xmpp.stanza import Stanza

_JSON, _XML = JSON.encode(), XML.encode()
_BYTES_LIKE = (bytearray, memoryview)
XHTML_TYPE = "application/xhtml+xml"

MEMOISED_TYPE_LENGTH = 100
"""Length up to which media types of scripts are memoised as headers, in characters."""


class InvalidResult(TypeError):
    """The result of a handler cannot be sent; the message says by which method, and what is wrong with it."""


def make_reply(result: Any, accepted: Callable[[], AcceptedFormat], endpoint: Endpoint, page_values: Mapping[str, Any]) -> Reply | Response:
    """Turn the result of a handler into a response.

    Args:
        result: what it returned or gave to ``callback``.
        accepted: returns the format that the caller accepts; called only where there is a choice.
        endpoint: the method that returned it; may have a page.
        page_values: values for its page besides ``result``.

    Raises:
        HTTPException: 404 for ``None``.
        InvalidResult: the result, or something in it, is of a kind that cannot be sent.
    """
    try:
        if type(result) is Result:
            return _reply_to_result(result, accepted, endpoint, page_values)
        return _reply_to(result, accepted, endpoint, page_values)
    except Unencodable as error:
        if inspect.iscoroutine(error.culprit):
            error.culprit.close()  # else Python warns of it, some time later
        raise InvalidResult(f"{endpoint.invocation.where}: the result cannot be sent: {error}") from None
    except InvalidHead as error:
        raise InvalidResult(f"{endpoint.invocation.where}: the result cannot be sent: {error}") from None


def check_raised(error: Exception, endpoint: Endpoint) -> Exception:
    """Return what to answer for an exception of a handler: one with a head or detail that cannot be sent is a defect.

    Args:
        error: what was raised.
        endpoint: the method that raised it.
    """
    try:
        check_error_head(error)
        if isinstance(error, HTTPException):
            plain(error.detail)
    except (InvalidHead, Unencodable) as problem:
        invalid = InvalidResult(f"{endpoint.invocation.where}: its {type(error).__name__} cannot be sent: {problem}")
        invalid.__cause__ = error
        return invalid
    return error


def _reply_to(result: Any, accepted: Callable[[], AcceptedFormat], endpoint: Endpoint, page_values: Mapping[str, Any]) -> Reply | Response:
    if isinstance(result, (dict, list)):
        return _reply_to_value(result, accepted(), endpoint, page_values)
    if isinstance(result, Result):
        return _reply_to_result(result, accepted, endpoint, page_values)
    if isinstance(result, str):
        return Reply(200, b"text/plain; charset=utf-8", result.encode("utf-8", "replace"))
    if isinstance(result, Response):
        _check_response(result)
        return result
    if isinstance(result, (bytes, bytearray, memoryview)):
        data = bytes(result)
        return Reply(200, (image_type(data) or "application/octet-stream").encode(), data)
    if isinstance(result, Stanza):
        return Reply(200, _XML, result.to_bytes(), XML_HEADERS)
    if result is None:
        raise HTTPException(404, "there is nothing here")
    if type(result) is tuple and _has_status(result):
        raise Unencodable(f"a tuple of data and status: return Result(data=…, status={result[1]}), or a list if it is one")
    if is_document(result) or isinstance(plain(result), dict | list):  # plain() says what is wrong with a coroutine and the like
        return _reply_to_value(result, accepted(), endpoint, page_values)
    raise Unencodable(f"of type {type(result).__name__}: give None, str, bytes, dict, list, a dataclass, Result or a Starlette response")


def _has_status(result: tuple[Any, ...]) -> bool:
    """Return whether a tuple is a result as Flask has it, ``({…}, 201)``: sent as a list it would be wrong data with status 200."""
    if len(result) not in (2, 3) or not isinstance(result[0], dict | list | str | bytes | None):
        return False
    return isinstance(result[1], int) and not isinstance(result[1], bool) and 100 <= result[1] < 600


def _check_response(response: Response) -> None:
    """Check that a Starlette response can be sent.

    Raises:
        InvalidHead: its status or a header cannot.
    """
    checked_status(response.status_code)
    for name, value in response.raw_headers:
        header_value(header_name(name.decode("latin-1")).decode(), value.decode("latin-1"))


def _reply_to_value(value: Any, accepted: AcceptedFormat, endpoint: Endpoint, page_values: Mapping[str, Any]) -> Reply:
    if accepted.html and endpoint.template is not None:
        page = endpoint.template.render(result=value, **page_values)
        return Reply(200, PAGE_TYPE, page.encode("utf-8", "replace"))
    if accepted.encoding == "json":
        return Reply(200, _JSON, write_json(value))
    return Reply(200, _XML, write_xml(value), XML_HEADERS)


def _reply_to_result(
    result: Result, accepted: Callable[[], AcceptedFormat], endpoint: Endpoint, page_values: Mapping[str, Any]
) -> Reply | Response:
    """Send data with the status and the headers that a script chose."""
    status, content_type = result.status, result.content_type
    if type(status) is not int or not 200 <= status < 600:
        status = checked_status(status)
    own: HeaderList = []
    if result.headers:
        own, content_type = _own_headers(result)
    if content_type is None:
        if result.data is None:
            return Reply(status, b"", b"", own)
        if isinstance(result.data, Result):
            raise Unencodable("a Result in a Result: return one")
        data = result.data
        if result.root and isinstance(data, dict) and (wanted := accepted()).encoding != "json" and not wanted.html:
            data = {result.root: data}
        reply = _reply_to(data, accepted, endpoint, page_values)
        if not isinstance(reply, Reply):
            raise Unencodable("a Starlette response in a Result: return it as it is")
        headers = reply.headers
        if own:
            given = {name for name, _ in own}
            headers = [*own, *(header for header in headers if header[0] not in given)]
        return Reply(status, reply.content_type, reply.body, headers)
    if not isinstance(content_type, str):
        raise InvalidHead(f"content_type is of type {type(content_type).__name__}: write Result(content_type, data, status, headers)")
    shown = _memoised_value(content_type) if len(content_type) < MEMOISED_TYPE_LENGTH else content_type_value(content_type)
    data = result.data if isinstance(result.data, bytes) else _encode(result.data, content_type)
    if data and _is_xml_document(content_type) and not any(name == XML_HEADERS[0][0] for name, _ in own):
        own += XML_HEADERS
    return Reply(status, shown, data, own)


def _own_headers(result: Result) -> tuple[HeaderList, str | None]:
    """Return the headers of a result, and its content type, which may stand among them.

    Raises:
        InvalidHead: a header cannot be sent, or is for the gateway to say.
    """
    if not isinstance(result.headers, Mapping):
        raise InvalidHead(f"headers are of type {type(result.headers).__name__}: give a dict")
    own: HeaderList = []
    content_type = result.content_type
    for key, text in result.headers.items():
        name = header_name(key)
        value = header_value(key, text)
        if name in COMPUTED_HEADERS:
            raise InvalidHead(f"header {key} is computed from the data: leave it out")
        if name != b"content-type":
            own.append((name, value))
        elif content_type is None:
            content_type = text
        else:
            raise InvalidHead(f"header {key} stands beside content_type: leave one of them out")
    return own, content_type


def _encode(data: Any, content_type: str) -> bytes:
    """Encode data that are no bytes as a media type that a script chose.

    Raises:
        Unencodable: the data are neither text nor bytes-like, and the type is neither JSON nor XML.
    """
    if isinstance(data, str):
        return data.encode("utf-8", "replace")
    if data is None or isinstance(data, _BYTES_LIKE):
        return bytes(data or b"")
    media = media_type(content_type)
    if isinstance(data, Stanza) and is_xml(media):
        return data.to_bytes()
    if is_json(media):
        return write_json(data)
    if is_xml(media):
        return write_xml(data)
    shown = media or "no media type"
    raise Unencodable(f"of type {type(data).__name__}, which {shown} cannot carry: give str or bytes, or leave content_type out")


_memoised_value = lru_cache(maxsize=256)(content_type_value)


@lru_cache(maxsize=256)
def _is_xml_document(content_type: str) -> bool:
    """Return whether browsers show a type as XML that may contain scripts; XHTML is exempt, since a handler that sends it made a page."""
    media = media_type(content_type)
    return is_xml(media) and media != XHTML_TYPE
