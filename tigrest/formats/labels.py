"""Labels of bodies: bodies that are evidently of another type than their ``Content-Type`` says.

``curl -d`` says that everything is a form, and so do ``wget --post-data`` and old clients. A form that begins like JSON or XML is none;
were it read as one, JSON would end up in somebody's chat window.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from tigrest.errors import InvalidJID, MalformedContent, MislabelledContent
from tigrest.formats.content import JSON, PLAIN_TEXT, URLENCODED, XML, media_type, read_json
from tigrest.xmpp.stanza import Stanza

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
        if begins[1] == b"[" and not _document_type(body):
            raise MislabelledContent(URLENCODED, "JSON or text", (JSON, PLAIN_TEXT))
        raise MislabelledContent(URLENCODED, *_told(XML if begins[1] == b"<" else JSON))
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


def _told(found: str) -> tuple[str, tuple[str]]:
    return ("XML" if found == XML else "JSON"), (found,)


def _document_type(body: bytes) -> str:
    """Return the media type of a body that is an object or a list in JSON, or a stanza in XML; empty for anything else."""
    begins = _BEGINNING.match(body)
    if begins is None:
        return ""
    text = body.removeprefix(b"\xef\xbb\xbf")
    try:
        if begins[1] == b"<":
            Stanza.received(text)
            return XML
        read_json(text)
        return JSON
    except (MalformedContent, InvalidJID):
        return ""
