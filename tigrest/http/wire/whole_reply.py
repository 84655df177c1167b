"""All that an application needs to know of the wire: how it sends a whole answer in one call, and how it gives one up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HeaderFields = Sequence[tuple[bytes, bytes]]
"""Header fields in the order in which they are sent, names in lower case."""

WHOLE_REPLY = "tigrest.reply"
"""Name of the extension: ``scope["extensions"][WHOLE_REPLY]`` is a :data:`WholeReply`."""

WholeReply = Callable[[int, bytes, bytes, HeaderFields], bool]
"""Sends status, ``Content-Type`` (may be empty), body and further headers at once; returns ``False`` when it has not."""


class AnswerFailed(Exception):
    """Raised by the application when an answer that has begun cannot go on, and the log has the reason: the connection is cut.

    The caller sees that the answer is not complete. RFC 9112 §8
    """
