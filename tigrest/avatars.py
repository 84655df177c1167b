"""Avatars of users: looked up in PEP, vCard4 and vcard-temp, cached, and set."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from tigrest.adhoc import OwnersRequests
from tigrest.errors import InvalidValue, NotSupported, StanzaError, StanzaTimeout
from tigrest.images import image_type
from tigrest.jid import JID
from tigrest.stanza import make
from tigrest.threads import callable_from_threads

log = logging.getLogger(__name__)

METADATA = "urn:xmpp:avatar:metadata"
DATA = "urn:xmpp:avatar:data"
PUBSUB = "http://jabber.org/protocol/pubsub"
VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0"
VCARD4_NODE = "urn:xmpp:vcard4"
VCARD_TEMP = "vcard-temp"

Source = Literal["avatar", "vcard4", "vcard-temp"]
SOURCES: tuple[Source, ...] = ("avatar", "vcard4", "vcard-temp")
"""Where an avatar may be kept, best first: PEP (XEP-0084), vCard4 (XEP-0292), vcard-temp (XEP-0153)."""

CONTACTS_ONLY = ("forbidden", "not-authorized", "presence-subscription-required", "subscription-required", "not-allowed")
"""How servers refuse what is for contacts only, which then is asked for in the name of the owner."""

LOOKUP_TIMEOUT = 2.0
"""Seconds to wait for each answer while looking up."""


@dataclass(frozen=True)
class Avatar:
    """An avatar: either image bytes or the address of one elsewhere.

    Args:
        data: the image; empty when there is only a ``url``.
        content_type: its media type, always ``image/…``.
        url: an ``http`` or ``https`` address; empty when there is ``data``.
        etag: its entity tag, quoted; changes with the image.
    """

    data: bytes = b""
    content_type: str = ""
    url: str = ""
    etag: str = ""

    @classmethod
    def of_image(cls, data: bytes, claimed_type: str = "") -> Avatar | None:
        """Make one from bytes; ``None`` when they are not an image, whatever they claim to be."""
        kind = image_type(data) or (claimed_type if claimed_type.startswith("image/") and claimed_type != "image/svg+xml" else "")
        if not data or not kind:
            return None
        return cls(data, kind, "", f'"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"')

    @classmethod
    def of_url(cls, url: str) -> Avatar | None:
        """Make one from an address; ``None`` unless it is ``http`` or ``https`` with a host."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        usable = parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url
        return cls(url=url) if usable else None


