"""Media types of stanzas, and content negotiation for responses that carry stanzas."""

from __future__ import annotations

from functools import lru_cache

from tigrest.formats.content import JSON, PLAIN_TEXT, URLENCODED, media_type, named_type

XMPP_XML = "application/xmpp+xml"
XML_TYPES = frozenset({XMPP_XML, "application/xml", "text/xml"})
"""Media types of a stanza in XML. RFC 3923 §3 registers the first; clients send the others too."""

READABLE_TYPES = (XMPP_XML, JSON, URLENCODED, PLAIN_TEXT)
"""Media types of request bodies that are parsed as stanzas, the preferred one first."""

ANSWER_TYPES = (XMPP_XML, JSON, URLENCODED, "application/xml", "text/xml")
"""Media types of responses, the preferred one first. Without plain text, in which a reply to an iq would be empty."""


MAX_CACHED_HEADERS = 512
"""Longest ``Accept`` and ``Content-Type`` together that are cached, in characters: callers choose them."""


def choose_media_type(accept: str, content_type: str, type_parameter: str = "") -> str:
    """Choose the media type of a response.

    The query parameter ``type`` decides, where it names one of :data:`ANSWER_TYPES`. Else the one of the highest quality wins, then the
    one named most precisely, then the first. ``*/*``, and an ``Accept`` without a type of :data:`ANSWER_TYPES`, get the type of the
    request body; after no body or plain text, XML.

    Args:
        accept: header ``Accept`` of the request; empty for none.
        content_type: header ``Content-Type`` of the request; empty for none.
        type_parameter: query parameter ``type``; empty for none.

    RFC 9110 §12.5.1, except that there is no 406
    """
    if type_parameter and (named := named_type(type_parameter)) in ANSWER_TYPES:
        return named
    return (_memoised if len(accept) + len(content_type) <= MAX_CACHED_HEADERS else _choose)(accept, content_type)


def _choose(accept: str, content_type: str) -> str:
    request = media_type(content_type)
    default = request if request in ANSWER_TYPES else XMPP_XML
    ranges = [_range(part, index) for index, part in enumerate(accept.split(",")) if part.strip()]
    choices = []
    for position, media in enumerate((default, *[offer for offer in ANSWER_TYPES if offer != default])):
        matching = [(precision, -index, quality) for name, quality, index in ranges if (precision := _precision(name, media))]
        if matching:
            precision, order, quality = max(matching)
            choices.append((quality, precision, order, -position, media))
    best = max(choices, default=(0.0, 0, 0, 0, default))
    return best[-1] if best[0] > 0 else default


_memoised = lru_cache(maxsize=1024)(_choose)


def _precision(name: str, media: str) -> int:
    """Return how precisely a media range matches a type: 3 for the type itself, 2 for ``type/*``, 1 for ``*/*``, 0 for no match."""
    if name == media:
        return 3
    return 2 if name == media.partition("/")[0] + "/*" else 1 if name == "*/*" else 0


def _range(part: str, index: int) -> tuple[str, float, int]:
    name, *parameters = [piece.strip().lower() for piece in part.split(";")]
    qualities = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
    try:
        quality = float(qualities[0]) if qualities else 1.0
    except ValueError:  # a malformed weight: better another type than one that may be refused
        quality = 0.0
    return name, min(1.0, max(0.0, quality)), index
