"""Shared by the handlers whose content is decoded: what is not decoded is refused."""

from typing import Any

from tigrest import Request, UnsupportedContent

DECODED = ("application/json", "application/xml")
"""Media types to send; a form will do where all fields are text."""

DOCUMENT = {media: {"type": "object"} for media in DECODED}
"""Media types of a dict in an answer, with JSON schemas."""


def decoded(content: Any) -> Any:
    """Return the content of a request; a body of a type that is not decoded is 415.

    Args:
        content: what the handler got: a value, ``None``, or the request itself when its body is not decoded.
    """
    if isinstance(content, Request):
        raise UnsupportedContent(content.content_type.partition(";")[0].strip().lower(), DECODED)
    return content
