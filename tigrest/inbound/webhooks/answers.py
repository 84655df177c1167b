"""Turn the HTTP response of a webhook into the stanza that replies.

The error for a status is in :mod:`tigrest.xmpp.conditions`. Follows Prosody's mod_rest, without its oddities: a body of an error status
never becomes a result, a message is never answered with an empty one, and a reply to a message is of its type.
"""

from __future__ import annotations

import http
import secrets
from dataclasses import dataclass
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.errors import StanzaError, TigrestError
from tigrest.xmpp.conditions import error_of_status
from tigrest.xmpp.kinds import RESPONSES
from tigrest.xmpp.namespaces import CLIENT, STANZA_ERRORS
from tigrest.xmpp.stanza import Stanza, make_stanza

MAX_BODY = 1024 * 1024
"""Most bytes of a response body that are read."""

EMPTY_STATUSES = (202, 204)
"""Statuses of responses without a reply."""

RETRYABLE_STATUSES = (408, 425, 429)
"""Statuses below 500 after which the same request may succeed later. RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4"""

UNRETRYABLE_STATUSES = (501, 505)
"""Statuses from 500 on after which the same request fails again. Bots in the style of mod_rest's send 501. RFC 9110 §15.6.2"""

_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


class Codec(Protocol):
    """Reads and writes stanzas in the media types that webhooks speak."""

    def read(self, content_type: str, body: bytes, *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
        """Read a stanza; ``kind``, ``type`` and ``to`` count more than what the body says.

        Raises:
            TigrestError: it cannot be read.
        """

    def write(self, stanza: Stanza, media_type: str) -> bytes:
        """Write a stanza.

        Raises:
            TigrestError: the media type cannot carry it.
        """


@dataclass(frozen=True)
class WebhookResponse:
    """The response of a webhook.

    Args:
        status: of HTTP.
        reason: words that came with it.
        content_type: the header ``Content-Type``, whose charset counts; empty when there is none.
        body: ``None`` when it was more than :data:`MAX_BODY`, or encoded.
        retry_after: seconds after which to come back; 0 when it does not say.
    """

    status: int
    reason: str = ""
    content_type: str = ""
    body: bytes | None = b""
    retry_after: float = 0.0

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Return whether another attempt would change nothing."""
        return self.status not in RETRYABLE_STATUSES and (self.status < 500 or self.status in UNRETRYABLE_STATUSES)

    @property
    def problem(self) -> str:
        """Return status and reason; a reason phrase of RFC 9110 is spelt as there."""
        usual = _PHRASES.get(self.status, "")
        words = usual if self.reason.lower() in ("", usual.lower()) else self.reason[:100]
        return f"{self.status} {words}".rstrip()

    @property
    def error(self) -> StanzaError:
        """Return the stanza error for the status."""
        category, condition = error_of_status(self.status)
        return StanzaError(condition, category, self.problem)


@dataclass(frozen=True)
class NoResponse:
    """A request to a webhook that got no response.

    Args:
        problem: why, for people.
        error: what the sender is told.
        unreachable: whether there was not even a connection.
    """

    problem: str
    error: StanzaError
    unreachable: bool = False
    is_final = False
    retry_after = 0.0


def may_be_answered(stanza: Stanza) -> bool:
    """Return whether a stanza may have a reply at all: no ``error``, no ``result``. RFC 6120 §8.3.1"""
    return stanza.type not in RESPONSES and "from" in stanza.attributes


def refusal(stanza: Stanza, error: StanzaError) -> Stanza | None:
    """Return the error to a stanza; ``None`` if it may have none.

    Not to a message of a room: that would tell the room that we are gone, and it would throw us out.
    """
    if not may_be_answered(stanza) or (stanza.kind == "message" and stanza.type == "groupchat"):
        return None
    return stanza.error_reply(error)


def reply_to_outcome(stanza: Stanza, outcome: WebhookResponse | NoResponse, codec: Codec) -> Stanza | None:
    """Return the reply for an outcome of a delivery; ``None`` for none.

    Args:
        stanza: what was delivered.
        outcome: of the delivery.
        codec: reads bodies.
    """
    if not may_be_answered(stanza):
        return None
    said = _read(stanza, outcome, codec) if isinstance(outcome, WebhookResponse) else None
    if said is not None and said.type == "error":
        return _addressed(stanza, said, "error")
    if isinstance(outcome, NoResponse) or not outcome.is_success:
        return refusal(stanza, outcome.error)
    if said is not None:
        return _addressed(stanza, said, "result" if stanza.kind == "iq" else _type_of_reply(stanza, said))
    if stanza.kind != "iq":
        return None
    if outcome.body == b"" or outcome.status in EMPTY_STATUSES:
        return stanza.reply()
    return stanza.error_reply(StanzaError("internal-server-error", "cancel", f"{outcome.problem}, but no reply can be read from it"))


def _read(stanza: Stanza, answer: WebhookResponse, codec: Codec) -> Stanza | None:
    """Return the stanza in the body, if it can be a reply; of type ``error`` if it has an error.

    An iq need not say in JSON that it is one.
    """
    if not answer.body or not answer.content_type or answer.status in EMPTY_STATUSES:
        return None
    try:
        said = codec.read(answer.content_type, answer.body, kind="iq" if stanza.kind == "iq" else None)
        children = list(said.xml)
    except (TigrestError, ValueError, ET.ParseError):
        return None
    if said.kind != stanza.kind:
        return None
    if any(child.tag == f"{{{CLIENT}}}error" for child in children):
        return said.with_(type="error")
    if said.type == "error":
        return make_stanza(said.kind, "error", None, ET.fromstring(UNDEFINED_ERROR))
    if stanza.kind == "message" and not children:
        return None
    return said if len(children) <= 1 or stanza.kind != "iq" else None


UNDEFINED_ERROR = f'<error xmlns="{CLIENT}" type="cancel"><undefined-condition xmlns="{STANZA_ERRORS}"/></error>'
"""The error for a response of type ``error`` that names no condition."""


def _type_of_reply(stanza: Stanza, said: Stanza) -> str:
    return stanza.type if stanza.kind == "message" else said.type


def _addressed(stanza: Stanza, said: Stanza, type: str) -> Stanza:
    """Address the stanza of a response as a reply: addresses swapped, the same id for iqs and errors."""
    sender = stanza.sender
    to = sender.bare if sender is not None and type == "groupchat" else stanza.attributes["from"]
    keeps_id = stanza.kind == "iq" or type == "error"
    identity = stanza.attributes.get("id") if keeps_id else said.id or secrets.token_urlsafe(12)
    dropped = {name: None for name in said.attributes if name != "xml:lang" and not name.startswith("xmlns")}
    ours = {"to": to, "sender": stanza.attributes.get("to"), "id": identity, "type": type or None}
    return said.with_(**{**dropped, **ours})
