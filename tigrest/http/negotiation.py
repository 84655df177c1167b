"""Which form an answer takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from tigrest.formats.content import JSON, XML, is_json, is_xml, media_type

Form = Literal["json", "xml"]

SHORT = {"json": JSON, "xml": XML, "html": "text/html"}
"""Short names of media types, for the query parameter ``type``."""


MAX_CACHED_LENGTH = 512
"""Longest headers whose outcome is cached, in characters: callers choose them."""


def negotiate(content_type: str, type_parameter: str, accept: str) -> tuple[Form, bool]:
    """Choose between JSON and XML, and tell whether a page would be preferred to both.

    The first that says anything counts: the ``Content-Type`` of the request, the query parameter ``type``, ``Accept``; else XML.

    Args:
        content_type: header of the request, possibly empty.
        type_parameter: query parameter ``type``: a media type or one of :data:`SHORT`, possibly empty.
        accept: header of the request, possibly empty.

    Returns:
        The form, and whether the caller wants HTML where there is a page.
    """
    is_short = len(content_type) + len(type_parameter) + len(accept) <= MAX_CACHED_LENGTH
    return (_remembered if is_short else _negotiated)(content_type, type_parameter, accept)


def _negotiated(content_type: str, type_parameter: str, accept: str) -> tuple[Form, bool]:
    chosen = media_type(type_parameter)
    chosen = SHORT.get(chosen, chosen)
    wants_html = chosen == "text/html" or (not chosen and accept.lstrip().lower().startswith("text/html"))
    return _form(media_type(content_type)) or _form(chosen) or _accepted(accept) or "xml", wants_html


_remembered = lru_cache(maxsize=1024)(_negotiated)


def _form(media: str) -> Form | None:
    if is_json(media):
        return "json"
    return "xml" if is_xml(media) else None


def _accepted(accept: str) -> Form | None:
    """The better of JSON and XML by quality, then by order; ``None`` when neither is named."""
    best: tuple[float, Form | None] = (0.0, None)
    for part in accept.split(","):
        media, _, parameters = part.partition(";")
        form = _form(media.strip().lower())
        quality = _quality(parameters)
        if form is not None and quality > best[0]:
            best = (quality, form)
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
