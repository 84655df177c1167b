"""White space behind stanzas with long tags, for servers whose XML parser waits for more before it reads such a tag to its end.

Since expat 2.6, a token that has come in part is read again only when as much has come again. Prosody 13, which reads 8 KiB at a time,
leaves a stanza with a longer tag unread, and all that comes behind it, until then: the link would count as dead. White space between
stanzas means nothing (RFC 6120 §4.6.1).
"""

from __future__ import annotations

import re

LONG_TAG = 1024
"""Tags of up to so many bytes need none: what is sent behind them, at least a ping, is as long or comes with them in one piece."""

_MARKUP = re.compile(rb"""<!\[CDATA\[(?s:.*?)\]\]>|(?P<tag><(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>)""")
"""A CDATA section, which is read piece by piece, or a tag. There is no other markup in a stanza."""


def padded(data: bytes) -> bytes:
    """Return a stanza, well-formed, with as much white space behind it as its longest tag has bytes; none where all are short."""
    if len(data) <= LONG_TAG:
        return data
    longest = max([markup.end("tag") - markup.start("tag") for markup in _MARKUP.finditer(data)], default=0)
    return data + b" " * longest if longest > LONG_TAG else data
