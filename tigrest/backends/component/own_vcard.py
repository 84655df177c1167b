"""vCards of users at servers without XEP-0356: set by an iq that a user might send to himself.

Some servers take an iq from a user's address over the link of a component, if they trust the component with these addresses. What a user
sends to his own bare address is about his own account. The reply goes to him, so nobody tells whether it was done: the vCard is read
back. Openfire and ejabberd with ``check_from: false`` do it, Tigase does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.concurrency.keyed_lock import KeyedLock
from tigrest.errors import NoSuchUser, NotSupported
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import VCARD_TEMP
from tigrest.xmpp.stanza import Stanza, make_stanza

READ_BACK = (0.0, 0.1, 0.3, 0.6)
"""Seconds to wait before each look at what was set: servers do it in their own time."""

_VCARD = f"{{{VCARD_TEMP}}}vCard"


class VCardServer(Protocol):
    """Sends stanzas to the server."""

    async def send(self, stanza: Stanza) -> None:
        """Send a stanza as it is."""

    async def request(self, iq: Stanza, timeout: float = ...) -> Stanza:
        """Send an iq from our own address and wait for its reply."""

    async def exists(self, jid: JID) -> bool:
        """Return whether there is an account; see :meth:`tigrest.backends.backend.UserRepository.exists`."""


def is_of_vcard(iq: Stanza) -> bool:
    """Return whether an iq gets or sets a vCard. XEP-0054 §3"""
    return iq.payload is not None and iq.payload.tag == _VCARD


class OwnVCards:
    """vCards that are set in the names of their owners, one at a time of each: else it is another one that is read back.

    Args:
        server: sends over a link that the server trusts with its users' addresses.
    """

    def __init__(self, server: VCardServer) -> None:
        self._server = server
        self._setting = KeyedLock("changes of the vCard")

    async def request(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        """Get or set the vCard of a user; everybody may get one::

            <iq type="set" from="alice@example.org" to="alice@example.org" id="…"><vCard xmlns="vcard-temp">…</vCard></iq>

        Args:
            owner: bare address of the user.
            iq: of type get or set, with a vCard.
            timeout: of each iq, in seconds.

        Returns:
            The reply; of a set one that we make, once the vCard that the server has is seen to be what was set.

        Raises:
            NotSupported: it is not; the server does not take it in this way.
            NoSuchUser: there is no such account: ejabberd would keep the vCard all the same.
            StanzaTimeout, NotConnected, Unavailable: the server cannot be asked, or too many wait to set this vCard.

        XEP-0054 §3.1, §3.2
        """
        get = make_stanza("iq", "get", owner, ET.Element(_VCARD), id=iq.id or "vcard")
        if iq.type == "get":
            return await self._get(get, owner, timeout)
        async with self._setting.holding(owner):
            await self._get(get, owner, timeout)
            return await self._set(iq, get, owner, timeout)

    async def _get(self, get: Stanza, owner: JID, timeout: float) -> Stanza:
        reply = await self._server.request(get, timeout)
        if reply.error is not None and reply.error.condition == "item-not-found":  # no vCard, or no account. XEP-0054 §3.1
            reply = get.reply(ET.Element(_VCARD))
        if reply.payload is None or not len(reply.payload):
            await _expect(self._server, owner)
        return reply

    async def _set(self, iq: Stanza, get: Stanza, owner: JID, timeout: float) -> Stanza:
        assert iq.payload is not None
        await self._server.send(iq.with_(sender=owner, to=owner))
        wanted = Counter(_values(iq.payload))
        for pause in READ_BACK:
            await asyncio.sleep(pause)
            found = (await self._server.request(get, timeout)).payload
            if found is not None and wanted <= Counter(_values(found)):
                return iq.with_(sender=None, to=owner).reply()
        said = f"the server does not let the gateway set the vCard of {owner}: it was sent in his name, and is not there"
        raise NotSupported(f"{said}; from ejabberd 24.10 on, grant iq for vcard-temp in mod_privilege")


async def _expect(server: VCardServer, owner: JID) -> None:
    with contextlib.suppress(NotSupported):  # the server does not tell
        if not await server.exists(owner):
            raise NoSuchUser(f"there is no account {owner}")


def _values(element: ET.Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values of a vCard with the path to each, without white space, which servers change in images."""
    path = f"{path}/{element.tag}"
    if not len(element):
        yield path, "".join((element.text or "").split())
    for child in element:
        yield from _values(child, path)
