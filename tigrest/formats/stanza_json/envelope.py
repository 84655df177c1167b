"""Kind, type, addresses, id and language of a stanza in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tigrest.errors import InvalidJID, InvalidStanza
from tigrest.formats.stanza_json.validation import ValidationError
from tigrest.formats.stanza_json.values import attribute_value
from tigrest.spelling import nearest
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import DEFAULT_TYPES, STANZA_KINDS, STANZA_TYPES, WITH_ARTICLE

KEYS = frozenset({"kind", "type", "to", "from", "id", "lang"})
"""Keys of the stanza itself, rather than of its payload."""


def check_kind(value: Any) -> str:
    """Check a kind of stanza.

    Raises:
        ValidationError: it is not text.
        InvalidStanza: there is no such kind.
    """
    if isinstance(value, str):
        if value in STANZA_KINDS:
            return value
        close = nearest(value, STANZA_KINDS)
        cure = f"did you mean {close!r}?" if close else "send message, presence or iq"
        raise InvalidStanza(f"kind: {value[:40]!r} is not a kind of stanza; {cure}")
    raise ValidationError.of(value, "message, presence or iq").under("kind")


def check_type(value: Any, kind: str) -> str:
    """Check a type of a kind of stanza.

    Raises:
        ValidationError: it is not text.
        InvalidStanza: this kind has no such type.
    """
    if isinstance(value, str):
        if value in STANZA_TYPES[kind]:
            return value
        raise InvalidStanza(f"type: {value[:40]!r} is not a type of {WITH_ARTICLE[kind]}; there are {', '.join(STANZA_TYPES[kind])}")
    raise ValidationError.of(value, "text").under("type")


def attributes_from_json(value: Mapping[str, Any], type: str, to: str) -> dict[str, str]:
    """Convert the keys of a stanza into attributes of its root.

    Args:
        value: the stanza as JSON.
        type: its type, checked; empty for none.
        to: its recipient; empty for the one in the value.

    Raises:
        ValidationError: a value is not text, or has characters that XML cannot carry.
        InvalidJID: ``to`` or ``from`` is not an XMPP address.
    """
    found: dict[str, str] = {}
    address = to or value.get("to")
    if address is not None:
        found["to"] = _address("to", address)
    if (sender := value.get("from")) is not None:
        found["from"] = _address("from", sender)
    if (name := value.get("id")) is not None:
        found["id"] = _text("id", name)
    if type and type != DEFAULT_TYPES["presence"]:
        found["type"] = type
    if (lang := value.get("lang")) is not None:
        found["xml:lang"] = _text("lang", lang)
    return found


def attributes_as_json(kind: str, attributes: Mapping[str, str]) -> dict[str, Any]:
    """Convert attributes of a stanza's root into keys.

    Args:
        kind: kind of the stanza.
        attributes: attributes as XML has them; ``xml:lang`` by that name.
    """
    found: dict[str, Any] = {}
    if "type" in attributes or kind == "presence":
        found["type"] = attributes.get("type", DEFAULT_TYPES["presence"])
    for name in ("to", "from", "id"):
        if (value := attributes.get(name)) is not None:
            found[name] = value
    if (lang := attributes.get("xml:lang")) is not None:
        found["lang"] = lang
    return found


def _address(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError.of(value, "an XMPP address").under(key)
    try:
        return JID(value)
    except InvalidJID as error:
        raise InvalidJID(f"{key}: {error}") from None


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError.of(value, "text").under(key)
    try:
        attribute_value(value)
    except ValidationError as mismatch:
        raise mismatch.under(key) from None
    return value
