"""Select stanzas for a configured webhook, and make the URL for each."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import DEFAULT_TYPES, STANZA_KINDS, STANZA_TYPES
from tigrest.xmpp.stanza import Stanza

EVENTS = ("bare", "full", "host")
"""Forms of the address that a stanza is for: a user, a resource of one, our domain itself."""

_VARIABLE = re.compile(r"\{(kind|type|to|from)\}")


@dataclass(frozen=True)
class Target:
    """A URL and the stanzas that are delivered to it.

    Args:
        name: what it is called in the store and in logs; does not change with a password in the URL.
        url: with the variables ``{kind}``, ``{type}``, ``{to}`` and ``{from}`` in path and query. ``user:password@`` becomes HTTP
            Basic.
        content_type: form of the delivery.
        stanzas: kinds that it is for.
        events: forms of ``to`` that it is for: ``bare`` (a user), ``full`` (a resource of one), ``host`` (nobody: our domain).
        secret: what requests are signed with; see :func:`tigrest.webhooks.key_of`. Not signed when absent.
        timeout: seconds that one request may take.
        max_attempts: how often a delivery is tried before it is dead.
        concurrency: requests at a time; as many again for iqs.
    """

    name: str
    url: str = field(repr=False)
    content_type: str = "application/json"
    stanzas: Collection[str] = STANZA_KINDS
    events: Collection[str] = EVENTS
    secret: str | None = field(default=None, repr=False)
    timeout: float = 10.0
    max_attempts: int = 20
    concurrency: int = 4

    def selects(self, kind: str, to: JID) -> bool:
        """Return whether the webhook gets the stanzas of a kind to an address.

        Args:
            kind: ``message``, ``presence`` or ``iq``.
            to: address of the stanza; its form (:func:`form_of`) is compared with ``events``.
        """
        return kind in self.stanzas and form_of(to) in self.events

    @cached_property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    def address(self, stanza: Stanza) -> str:
        """Return the URL for a stanza, without ``user:password@``. What the stanza says cannot change more than path and query."""
        parts = self._parts
        values = variables(stanza)
        path, query = (_VARIABLE.sub(lambda match: values[match[1]], part) for part in (parts.path, parts.query))
        host = parts.netloc.rpartition("@")[2]
        return SplitResult(parts.scheme, host, path or "/", query, "").geturl()

    @cached_property
    def authorization(self) -> str | None:
        """Return the header ``Authorization``, if the URL has ``user:password@``."""
        userinfo, at, _ = self._parts.netloc.rpartition("@")
        return "Basic " + base64.b64encode(unquote_to_bytes(userinfo)).decode() if at else None


def form_of(to: JID) -> str:
    """Return the form of an address: ``bare``, ``full`` or ``host``; the last also with a resource, as nobody but us has it."""
    if not to.local:
        return "host"
    return "full" if to.resource else "bare"


def variables(stanza: Stanza) -> dict[str, str]:
    """Return the values of the variables in a URL, percent-encoded.

    A type that is missing or unknown is what RFC 6121 takes it for: ``normal`` or ``available``.
    """
    return {
        "kind": stanza.kind,
        "type": stanza.type if stanza.type in STANZA_TYPES[stanza.kind] else DEFAULT_TYPES.get(stanza.kind, "get"),
        "to": _encoded(stanza.attributes.get("to", "")),
        "from": _encoded(stanza.attributes.get("from", "")),
    }


def _encoded(value: str) -> str:
    """Percent-encode all but unreserved characters, and dots where ``.`` or ``..`` would be a segment. RFC 3986 §2.3, §3.3"""
    encoded = quote(value, safe="", errors="replace")
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded
