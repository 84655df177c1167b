"""Bodies of requests and responses: stanzas as XML, JSON, HTML form or text. Scripts import it as ``tigrest.stanza_json``."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from tigrest.errors import InvalidStanza, MalformedContent, UnsupportedContent
from tigrest.formats.charsets import UTF_8, charset_of, decoded, to_utf8, xml_to_utf8
from tigrest.formats.content import JSON, PLAIN_TEXT, URLENCODED, XML, is_xml, media_type, named_type, read_json, write_json
from tigrest.formats.labels import check_form, check_label, guess, is_well_formed
from tigrest.formats.stanza_json.envelope import KEYS
from tigrest.formats.stanza_json.media_types import ANSWER_TYPES, READABLE_TYPES, XML_TYPES, XMPP_XML, choose_media_type
from tigrest.formats.stanza_json.reading import check_query, from_json, from_parameters, from_query, from_texts
from tigrest.formats.stanza_json.table import VOCABULARIES
from tigrest.formats.stanza_json.writing import to_json
from tigrest.formats.urlencoded import read_fields, read_token
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import MAX_NODES

__all__ = [
    "ASKING",
    "CHANGING",
    "choose_media_type",
    "from_parameters",
    "from_texts",
    "named_type",
    "read",
    "read_query",
    "read_verbatim",
    "to_json",
    "write",
    "write_all",
]

CHANGING = VOCABULARIES["iq"].changing
"""Keys of iqs that change something, e.g. ``block``."""

ASKING = VOCABULARIES["iq"].keys - CHANGING
"""Keys of iqs that change nothing, e.g. ``version``."""

KNOWN_FIELDS = frozenset({*KEYS, *(key for vocabulary in VOCABULARIES.values() for key in vocabulary.keys)})
"""Names that a field of a form may have."""

LOOSE_TYPES = (PLAIN_TEXT, URLENCODED)
"""Media types that bodies have by mistake: anything can be read as one of them."""

KEPT_ATTRIBUTES = ("from", "to", "id", "type", "xml:lang")
"""Attributes that are kept of a stanza in XML. RFC 6120 §8.1"""


def read(content_type: str, body: bytes, *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
    """Parse the body of a request as a stanza.

    Args:
        content_type: media type of the body, with its charset; may be empty where there is no body and ``kind`` is given.
        body: XML, JSON, an HTML form – text if it has no ``=`` – or text: the body of a message or the ``show`` of a presence.
        kind, type, to: override those in the body, except in XML.

    Raises:
        UnsupportedContent: the media type is not in :data:`~tigrest.formats.stanza_json.media_types.READABLE_TYPES`, the charset is not
            read, or the body is evidently of another type (:func:`~tigrest.formats.labels.check_label`).
        MalformedContent: the body cannot be parsed, or has an unknown key or an invalid value.
        InvalidStanza: the body can be parsed, but is no stanza.
        InvalidJID: an address in JSON or a form is not an XMPP address.
    """
    media = media_type(content_type)
    if media in LOOSE_TYPES:
        check_label(content_type, body)
    return _read(media, content_type, body, kind, type, to)


class AnswerCodec:
    """Reads and writes stanzas for webhooks. What they answer as text is text, whatever it looks like: nobody could be told of it."""

    def read(self, content_type: str, body: bytes, *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
        """Parse an answer as a stanza; see :func:`read`."""
        return _read(media_type(content_type), content_type, body, kind, type, to)

    def write(self, stanza: Stanza, media_type: str) -> bytes:
        """Write a stanza; see :func:`write`."""
        return write(stanza, media_type)


def _read(media: str, content_type: str, body: bytes, kind: str | None, type: str | None, to: str | None) -> Stanza:
    if media in XML_TYPES:
        return _from_xml(xml_to_utf8(content_type, body))
    if media == JSON:
        return from_json(read_json(to_utf8(content_type, body), MAX_NODES), kind=kind, type=type, to=to)
    if media == URLENCODED and (b"=" in body or not body):
        return _from_form(dict(read_fields(content_type, body)), kind, type, to)
    if media in LOOSE_TYPES:
        text = read_token(content_type, body) if media == URLENCODED else decoded(body, charset_of(content_type) or UTF_8)
        return from_json(_of_text(text, kind), kind=kind or "message", type=type or ("chat" if kind is None else None), to=to)
    if not media and not body and kind is not None:
        return from_json({}, kind=kind, type=type, to=to)
    raise _unsupported(media, body, READABLE_TYPES)


def read_query(content_type: str, body: bytes, query: str, to: str = "") -> Stanza:
    """Parse the body of a request as the value of one key of an iq.

    Args:
        content_type: media type of the body; may be empty where there is no body.
        body: JSON or an HTML form.
        query: the key, e.g. ``disco``.
        to: recipient; empty for none.

    Raises:
        UnsupportedContent: the media type is another, or the body is evidently of another.
        MalformedContent: the body cannot be parsed, or is not valid for the key.
        InvalidStanza: an iq has no such key.
        InvalidJID: ``to`` is not an XMPP address.
    """
    check_query(query)
    media = media_type(content_type)
    if media == JSON:
        return from_query(query, read_json(to_utf8(content_type, body), MAX_NODES), to)
    if media == URLENCODED or (not media and not body):
        check_form(body)
        return from_parameters(query, dict(read_fields(content_type, body)), to)
    raise _unsupported(media, body, (JSON, URLENCODED))


def read_verbatim(content_type: str, body: bytes) -> Stanza:
    """Parse a body in XML as a stanza, whose attributes all stay.

    Args:
        content_type: media type of the body, with its charset; may be any where the body begins like XML.
        body: the stanza.

    Raises:
        UnsupportedContent: the body is evidently no XML, or in a charset that is not read.
        InvalidStanza: it is no stanza.
    """
    if content_type in XML_TYPES and body[:1] == b"<" and body[:2] != b"<?":
        return Stanza.parse(body)  # nothing says that it is not UTF-8, and it need not be asked
    media = media_type(content_type)
    if is_xml(media) or guess(body) == XML:
        return Stanza.parse(xml_to_utf8(content_type, body))
    raise UnsupportedContent(media, (XML,))


def write(stanza: Stanza, media: str) -> bytes:
    """Write a stanza as a body.

    XML is the element alone, without declaration and default namespace. A form has the top-level keys whose value is text, a number or
    true.

    Args:
        stanza: the stanza.
        media: one of :data:`~tigrest.formats.stanza_json.media_types.ANSWER_TYPES`.

    Raises:
        UnsupportedContent: the media type is another.
    """
    if media in XML_TYPES:
        return stanza.to_bytes("")
    if media == JSON:
        return write_json(to_json(stanza))
    if media == URLENCODED:
        return urlencode({key: "" if value is True else value for key, value in to_json(stanza).items() if _is_flat(value)}).encode()
    raise UnsupportedContent(media, ANSWER_TYPES)


def write_all(stanzas: Sequence[Stanza], media: str) -> bytes:
    """Write stanzas as a body: several wrapped in ``<xmpp>`` or ``{"xmpp": […]}``, one alone unwrapped.

    As a form only the last stanza is written.

    Args:
        stanzas: the stanzas, in order.
        media: see :func:`write`.

    Raises:
        UnsupportedContent: see :func:`write`.
    """
    if len(stanzas) == 1:
        return write(stanzas[0], media)
    if media in XML_TYPES:
        return b"<xmpp>" + b"".join([write(stanza, media) for stanza in stanzas]) + b"</xmpp>"
    if media == JSON:
        return write_json({"xmpp": [to_json(stanza) for stanza in stanzas]})
    return write(stanzas[-1], media) if stanzas else b""


def _from_xml(body: bytes) -> Stanza:
    try:
        stanza = Stanza.parse(body)
    except InvalidStanza as error:
        if isinstance(error.__cause__, MalformedContent):  # no XML at all is another error than XML that is no stanza
            raise error.__cause__ from None
        raise
    kept = {name: value for name in KEPT_ATTRIBUTES if (value := stanza.attributes.get(name)) is not None}
    dropped = dict.fromkeys(stanza.attributes.keys() - kept.keys())
    addresses = {name: str(address) for name, address in (("to", stanza.to), ("sender", stanza.sender)) if address is not None}
    return stanza.with_(**dropped, **addresses)


def _from_form(fields: dict[str, str], kind: str | None, type: str | None, to: str | None) -> Stanza:
    """Convert a form into a stanza. What is refused and has no field that there is may be text with a ``=`` in it."""
    try:
        return from_texts(fields, kind=kind, type=type, to=to)
    except MalformedContent as error:
        if not fields or not KNOWN_FIELDS.isdisjoint(fields):
            raise
        raise MalformedContent(f"{error}; if it is text, add the header Content-Type: {PLAIN_TEXT}") from None


def _of_text(text: str, kind: str | None) -> dict[str, str]:
    """Convert plain text into JSON: the ``body`` of a message, the ``show`` of a presence."""
    if kind == "iq":
        raise MalformedContent("plain text cannot be an iq; send JSON or XML")
    return {"show": text.strip()} if kind == "presence" else {"body": text}


def _unsupported(media: str, body: bytes, supported: Sequence[str]) -> UnsupportedContent:
    return UnsupportedContent(media, supported, _likely(body, supported))


def _likely(body: bytes, supported: Sequence[str]) -> str:
    """Return what a body seems to be, of the types that are read; empty for none of them."""
    likely = guess(body)
    if likely not in supported and not (likely == XML and XMPP_XML in supported):
        return ""
    may_be_text = likely != PLAIN_TEXT and PLAIN_TEXT in supported and not is_well_formed(body)
    return f"{likely} or {PLAIN_TEXT}" if may_be_text else likely


def _is_flat(value: object) -> bool:
    return value is True or (isinstance(value, str | int | float) and value is not False)
