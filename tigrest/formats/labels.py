"""Labels of bodies: bodies that are evidently of another type than their ``Content-Type`` says.

``curl -d`` says that everything is a form, and so do ``wget --post-data`` and old clients. A form that begins like JSON or XML is none;
were it read as one, JSON would end up in somebody's chat window.
"""

from __future__ import annotations

import codecs
import re
from urllib.parse import unquote_to_bytes

from tigrest.errors import InvalidJID, MalformedContent, MislabelledContent
from tigrest.formats.content import JSON, PLAIN_TEXT, URLENCODED, XML, media_type, read_json
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import check_document

_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?+\s*+([{\[<])")
_ENCODED_BEGINNING = re.compile(rb"%(?:7B|5B|3C)", re.IGNORECASE)
"""The beginning of JSON or XML that ``curl --data-urlencode`` has made a form of."""


def check_label(content_type: str, body: bytes) -> None:
    """Refuse a form that begins like JSON or XML, and text that is a JSON document or a stanza.

    ``[FIRING:1] disk full`` is text, and sent as text it stays text.

    Args:
        content_type: the whole header; only forms and plain text are looked at.
        body: the body in UTF-8.

    Raises:
        MislabelledContent: it is evidently of another type; names the header to add.
    """
    media = media_type(content_type)
    if media == URLENCODED:
        check_form(body)
    elif media == PLAIN_TEXT and (found := _document_type(body)):
        raise MislabelledContent(media, *_told(found))


def check_form(body: bytes) -> None:
    """Refuse a form that begins with ``{``, ``[`` or ``<``: field names of forms are percent-encoded.

    Args:
        body: the body in UTF-8.

    Raises:
        MislabelledContent: it does.
    """
    begins = _BEGINNING.match(body)
    if begins is not None:
        looks, (found,) = _told(XML if begins[1] == b"<" else JSON)
        if not is_well_formed(body):  # "<3 you": as XML it would be refused too
            raise MislabelledContent(URLENCODED, f"{looks} or text", (found, PLAIN_TEXT))
        raise MislabelledContent(URLENCODED, looks, (found,))
    if _ENCODED_BEGINNING.match(body) and b"=" not in body and (found := _document_type(unquote_to_bytes(body))):
        raise MislabelledContent(URLENCODED, *_told(found))


def guess(body: bytes) -> str:
    """Return the media type that a body without ``Content-Type`` seems to be of, by its beginning.

    Args:
        body: the body.
    """
    begins = _BEGINNING.match(body)
    if begins is None:
        return PLAIN_TEXT
    return XML if begins[1] == b"<" else JSON


def is_well_formed(body: bytes) -> bool:
    """Return whether a body is what its beginning promises: XML if that is ``<``, else JSON.

    Args:
        body: the body in UTF-8.
    """
    text = body.removeprefix(codecs.BOM_UTF8).strip()
    try:
        if text[:1] == b"<":
            check_document(text)
        else:
            read_json(text)
    except MalformedContent:
        return False
    return True


def _told(found: str) -> tuple[str, tuple[str]]:
    return ("XML" if found == XML else "JSON"), (found,)


def _document_type(body: bytes) -> str:
    """Return the media type of a body that is evidently JSON or a stanza in XML; empty for anything else.

    A list is evidently JSON if there is an object in it: ``[1]`` may be a footnote.
    """
    begins = _BEGINNING.match(body)
    if begins is None:
        return ""
    text = body.removeprefix(codecs.BOM_UTF8)
    try:
        if begins[1] == b"<":
            Stanza.received(text)
            return XML
        value = read_json(text)
    except (MalformedContent, InvalidJID):
        return ""
    return JSON if isinstance(value, dict) or any(isinstance(item, dict) for item in value) else ""
