"""Look up an avatar: query all sources at once, and choose the best reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidStanza, NotSupported, StanzaError, StanzaTimeout, StanzaTooLarge
from tigrest.service.avatars.avatar import Avatar, sha1
from tigrest.service.avatars.entries import (
    AvatarSource,
    Entry,
    data_entry,
    metadata_entries,
    vcard4_entries,
    vcard_temp_entries,
)
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import AVATAR_DATA, AVATAR_METADATA, PUBSUB, VCARD4, VCARD4_NODE, VCARD_TEMP
from tigrest.xmpp.stanza import Stanza, make_stanza

HIDDEN = ("forbidden", "not-authorized", "presence-subscription-required", "subscription-required", "not-allowed", "item-not-found")
"""Conditions by which servers refuse what is not for strangers; the embedded domain and others do not even tell that it is there."""

LOOKUP_TIMEOUT = 2.0
"""Seconds to wait for each answer."""

SOURCE_TIMEOUT = 10.0
"""Seconds that one place may take with all it is asked."""

MAX_ITEMS = 8
"""Most items of PEP data that are asked for: each costs an iq."""

MAX_URLS = 4
"""Most usable addresses of one place that are tried: each may cost a fetch."""

OpenUrl = Callable[[str, str], Awaitable[Avatar | None]]
"""Makes an avatar of a web address and a claimed media type; ``None`` when it cannot be one."""

Turn = Callable[[], Awaitable[object]]
"""Awaited before each iq."""


class Server(Protocol):
    """The part of a back end that avatars use."""

    loop: asyncio.AbstractEventLoop

    @property
    def domain(self) -> JID:
        """Return the domain whose users are served."""

    async def request(self, iq: Stanza, timeout: float = ...) -> Stanza:
        """Send an iq from our own address and wait for its reply."""

    async def request_as(self, owner: JID, iq: Stanza, timeout: float = ...) -> Stanza:
        """Send an iq in the name of a user and wait for its reply."""


class Lookup:
    """Looks up one avatar.

    Args:
        server: is asked.
        jid: whose avatar, a bare address.
        as_owner: whether to ask in the name of the owner what is not shown to us.
        open_url: what to do with avatars that are elsewhere.
        turn: awaited before each iq.
    """

    def __init__(self, server: Server, jid: JID, as_owner: bool, open_url: OpenUrl, turn: Turn | None = None) -> None:
        self._server, self._jid, self._as_owner, self._open_url, self._turn = server, jid, as_owner, open_url, turn
        self._finders: dict[AvatarSource, Callable[[], Awaitable[Avatar | None]]] = {
            "avatar": self._pep,
            "vcard4": self._vcard4,
            "vcard-temp": self._vcard_temp,
        }

    async def find(self, sources: Sequence[AvatarSource]) -> Avatar | None:
        """Query all sources at once, and return the image of the best; a source that does not reply counts as empty.

        Args:
            sources: the places, best first.

        Raises:
            NotConnected: there is no server.
            StanzaTimeout: none of them answered in time.
        """
        tasks = [asyncio.create_task(self._ask_source(source)) for source in sources]
        uncertain: Avatar | None = None
        unanswered = 0
        try:
            for task in tasks:
                try:
                    avatar = await task
                except StanzaTimeout:
                    unanswered += 1
                    continue
                if avatar is not None and avatar.is_certain:
                    return avatar
                uncertain = uncertain or avatar
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if unanswered == len(tasks):
            raise StanzaTimeout(f"the server of {self._jid} did not answer within {LOOKUP_TIMEOUT:g} s")
        return uncertain

    async def _ask_source(self, source: AvatarSource) -> Avatar | None:
        try:
            async with asyncio.timeout(SOURCE_TIMEOUT):
                return await self._finders[source]()
        except TimeoutError:
            raise StanzaTimeout(f"{self._jid} took longer than {SOURCE_TIMEOUT:g} s") from None

    async def _pep(self) -> Avatar | None:
        """Look in PEP. XEP-0084 §3.3

        The id of an item is the hash of its image. Publishers must keep to that (§3.1), but nothing tells others to refuse what does
        not match: it comes from the account of the owner all the same. So an image that matches wins, and one that does not is
        better than none; our ETag is computed from the bytes.
        """
        metadata, for_contacts = await self._items(AVATAR_METADATA)
        entries = metadata_entries(metadata)
        others: list[Avatar] = []
        for held in [entry for entry in entries if entry.item][:MAX_ITEMS]:
            items, for_contacts_too = await self._items(AVATAR_DATA, held.item)
            data = data_entry(items, held.claimed_type)
            avatar = Avatar.of_image(data.data, data.claimed_type)
            if avatar is None:
                continue
            avatar = avatar.for_contacts() if for_contacts or for_contacts_too else avatar
            if avatar.is_certain and held.item.lower() == sha1(data.data):
                return avatar
            others.append(avatar)
        return await self._best(others, entries, for_contacts)

    async def _vcard4(self) -> Avatar | None:
        """Look in the vCard4: by its own protocol, or where that is not spoken, in PEP. XEP-0292 §5"""
        vcard, for_contacts = await self._ask(ET.Element(f"{{{VCARD4}}}vcard")), False
        if vcard is None:
            items, for_contacts = await self._items(VCARD4_NODE)
            vcard = items.find(f".//{{{VCARD4}}}vcard") if items is not None else None
        return await self._best_of(vcard4_entries(vcard), for_contacts)

    async def _vcard_temp(self) -> Avatar | None:
        """Look in the vcard-temp, which is for everybody. XEP-0153 §3.1"""
        return await self._best_of(vcard_temp_entries(await self._ask(ET.Element(f"{{{VCARD_TEMP}}}vCard"))), False)

    async def _best_of(self, entries: Sequence[Entry], for_contacts: bool) -> Avatar | None:
        images = [avatar for entry in entries if (avatar := Avatar.of_image(entry.data, entry.claimed_type)) is not None]
        return await self._best([image.for_contacts() if for_contacts else image for image in images], entries, for_contacts)

    async def _best(self, images: Sequence[Avatar], entries: Sequence[Entry], for_contacts: bool) -> Avatar | None:
        """Choose: an image that is one for certain, then what is elsewhere, then what only its owner calls an image."""
        certain = next((image for image in images if image.is_certain), None)
        if certain is not None:
            return certain
        usable = [entry for entry in entries if Avatar.of_url(entry.url, entry.claimed_type) is not None]
        for entry in usable[:MAX_URLS]:
            avatar = await self._open_url(entry.url, entry.claimed_type)
            if avatar is not None and avatar.is_certain:
                return avatar.for_contacts() if for_contacts else avatar
        return images[0] if images else None

    async def _items(self, node: str, item: str = "") -> tuple[ET.Element | None, bool]:
        """Request the newest item of a node, or one by its id; return also whether only contacts of the owner may see it."""
        pubsub = ET.Element(f"{{{PUBSUB}}}pubsub")
        items = ET.SubElement(pubsub, f"{{{PUBSUB}}}items", {"node": node})
        if item:
            ET.SubElement(items, f"{{{PUBSUB}}}item", {"id": item})
        else:
            items.set("max_items", "1")
        try:
            return await self._request(pubsub), False
        except StanzaError as error:
            if error.condition not in HIDDEN or not self._as_owner:
                return None, False
        try:
            return await self._request(pubsub, as_owner=True), True
        except (StanzaError, NotSupported):
            return None, False

    async def _ask(self, payload: ET.Element) -> ET.Element | None:
        """Send an iq of type get; return ``None`` for an error."""
        try:
            return await self._request(payload)
        except StanzaError:
            return None

    async def _request(self, payload: ET.Element, as_owner: bool = False) -> ET.Element | None:
        """Send an iq of type get and give the payload of the reply.

        Raises:
            StanzaError: it is refused, or the reply cannot be read.
        """
        if self._turn is not None:
            await self._turn()
        iq = make_stanza("iq", "get", self._jid, payload, id="avatar")
        try:
            if as_owner:
                reply = await self._server.request_as(self._jid, iq, LOOKUP_TIMEOUT)
            else:
                reply = await self._server.request(iq, LOOKUP_TIMEOUT)
            return reply.raise_error().payload
        except (InvalidStanza, StanzaTooLarge, ET.ParseError) as error:  # ParseError: a namespace that ElementTree cannot write
            raise StanzaError("undefined-condition", text=f"not readable: {error}") from None
