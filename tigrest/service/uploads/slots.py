"""Slots: the permission to upload one file, as the upload service gives it. XEP-0363 §4"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from tigrest.errors import ContentTooLarge, QuotaExceeded, ServerFailed
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT, HTTP_UPLOAD
from tigrest.xmpp.stanza import Stanza, make_stanza

ALLOWED_HEADERS = ("authorization", "cookie", "expires")
"""Names of the header fields that a service may add to the upload. XEP-0363 §4"""

QUOTA_SECONDS = 3600.0
"""Seconds after which somebody whose quota is used up may try again, where the service does not say when."""

_N = f"{{{HTTP_UPLOAD}}}"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_OF_URLS = "%:/?#[]@!$&'()*+,;=~"


@dataclass(frozen=True)
class UploadSlot:
    """The permission to upload one file.

    Args:
        put: URL to send it to.
        get: URL at which it is then.
        headers: header fields to send with it.
    """

    put: str
    get: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def slot_request(service: JID, name: str, size: int, content_type: str) -> Stanza:
    """Build the iq that asks for a slot.

    ``<request xmlns='urn:xmpp:http:upload:0' filename='a.jpg' size='23456' content-type='image/jpeg'/>``

    XEP-0363 §4
    """
    attributes = {"filename": name, "size": str(size), "content-type": content_type}
    return make_stanza("iq", "get", service, ET.Element(f"{_N}request", attributes))


def slot_of(reply: Stanza, service: JID, size: int) -> UploadSlot:
    """Return the slot in the reply of a service.

    Args:
        reply: the result or the error.
        service: who was asked.
        size: of the file in bytes.

    Raises:
        ContentTooLarge: the file is larger than the service takes.
        QuotaExceeded: the service takes no more from the sender for a while.
        StanzaError: it refuses for another reason.
        ServerFailed: the slot has no URL that can be used.

    XEP-0363 §4, §7
    """
    if reply.type == "error":
        _raise_refusal(reply, service, size)
    slot = reply.payload
    put = slot.find(f"{_N}put") if slot is not None else None
    get = slot.find(f"{_N}get") if slot is not None else None
    if put is None or get is None:
        raise ServerFailed(f"{service} gave a slot without URLs")
    return UploadSlot(_url(put, service), _url(get, service), _headers(put))


def _url(element: ET.Element, service: JID) -> str:
    """Return a URL of a slot, which is one of the web; characters that URLs do not have are encoded. RFC 3986 §2.1

    ejabberd 26 writes letters of all alphabets as they are in the file's name.
    """
    url = (element.get("url") or "").strip()
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.netloc.isascii()
    except ValueError:
        is_web = False
    if not is_web or _UNPRINTABLE.search(url) or " " in parts.netloc:
        raise ServerFailed(f"{service} gave a slot with a URL that cannot be read")
    return quote(url, safe=_OF_URLS)


def _headers(put: ET.Element) -> tuple[tuple[str, str], ...]:
    """Return the header fields of a slot that are allowed, without line ends. XEP-0363 §4"""
    found = []
    for element in put.findall(f"{_N}header"):
        name = re.sub(r"[\r\n]", "", element.get("name", "")).strip()
        value = re.sub(r"[\r\n]", "", element.text or "").strip()
        if name.lower() in ALLOWED_HEADERS and value.isascii() and value.isprintable():
            found.append((name, value))
    return tuple(found)


def _raise_refusal(reply: Stanza, service: JID, size: int) -> None:
    error = reply.error
    assert error is not None
    element = reply.xml.find(f"{{{CLIENT}}}error")
    if element is not None and (too_large := element.find(f"{_N}file-too-large")) is not None:
        limit = too_large.findtext(f"{_N}max-file-size", "").strip()
        raise ContentTooLarge(int(limit) if limit.isdecimal() and len(limit) < 19 else size - 1, f"max-file-size of {service}")
    if error.condition == "resource-constraint":
        retry = element.find(f"{_N}retry") if element is not None else None
        seconds = _seconds_until(retry.get("stamp", "")) if retry is not None else QUOTA_SECONDS
        raise QuotaExceeded(f"{service} takes no more files for a while: {error.text or error.condition}", seconds)
    raise error


def _seconds_until(stamp: str) -> float:
    """Return the seconds until a time. XEP-0082"""
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return QUOTA_SECONDS
    return math.ceil(max(1.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()))