class AvatarCache:
    """What was found lately, bounded in bytes and seconds.

    Args:
        max_bytes: most image bytes kept; the least recently used go first.
        seconds: how long a found avatar is served from here.
        miss_seconds: how long "has none" is believed.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, seconds: float = 300.0, miss_seconds: float = 15.0) -> None:
        self.max_bytes, self.seconds, self.miss_seconds = max_bytes, seconds, miss_seconds
        self._entries: OrderedDict[tuple[JID, str], tuple[float, Avatar | None]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[JID, str]) -> tuple[bool, Avatar | None]:
        """Look up: whether it is known, and the avatar or ``None`` for "has none"."""
        entry = self._entries.get(key)
        if entry is None:
            return False, None
        if entry[0] < time.monotonic():
            self._drop(key)
            return False, None
        self._entries.move_to_end(key)
        return True, entry[1]

    def put(self, key: tuple[JID, str], avatar: Avatar | None) -> None:
        """Remember what was found."""
        self._drop(key)
        self._entries[key] = (time.monotonic() + (self.seconds if avatar else self.miss_seconds), avatar)
        self._bytes += _weight(avatar)
        while self._bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, jid: JID) -> None:
        """Forget all about a user."""
        for source in ("", *SOURCES):
            self._drop((jid, source))

    def _drop(self, key: tuple[JID, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _weight(entry[1])


def _weight(avatar: Avatar | None) -> int:
    return 512 + (len(avatar.data) if avatar else 0)


@callable_from_threads
class Avatars:
    """Gets and sets avatars.

    Args:
        requests: sends the iqs.
        cache: what was found lately.
    """

    def __init__(self, requests: OwnersRequests, cache: AvatarCache) -> None:
        self._requests = requests
        self.cache = cache
        self.loop = requests.loop
        self._lookups: dict[tuple[JID, str], asyncio.Task[Avatar | None]] = {}

    async def get(self, jid: JID | str, source: Source | None = None) -> Avatar | None:
        """Get the avatar of a user; ``None`` when he has none.

        Args:
            jid: whose; the resource is ignored.
            source: where to look; everywhere, best first, when ``None``.

        Raises:
            NotConnected: the server cannot be asked.
            StanzaTimeout: the server did not answer.

        XEP-0084 §3.2, XEP-0292 §5, XEP-0153 §3.1
        """
        key = (JID(jid).bare, source or "")
        known, avatar = self.cache.get(key)
        if known:
            return avatar
        task = self._lookups.get(key)
        if task is None:
            task = self._lookups[key] = self.loop.create_task(self._find(key[0], source))
            task.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(task)

    def _settle(self, key: tuple[JID, str], task: asyncio.Task[Avatar | None]) -> None:
        if self._lookups.get(key) is task:
            del self._lookups[key]
            if not task.cancelled() and task.exception() is None:
                self.cache.put(key, task.result())

    async def _find(self, jid: JID, source: Source | None) -> Avatar | None:
        """Look in all places at once, and take the best that has it; a place that does not answer counts as empty."""
        finders: dict[Source, Callable[[JID], Awaitable[Avatar | None]]] = {
            "avatar": self._pep,
            "vcard4": self._vcard4,
            "vcard-temp": self._vcard_temp,
        }
        chosen = SOURCES if source is None else (source,)
        found = await asyncio.gather(*[finders[name](jid) for name in chosen], return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, Avatar):
                return outcome
        unexpected = [o for o in found if isinstance(o, BaseException) and not isinstance(o, StanzaError | StanzaTimeout)]
        if unexpected:
            raise unexpected[0]
        if all(isinstance(outcome, StanzaTimeout) for outcome in found):
            raise StanzaTimeout(f"the server of {jid} did not answer within {LOOKUP_TIMEOUT:g} s")
        return None

    async def _pep(self, jid: JID) -> Avatar | None:
        metadata = await self._items(jid, METADATA, None)
        infos = list(metadata.iter(f"{{{METADATA}}}info")) if metadata is not None else []
        held = next((info for info in infos if not info.get("url")), None)
        if held is None:
            return next((a for info in infos if (a := Avatar.of_url(info.get("url", "")))), None)
        items = await self._items(jid, DATA, held.get("id", ""))
        text = items.findtext(f".//{{{DATA}}}data", "") if items is not None else ""
        return Avatar.of_image(_decoded(text), held.get("type", ""))

    async def _items(self, jid: JID, node: str, item: str | None) -> ET.Element | None:
        pubsub = ET.Element(f"{{{PUBSUB}}}pubsub")
        items = ET.SubElement(pubsub, f"{{{PUBSUB}}}items", {"node": node})
        if item is None:
            items.set("max_items", "1")
        else:
            ET.SubElement(items, f"{{{PUBSUB}}}item", {"id": item})
        try:
            return await self._ask(jid, pubsub)
        except StanzaError as error:
            if error.condition not in CONTACTS_ONLY:
                raise
        try:
            return await self._as_owner(jid, "get", pubsub)
        except NotSupported:
            return None

    async def _vcard4(self, jid: JID) -> Avatar | None:
        try:
            vcard = await self._ask(jid, ET.Element(f"{{{VCARD4}}}vcard"))
        except StanzaError:  # no such protocol there: the vCard may be kept in PEP all the same, XEP-0292 §5.2
            items = await self._items(jid, VCARD4_NODE, None)
            vcard = items.find(f".//{{{VCARD4}}}vcard") if items is not None else None
        uri = vcard.findtext(f"{{{VCARD4}}}photo/{{{VCARD4}}}uri", "").strip() if vcard is not None else ""
        if not uri.startswith("data:"):
            return Avatar.of_url(uri)
        media, _, text = uri[5:].partition(",")
        return Avatar.of_image(_decoded(text), media.split(";")[0])

    async def _vcard_temp(self, jid: JID) -> Avatar | None:
        vcard = await self._ask(jid, ET.Element(f"{{{VCARD_TEMP}}}vCard"))
        photo = vcard.find(f"{{{VCARD_TEMP}}}PHOTO") if vcard is not None else None
        if photo is None:
            return None
        if external := photo.findtext(f"{{{VCARD_TEMP}}}EXTVAL", "").strip():
            return Avatar.of_url(external)
        data = _decoded(photo.findtext(f"{{{VCARD_TEMP}}}BINVAL", ""))
        return Avatar.of_image(data, photo.findtext(f"{{{VCARD_TEMP}}}TYPE", "").strip())

    async def _ask(self, jid: JID, payload: ET.Element) -> ET.Element | None:
        iq = make("iq", "get", jid, payload, id="avatar")
        return (await self._requests.request(iq, LOOKUP_TIMEOUT)).raise_error().payload

    async def set(self, jid: JID | str, data: bytes) -> Avatar:
        """Publish the avatar of a user: in PEP and, where the server lets us, as the photo of his vcard-temp.

        Args:
            jid: whose.
            data: the image; PNG, JPEG, GIF, WebP, AVIF or BMP.

        Returns:
            The avatar as it is served from now on.

        Raises:
            InvalidValue: the bytes are not an image.
            NotSupported: the server does not let us act for its users.
            StanzaError, StanzaTimeout, NotConnected: the server did not take it.

        XEP-0084 §3.1, XEP-0153 §3
        """
        owner = JID(jid).bare
        kind = image_type(data)
        avatar = Avatar.of_image(data)
        if not kind or avatar is None:
            raise InvalidValue("the body is not an image: send PNG, JPEG, GIF, WebP, AVIF or BMP bytes")
        identity = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        text = base64.b64encode(data).decode()
        content = ET.Element(f"{{{DATA}}}data")
        content.text = text
        metadata = ET.Element(f"{{{METADATA}}}metadata")
        ET.SubElement(metadata, f"{{{METADATA}}}info", {"id": identity, "type": kind, "bytes": str(len(data))})
        await self._publish(owner, DATA, identity, content)
        await self._publish(owner, METADATA, identity, metadata)
        try:
            await self._set_photo(owner, kind, text)
        except (StanzaError, StanzaTimeout, NotSupported) as error:
            log.debug("the photo in the vCard of %s was left as it is: %s", owner, error)
        self.cache.forget(owner)
        for key in [key for key in self._lookups if key[0] == owner]:
            del self._lookups[key]
        return avatar

    async def _publish(self, owner: JID, node: str, identity: str, payload: ET.Element) -> None:
        pubsub = ET.Element(f"{{{PUBSUB}}}pubsub")
        publish = ET.SubElement(pubsub, f"{{{PUBSUB}}}publish", {"node": node})
        ET.SubElement(publish, f"{{{PUBSUB}}}item", {"id": identity}).append(payload)
        await self._as_owner(owner, "set", pubsub)

    async def _set_photo(self, owner: JID, kind: str, text: str) -> None:
        """Replace the photo of the vCard; its other entries stay."""
        vcard = await self._as_owner(owner, "get", ET.Element(f"{{{VCARD_TEMP}}}vCard"))
        if vcard is None:
            vcard = ET.Element(f"{{{VCARD_TEMP}}}vCard")
        for old in vcard.findall(f"{{{VCARD_TEMP}}}PHOTO"):
            vcard.remove(old)
        photo = ET.SubElement(vcard, f"{{{VCARD_TEMP}}}PHOTO")
        ET.SubElement(photo, f"{{{VCARD_TEMP}}}TYPE").text = kind
        ET.SubElement(photo, f"{{{VCARD_TEMP}}}BINVAL").text = text
        await self._as_owner(owner, "set", vcard)

    async def _as_owner(self, owner: JID, type: str, payload: ET.Element) -> ET.Element | None:
        iq = make("iq", type, owner, payload, id="avatar")
        return (await self._requests.request_as(owner, iq, LOOKUP_TIMEOUT)).raise_error().payload


def _decoded(text: str) -> bytes:
    """Decode base64 as found in the wild: any white space inside; nothing when it is not base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
