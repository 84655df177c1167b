"""A server that has what it is given, and counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from xml.etree import ElementTree as ET

from tigrest.errors import NotSupported, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

PUBSUB = "http://jabber.org/protocol/pubsub"
Answer = Callable[[], str]


class FakeServer:
    """Answers iqs of type get.

    Args:
        public: replies by node of PEP, ``node/item`` of PEP, or namespace: XML of the payload, without the elements around items.
        for_contacts: the same, told to the owner only; refused to all others.
        delay: seconds until it answers.
    """

    def __init__(self, public: dict[str, str], for_contacts: dict[str, str] | None = None, delay: float = 0.0) -> None:
        self.loop = asyncio.get_running_loop()
        self.domain = JID("localhost")
        self.public, self.for_contacts, self.delay = public, for_contacts or {}, delay
        self.asked: list[tuple[str, str]] = []
        """Who was asked in whose name: the owner or nobody."""
        self.times: list[float] = []
        self.waiting = self.most_waiting = 0

    async def request(self, iq: Stanza, timeout: float = 2.0) -> Stanza:
        return await self._answer(iq, "")

    async def request_as(self, owner: JID, iq: Stanza, timeout: float = 2.0) -> Stanza:
        if not self.for_contacts:
            raise NotSupported("no privileges")
        return await self._answer(iq, owner)

    async def _answer(self, iq: Stanza, owner: str) -> Stanza:
        self.asked.append((iq.attributes["to"], owner))
        self.times.append(self.loop.time())
        self.waiting += 1
        self.most_waiting = max(self.waiting, self.most_waiting)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.waiting -= 1
        assert iq.payload is not None
        key = _key(iq.payload)
        if key in self.for_contacts and not owner:
            return iq.error_reply(StanzaError("forbidden", "auth"))
        content = (self.for_contacts | self.public).get(key)
        if content is None:
            return iq.error_reply(StanzaError("item-not-found"))
        if iq.payload.tag == f"{{{PUBSUB}}}pubsub":
            content = f"<pubsub xmlns='{PUBSUB}'><items node='n'><item id='i'>{content}</item></items></pubsub>"
        return iq.reply(ET.fromstring(content))


def _key(payload: ET.Element) -> str:
    items = payload.find(f"{{{PUBSUB}}}items")
    if items is None:
        return payload.tag[1:].partition("}")[0]
    item = items.find(f"{{{PUBSUB}}}item")
    return items.get("node", "") + ("/" + item.get("id", "") if item is not None else "")
