"""Parse the entries of PEP metadata and vCards that contain or name avatars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest.formats.images import raster_type
from tigrest.service.avatars.encodings import decode_base64, decode_data_uri, is_data_uri
from tigrest.xmpp.namespaces import AVATAR_DATA, AVATAR_METADATA, VCARD4, VCARD_TEMP

AvatarSource = Literal["avatar", "vcard4", "vcard-temp"]
SOURCES: tuple[AvatarSource, ...] = ("avatar", "vcard4", "vcard-temp")
"""Places of avatars, best first: PEP (XEP-0084), vCard4 (XEP-0292), vcard-temp (XEP-0153)."""

MAX_ID = 100
"""Longest id of an item that is asked for, in characters; the hash that it should be has 40."""


@dataclass(frozen=True)
class Entry:
    """An image in PEP metadata or a vCard: its bytes, the PEP item that contains them, or its URL.

    Args:
        claimed_type: what its owner says it is.
        data: the bytes.
        item: id of the item at the node :data:`~tigrest.xmpp.namespaces.AVATAR_DATA`.
        url: where it is.
    """

    claimed_type: str = ""
    data: bytes = b""
    item: str = ""
    url: str = ""


def metadata_entries(items: ET.Element | None) -> list[Entry]:
    """Read avatar metadata::

    <metadata xmlns="urn:xmpp:avatar:metadata"><info id="…" type="image/png" bytes="…"/><info … url="https://…"/></metadata>

    Returns:
        The entries, those first whose type is a raster format, each item once.

    XEP-0084 §4.2.1
    """
    infos = items.iter(f"{{{AVATAR_METADATA}}}info") if items is not None else ()
    entries = [
        Entry(info.get("type", ""), url=info.get("url", "")) if info.get("url") else Entry(info.get("type", ""), item=info.get("id", ""))
        for info in infos
    ]
    usable = {(entry.item, entry.url): entry for entry in entries if entry.url or 0 < len(entry.item) <= MAX_ID}
    return sorted(usable.values(), key=lambda entry: not raster_type(entry.claimed_type))


def data_entry(items: ET.Element | None, claimed_type: str) -> Entry:
    """Read avatar data::

    <data xmlns="urn:xmpp:avatar:data">iVBORw0KGgo…</data>

    XEP-0084 §4.1
    """
    text = items.findtext(f".//{{{AVATAR_DATA}}}data", "") if items is not None else ""
    return Entry(claimed_type, data=decode_base64(text))


def vcard4_entries(vcard: ET.Element | None) -> list[Entry]:
    """Read the photos of a vCard4::

    <vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"><photo><uri>data:image/png;base64,…</uri></photo></vcard>

    RFC 6350 §6.2.4, RFC 6351
    """
    uris = vcard.findall(f"{{{VCARD4}}}photo/{{{VCARD4}}}uri") if vcard is not None else []
    return [_uri_entry((uri.text or "").strip()) for uri in uris]


def vcard_temp_entries(vcard: ET.Element | None) -> list[Entry]:
    """Read the photos of a vcard-temp::

    <vCard xmlns="vcard-temp"><PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgo…</BINVAL></PHOTO></vCard>

    XEP-0054, XEP-0153 §3.1
    """
    photos = vcard.findall(f"{{{VCARD_TEMP}}}PHOTO") if vcard is not None else []
    return [entry for photo in photos for entry in _photo_entries(photo)]


def _photo_entries(photo: ET.Element) -> Iterator[Entry]:
    claimed = photo.findtext(f"{{{VCARD_TEMP}}}TYPE", "").strip()
    for binval in photo.findall(f"{{{VCARD_TEMP}}}BINVAL"):
        yield Entry(claimed, data=decode_base64(binval.text or ""))
    for external in photo.findall(f"{{{VCARD_TEMP}}}EXTVAL"):
        entry = _uri_entry((external.text or "").strip())
        yield entry if entry.data else Entry(claimed, url=entry.url)


def _uri_entry(uri: str) -> Entry:
    if not is_data_uri(uri):
        return Entry(url=uri)
    data, claimed = decode_data_uri(uri)
    return Entry(claimed, data=data)
