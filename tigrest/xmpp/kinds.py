"""Kinds of stanzas, and the types that each kind has."""

from __future__ import annotations

from typing import Literal, get_args

StanzaKind = Literal["message", "presence", "iq"]
"""A kind of stanza. RFC 6120 §8"""

STANZA_KINDS: tuple[StanzaKind, ...] = get_args(StanzaKind)
"""All kinds, in the order in which they are listed for people."""

WITH_ARTICLE: dict[str, str] = {"message": "a message", "presence": "a presence", "iq": "an iq"}
"""The kinds as they stand in messages for people."""

DEFAULT_TYPES: dict[str, str] = {"message": "normal", "presence": "available"}
"""The type of a message or presence whose attribute ``type`` is missing or unknown.

``available`` is our own word: XMPP writes no type then. RFC 6121 §4.7.1, §5.2.2
"""

STANZA_TYPES: dict[str, tuple[str, ...]] = {
    "message": ("chat", "normal", "headline", "groupchat", "error"),
    "presence": ("available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"),
    "iq": ("get", "set", "result", "error"),
}
"""The types of each kind, ``available`` included. RFC 6120 §8.2.3, RFC 6121 §4.7.1 and §5.2.2"""

REQUESTS = ("get", "set")
"""Types of iqs that are answered. RFC 6120 §8.2.3"""

RESPONSES = ("result", "error")
"""Types of iqs that answer, and are not answered themselves. RFC 6120 §8.2.3"""

KIND_OF_TYPE: dict[str, str] = {name: kind for kind, names in STANZA_TYPES.items() for name in names if name != "error"}
"""The kind that a type belongs to; ``error`` belongs to all of them."""

NEVER_BOUNCED = frozenset({"error", "groupchat", "headline"})
"""Types of messages to which no error goes back. RFC 6121 §8.5.2"""

SHOWS = ("chat", "away", "xa", "dnd")
"""Values of a presence's ``show``. RFC 6121 §4.7.2.1"""

STANZA_ATTRIBUTES = frozenset({"from", "to", "id", "type", "xml:lang"})
"""Attributes that stanzas may have: their schema allows no others without a prefix. RFC 6120 §8.1, appendix A.5"""
