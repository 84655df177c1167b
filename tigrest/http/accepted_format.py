"""The format in which a caller gets a handler's value or an error: JSON, XML, or a page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qs

from starlette.types import Scope

from tigrest.formats.content import HTML, is_json, is_xml, media_type, named_type
from tigrest.http.requests import header

Encoding = Literal["json", "xml"]

MEMOISED_LENGTH = 512
"""Length up to which headers are memoised with their outcome, in characters; callers choose them."""


@dataclass(frozen=True)
class AcceptedFormat:
    """The format that a caller accepts.

    Args:
        encoding: JSON or XML.
        html: whether a page is preferred to both, where there is one.
    """

    encoding: Encoding = "xml"
    html: bool = False


def format_of(scope: Scope, otherwise: Encoding = "xml") -> AcceptedFormat:
    """Return the format that the caller of a request accepts.

    Args:
        scope: of the request (ASGI).
        otherwise: where he does not say.
    """
    query = scope["query_string"]
    parameter = ""
    if b"type=" in query:
        parameter = parse_qs(query.decode("latin-1")).get("type", [""])[0]
    return choose_format(header(scope, b"content-type")[:200], parameter[:200], header(scope, b"accept")[:1000], otherwise)


def choose_format(content_type: str, type_parameter: str, accept: str, otherwise: Encoding = "xml") -> AcceptedFormat:
    """Choose between JSON and XML, and tell whether a page would be preferred to both.

    The first that says anything counts: the ``Content-Type`` of the request, the query parameter ``type``, ``Accept``.

    Args:
        content_type: header of the request, possibly empty.
        type_parameter: query parameter ``type``: a media type or one of :data:`~tigrest.formats.content.TYPE_NAMES`, possibly empty.
        accept: header of the request, possibly empty.
        otherwise: where none of them says anything.
    """
    is_short = len(content_type) + len(type_parameter) + len(accept) <= MEMOISED_LENGTH
    return (_memoised if is_short else _chosen)(content_type, type_parameter, accept, otherwise)


def _chosen(content_type: str, type_parameter: str, accept: str, otherwise: Encoding) -> AcceptedFormat:
    named = named_type(type_parameter)
    wants_html = named == HTML or (not named and accept.lstrip().lower().startswith(HTML))
    return AcceptedFormat(_encoding(media_type(content_type)) or _encoding(named) or _best_of(accept) or otherwise, wants_html)


_memoised = lru_cache(maxsize=1024)(_chosen)


def _encoding(media: str) -> Encoding | None:
    if is_json(media):
        return "json"
    return "xml" if is_xml(media) else None


def _best_of(accept: str) -> Encoding | None:
    """Return the better of JSON and XML by quality, then by order; ``None`` when neither is named. RFC 9110 §12.5.1"""
    best: tuple[float, Encoding | None] = (0.0, None)
    for part in accept.split(","):
        media, _, parameters = part.partition(";")
        encoding = _encoding(media.strip().lower())
        quality = _quality(parameters)
        if encoding is not None and quality > best[0]:
            best = (quality, encoding)
    return best[1]


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
