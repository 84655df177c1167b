"""Getting and setting avatars."""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest.concurrency.caller import while_there
from tigrest.concurrency.keyed_lock import KeyedLock
from tigrest.concurrency.single_flight import SingleFlight
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidValue, NoSuchUser, NotSupported, StanzaError, StanzaTimeout
from tigrest.formats.images import image_type
from tigrest.service.avatars.avatar import Avatar, sha1
from tigrest.service.avatars.budget import Budget
from tigrest.service.avatars.cache import AvatarCache, Key
from tigrest.service.avatars.entries import SOURCES, AvatarSource
from tigrest.service.avatars.lookup import LOOKUP_TIMEOUT, Lookup, Server
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import AVATAR_DATA, AVATAR_METADATA, PUBSUB, VCARD_TEMP
from tigrest.xmpp.stanza import make_stanza

log = logging.getLogger(__name__)

UrlMode = Literal["redirect", "proxy", "off"]


@dataclass(frozen=True)
class AvatarSettings:
    """The settings of ``[avatars]``.

    Args:
        as_owner: whether to serve what an avatar's owner shows to his contacts only.
        urls: whether callers are redirected to avatars that are elsewhere, or these are fetched, or left out.
        fetch: fetches them.
        cache: keeps what was found.
    """

    as_owner: bool = False
    urls: UrlMode = "redirect"
    fetch: Callable[[str], Awaitable[bytes | None]] | None = None
    cache: AvatarCache = field(default_factory=AvatarCache)


