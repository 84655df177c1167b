"""Results: what a handler returned, as a reply."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tigrest.formats.content import JSON, XML, is_json, is_xml, media_type, write_json, write_xml
from tigrest.formats.encoding import Unencodable, is_document, plain
from tigrest.formats.images import image_type
from tigrest.http.accepted_format import AcceptedFormat
from tigrest.http.replies import HTML, XML_HEADERS, Reply, header_name, header_value
from tigrest.scripting.handler import Result
from tigrest.scripting.routes import Endpoint
from tigrest.xmpp.stanza import Stanza

_JSON, _XML = JSON.encode(), XML.encode()
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
        return _reply_to(result, accepted, endpoint, page_values)
    except Unencodable as error:
        if inspect.iscoroutine(error.culprit):
            error.culprit.close()  # else Python warns of it, some time later
        raise InvalidResult(f"{endpoint.invocation.where}: the result cannot be sent: {error}") from None


def _reply_to(result: Any, accepted: Callable[[], AcceptedFormat], endpoint: Endpoint, page_values: Mapping[str, Any]) -> Reply | Response:
    if isinstance(result, (dict, list)):
        return _reply_to_value(result, accepted(), endpoint, page_values)
    if isinstance(result, Result):
        return _reply_to_result(result, accepted, endpoint, page_values)
    if isinstance(result, str):
        return Reply(200, b"text/plain; charset=utf-8", result.encode("utf-8", "replace"))
    if isinstance(result, Response):
        return result
    if isinstance(result, (bytes, bytearray, memoryview)):
        data = bytes(result)
        return Reply(200, (image_type(data) or "application/octet-stream").encode(), data)
    if isinstance(result, Stanza):
        return Reply(200, _XML, result.to_bytes(), XML_HEADERS)
    if result is None:
        raise HTTPException(404, "there is nothing here")
    if is_document(result):
        return _reply_to_value(result, accepted(), endpoint, page_values)
    plain(result)  # says what is wrong with a coroutine and the like
    raise Unencodable(f"of type {type(result).__name__}: give None, str, bytes, dict, list, a dataclass, Result or a Starlette response")


def _reply_to_value(value: Any, accepted: AcceptedFormat, endpoint: Endpoint, page_values: Mapping[str, Any]) -> Reply:
    if accepted.html and endpoint.template is not None:
        page = endpoint.template.render(result=value, **page_values)
        return Reply(200, HTML, page.encode("utf-8", "replace"))
    if accepted.encoding == "json":
        return Reply(200, _JSON, write_json(value))
    return Reply(200, _XML, write_xml(value), XML_HEADERS)


def _reply_to_result(
    result: Result, accepted: Callable[[], AcceptedFormat], endpoint: Endpoint, page_values: Mapping[str, Any]
) -> Reply | Response:
    """Send data with the status and the headers that a script chose."""
    own = [(header_name(name), header_value(value)) for name, value in result.headers.items()] if result.headers else []
    content_type = result.content_type
    if content_type is None:
        if result.data is None:
            return Reply(result.status, b"", b"", own)
        reply = _reply_to(result.data, accepted, endpoint, page_values)
        if not isinstance(reply, Reply):
            raise Unencodable("a Starlette response in a Result: return it as it is")
        given = {name for name, _ in own}
        return replace(reply, status=result.status, headers=[*own, *(header for header in reply.headers if header[0] not in given)])
    data = result.data if isinstance(result.data, bytes) else _encode(result.data, content_type)
    if data and _is_xml_document(content_type) and not any(name == XML_HEADERS[0][0] for name, _ in own):
        own += XML_HEADERS
    shown = _memoised_value(content_type) if len(content_type) < MEMOISED_TYPE_LENGTH else header_value(content_type)
    return Reply(result.status, shown, data, own)


def _encode(data: Any, content_type: str) -> bytes:
    """Encode data that are no bytes as a media type that a script chose.

    Raises:
        Unencodable: the data are neither text nor bytes-like, and the type is neither JSON nor XML.
    """
    if isinstance(data, str):
        return data.encode("utf-8", "replace")
    if data is None or isinstance(data, bytearray | memoryview):
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


_memoised_value = lru_cache(maxsize=256)(header_value)


@lru_cache(maxsize=256)
def _is_xml_document(content_type: str) -> bool:
    """Return whether browsers show a type as XML that may contain scripts; XHTML is exempt, since a handler that sends it made a page."""
    media = media_type(content_type)
    return is_xml(media) and media != XHTML_TYPE
