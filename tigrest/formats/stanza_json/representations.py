"""Bodies of requests and responses: one stanza as XML, JSON, form or text. Scripts import it as ``tigrest.stanza_json``."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from tigrest.errors import InvalidStanza, MalformedContent, UnsupportedContent
from tigrest.formats.content import JSON, PLAIN_TEXT, URLENCODED, media_type, read_json, write_json
from tigrest.formats.stanza_json.media_types import ANSWER_TYPES, READABLE_TYPES, XML_TYPES, choose_media_type
from tigrest.formats.stanza_json.reading import check_query, from_json, from_parameters, from_query, from_texts
from tigrest.formats.stanza_json.table import VOCABULARIES
from tigrest.formats.stanza_json.writing import to_json
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import MAX_NODES

__all__ = ["ASKING", "CHANGING", "choose_media_type", "from_parameters", "read", "read_query", "write", "write_all"]

CHANGING = VOCABULARIES["iq"].changing
"""Keys of iqs that change something, e.g. ``block``."""

ASKING = VOCABULARIES["iq"].keys - CHANGING
"""Keys of iqs that only ask, e.g. ``version``."""

KEPT_ATTRIBUTES = ("from", "to", "id", "type", "xml:lang")
"""Attributes of a stanza; others are left out."""


def read(content_type: str, body: bytes, *, kind: str | None = None, type: str | None = None, to: str | None = None) -> Stanza:
    """Read one stanza.

    Args:
        content_type: of the body; may be empty where there is no body and the kind is given.
        body: an ``application/xmpp+xml`` document, JSON, a form – which without ``=`` is text – or the text of a message.
        kind, type, to: take the place of those in the body, except in XML, which always speaks for itself.

    Raises:
        UnsupportedContent: the content type is none of these.
        MalformedContent: the body cannot be read, or its keys and values do not fit.
        InvalidStanza: it can be read, but is no stanza.
        InvalidJID: an address in JSON or a form is none.
    """
    media = media_type(content_type)
    if media in XML_TYPES:
        return _from_xml(body)
    if media == JSON:
        return from_json(read_json(body, MAX_NODES), kind=kind, type=type, to=to)
    if media == URLENCODED and (b"=" in body or not body):
        return from_texts(_fields(body), kind=kind, type=type, to=to)
    if media in (PLAIN_TEXT, URLENCODED):
        return from_json(_of_text(_decoded(body), kind), kind=kind or "message", type=type or ("chat" if kind is None else None), to=to)
    if not media and not body and kind is not None:
        return from_json({}, kind=kind, type=type, to=to)
    raise UnsupportedContent(media, READABLE_TYPES)


def read_query(content_type: str, body: bytes, query: str, to: str = "") -> Stanza:
    """Read the value of one key of an iq.

    Args:
        content_type: of the body; may be empty where there is no body.
        body: JSON or a form.
        query: the key.
        to: whom to ask; empty for nobody said.

    Raises:
        UnsupportedContent: the content type is neither.
        MalformedContent: the body cannot be read, or does not fit.
        InvalidStanza: an iq has no such key.
        InvalidJID: ``to`` is not an XMPP address.
    """
    check_query(query)
    media = media_type(content_type)
    if media == JSON:
        return from_query(query, read_json(body, MAX_NODES), to)
    if media == URLENCODED or (not media and not body):
        return from_parameters(query, _fields(body), to)
    raise UnsupportedContent(media, (JSON, URLENCODED))


def write(stanza: Stanza, media: str) -> bytes:
    """Write one stanza.

    XML is the bare element, without declaration and default namespace. A form has what is text, number or true at the top level.

    Args:
        stanza: any.
        media: one of those that :func:`~tigrest.formats.stanza_json.media_types.choose_media_type` gives.

    Raises:
        UnsupportedContent: it is none of these.
    """
    if media in XML_TYPES:
        return stanza.to_bytes("")
    if media == JSON:
        return write_json(to_json(stanza))
    if media == URLENCODED:
        return urlencode({key: "" if value is True else value for key, value in to_json(stanza).items() if _is_flat(value)}).encode()
    raise UnsupportedContent(media, ANSWER_TYPES)


def write_all(stanzas: Sequence[Stanza], media: str) -> bytes:
    """Write several stanzas: wrapped in ``<xmpp>`` or ``{"xmpp": […]}``; one alone is not wrapped.

    A form is that of the last stanza.

    Args:
        stanzas: in their order.
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
        if isinstance(error.__cause__, MalformedContent):  # XML that cannot be read at all is another error than XML that is no stanza
            raise error.__cause__ from None
        raise
    kept = {name: value for name in KEPT_ATTRIBUTES if (value := stanza.attributes.get(name)) is not None}
    dropped = dict.fromkeys(stanza.attributes.keys() - kept.keys())
    addresses = {name: str(address) for name, address in (("to", stanza.to), ("sender", stanza.sender)) if address is not None}
    return stanza.with_(**dropped, **addresses)


def _of_text(text: str, kind: str | None) -> dict[str, str]:
    """What plain text means: the body of a message, the ``show`` of a presence."""
    if kind == "iq":
        raise MalformedContent("plain text cannot be an iq; send JSON or XML")
    return {"show": text.strip()} if kind == "presence" else {"body": text}


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form; of those with the same name, the last."""
    try:
        return dict(parse_qsl(_decoded(body), keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise MalformedContent(f"the form cannot be read: {error}") from None


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedContent(f"text must be UTF-8: {error.reason} at byte {error.start}") from None


def _is_flat(value: object) -> bool:
    return value is True or (isinstance(value, str | int | float) and value is not False)
