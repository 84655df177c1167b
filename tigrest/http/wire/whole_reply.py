"""The ASGI extension by which an application sends a whole answer in one call: all that it needs to know of the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HeaderFields = Sequence[tuple[bytes, bytes]]
"""Header fields in the order in which they are sent, names in lower case."""

WHOLE_REPLY = "tigrest.reply"
"""Name of the extension: ``scope["extensions"][WHOLE_REPLY]`` is a :data:`WholeReply`."""

WholeReply = Callable[[int, bytes, bytes, HeaderFields], bool]
"""Sends status, ``Content-Type`` (may be empty), body and further headers at once; returns ``False`` when it has not."""