@callable_from_threads
class Avatars:
    """Gets and sets avatars.

    Args:
        server: sends the iqs.
        settings: those of ``[avatars]``.
        budget: bounds what callers without login may have looked up; the usual one when ``None``.
    """

    def __init__(self, server: Server, settings: AvatarSettings, budget: Budget | None = None) -> None:
        self._server, self._settings = server, settings
        self.cache = settings.cache
        self.loop = server.loop
        self._budget = budget or Budget()
        self._flights: SingleFlight[tuple[Key, int, bool], Avatar | None] = SingleFlight()
        self._setting = KeyedLock("changes of the avatar")

    async def get(
        self, jid: JID | str, source: AvatarSource | None = None, *, as_owner: bool | None = None, is_limited: bool = False
    ) -> Avatar | None:
        """Get the avatar of a user; ``None`` when he has none that may be seen.

        The server is asked from our own address, so it tells what it tells to strangers. All who want the same at the same time share
        one look-up, which ends when the last of them has gone.

        Args:
            jid: whose; the resource is ignored.
            source: where to look; everywhere, best first, when ``None``.
            as_owner: whether to ask in the name of the owner too, where the server lets us, and so find what he shows to his contacts
                only; by default what ``[avatars] as_owner`` says. It is for the script to decide whether its caller may see that.
            is_limited: whether the look-up counts as one for a caller without login; all of these together are bounded.

        Raises:
            NotConnected: the server cannot be asked.
            StanzaTimeout: the server did not answer.
            TooManyLookups: too many look-ups for callers without login are under way.
            CallerGone: the caller whose request is being served has gone away.

        XEP-0084 §3.3, XEP-0292 §5, XEP-0153 §3.1
        """
        owner = JID(jid).bare
        wants_all = self._settings.as_owner if as_owner is None else as_owner
        key = Key(owner, source or "", wants_all and self._is_ours(owner))
        known, avatar = self.cache.get(key)
        if known:
            return avatar
        flight = (key, self.cache.generation, is_limited)  # what is refused to strangers is not refused to others
        return await while_there(self._flights.run(flight, lambda: self._look_up(key, is_limited)))

    async def _look_up(self, key: Key, is_limited: bool) -> Avatar | None:
        generation = self.cache.generation
        if is_limited:
            lane = self._budget.served if self._is_ours(key.jid) else self._budget.others
            async with lane.lookup() as turn:
                avatar = await self._find(key, turn)
        else:
            avatar = await self._find(key)
        if generation == self.cache.generation:  # else it may be the one from before a change
            self.cache.put(key, avatar)
        return avatar

    async def _find(self, key: Key, turn: Callable[[], Awaitable[object]] | None = None) -> Avatar | None:
        open_url = self._open_url if self._is_ours(key.jid) else _leave_out
        sources = [source for source in SOURCES if key.source in ("", source)]
        return await Lookup(self._server, key.jid, key.as_owner, open_url, turn).find(sources)

    def _is_ours(self, jid: JID) -> bool:
        """Return whether an address is of a user of the served domain: only their avatars are fetched from URLs."""
        return bool(jid.local) and jid.domain == self._server.domain.domain

    async def _open_url(self, url: str, claimed_type: str) -> Avatar | None:
        avatar = Avatar.of_url(url, claimed_type)
        if avatar is None or self._settings.urls == "redirect":
            return avatar
        if self._settings.urls == "off" or self._settings.fetch is None:
            return None
        data = await self._settings.fetch(avatar.url)
        return Avatar.of_image(data) if data is not None else None

    async def set(self, jid: JID | str, data: bytes) -> Avatar:
        """Publish the avatar of a user, in his name: in PEP and, where the server lets us, as the photo of his vcard-temp.

        One of both will do, if it is what is served from then on. Who sees it in PEP is as it was before. Where nothing was published
        before, the server decides: Prosody makes public what comes by the vCard, which is why that comes first.

        Args:
            jid: whose; of the served domain.
            data: the image; PNG, JPEG, GIF, WebP, AVIF or BMP.

        Returns:
            The avatar as it is served from now on.

        Raises:
            InvalidValue: the bytes are not an image.
            NoSuchUser: the address is not of a user of the served domain.
            NotSupported: the server does not let us act for its users, or another avatar of his comes before it.
            StanzaError, StanzaTimeout, NotConnected: the server did not take it.
            Unavailable: too many wait to change the avatar of this user, which one does at a time.

        XEP-0084 §3.1, XEP-0153 §3
        """
        owner = JID(jid).bare
        kind = image_type(data)
        avatar = Avatar.of_image(data)
        if not kind or avatar is None:
            raise InvalidValue("the body is not an image: send PNG, JPEG, GIF, WebP, AVIF or BMP bytes")
        if not self._is_ours(owner):
            raise NoSuchUser(f"{owner} is not a user of {self._server.domain}; avatars are set for these only")
        async with self._setting.holding(owner):
            try:
                await self._set(owner, avatar, kind)
            finally:
                self.cache.forget(owner)
        return avatar

    async def _set(self, owner: JID, avatar: Avatar, kind: str) -> None:
        identity, text = sha1(avatar.data), base64.b64encode(avatar.data).decode()
        has_photo = True
        try:
            await self._set_photo(owner, kind, text)
        except (StanzaError, StanzaTimeout, NotSupported) as error:
            has_photo = False
            log.debug("the photo in the vCard of %s was left as it is: %s", owner, error)
        try:
            await self._publish(owner, kind, identity, text, len(avatar.data))
        except NotSupported:
            if not has_photo:
                raise
            await self._expect_served(owner, avatar)

    async def _expect_served(self, owner: JID, avatar: Avatar) -> None:
        """Look whether a photo that was set in the vCard alone is what others see.

        Raises:
            NotSupported: they see an avatar that the user has published himself.
        """
        found = await self._find(Key(owner, "", False))
        if found is None or found.data != avatar.data:
            raise NotSupported(
                f"the photo in the vCard of {owner} was set, but the avatar that he has published himself comes before it, "
                "and the server does not let the gateway replace that"
            )

    async def _publish(self, owner: JID, kind: str, identity: str, text: str, size: int) -> None:
        """Publish data, then the metadata that names it. XEP-0084 §3.1, §3.2"""
        content = ET.Element(f"{{{AVATAR_DATA}}}data")
        content.text = text
        metadata = ET.Element(f"{{{AVATAR_METADATA}}}metadata")
        ET.SubElement(metadata, f"{{{AVATAR_METADATA}}}info", {"id": identity, "type": kind, "bytes": str(size)})
        for node, payload in ((AVATAR_DATA, content), (AVATAR_METADATA, metadata)):
            pubsub = ET.Element(f"{{{PUBSUB}}}pubsub")
            publish = ET.SubElement(pubsub, f"{{{PUBSUB}}}publish", {"node": node})
            ET.SubElement(publish, f"{{{PUBSUB}}}item", {"id": identity}).append(payload)
            await self._request_as(owner, "set", pubsub)

    async def _set_photo(self, owner: JID, kind: str, text: str) -> None:
        """Replace the photo of the vCard; its other entries stay."""
        vcard = await self._request_as(owner, "get", ET.Element(f"{{{VCARD_TEMP}}}vCard"))
        if vcard is None:
            vcard = ET.Element(f"{{{VCARD_TEMP}}}vCard")
        for old in vcard.findall(f"{{{VCARD_TEMP}}}PHOTO"):
            vcard.remove(old)
        photo = ET.SubElement(vcard, f"{{{VCARD_TEMP}}}PHOTO")
        ET.SubElement(photo, f"{{{VCARD_TEMP}}}TYPE").text = kind
        ET.SubElement(photo, f"{{{VCARD_TEMP}}}BINVAL").text = text
        await self._request_as(owner, "set", vcard)

    async def _request_as(self, owner: JID, type: str, payload: ET.Element) -> ET.Element | None:
        iq = make_stanza("iq", type, owner, payload, id="avatar")
        return (await self._server.request_as(owner, iq, LOOKUP_TIMEOUT)).raise_error().payload


async def _leave_out(_url: str, _claimed_type: str) -> Avatar | None:
    """Use no address: nobody is sent, or makes us go, where a user of another domain says."""
    return None
