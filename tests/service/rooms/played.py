"""A chat room that is played: what comes to it is answered as a service would, or as it is told to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from tigrest.backends.inbound import Inbound
from tigrest.concurrency.backoff import Backoff
from tigrest.errors import NotConnected, NotSupported
from tigrest.service import Addresses, Policy
from tigrest.service.rooms import Places, RoomLimits, Rooms, Speaker
from tigrest.service.rooms.places import GATEWAY_OWNER
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

US, DOMAIN, ADMIN = JID("http.example.org"), JID("example.org"), JID("root@example.org")
HALL = JID("hall@rooms.example.org")
USER = "http://jabber.org/protocol/muc#user"
CONFERENCE = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text'/></query>"
QUICK = RoomLimits(
    join_seconds=0.3,
    describe_seconds=0.1,
    echo_seconds=0.3,
    ping_seconds=0.1,
    rejoin=Backoff(first=0.01, last=0.02, jitter=(1.0, 1.0)),
    removed_seconds=0.01,
)


def error(stanza: Stanza, condition: str, text: str = "") -> str:
    """Return the error for a stanza that was sent."""
    words = f"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{text}</text>" if text else ""
    return (
        f"<{stanza.kind} type='error' id='{stanza.id}' from='{stanza.attributes['to']}' to='{stanza.attributes['from']}'>"
        f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{words}</error></{stanza.kind}>"
    )


class Played:
    """The wire to a service with one room.

    Args:
        limits: of the places of ours.
    """

    def __init__(self, limits: RoomLimits = QUICK) -> None:
        self.policy = Policy(Addresses(US, DOMAIN), admins=frozenset({ADMIN}))
        self.places = Places(self, self.policy, limits)
        self.inbound = Inbound(US)
        self.inbound.refine(self.places.take)
        self.heard: list[Stanza] = []
        self.inbound.add(self)
        self.sent: list[Stanza] = []
        self.asked: list[Stanza] = []
        self.description = CONFERENCE
        """Payload of the answer to disco; empty for ``item-not-found``."""
        self.answers_iqs = True
        self.is_up = True
        self.on_entry: Callable[[Stanza], str] = self.let_in
        self.on_message: Callable[[Stanza], str] = self.reflect
        self.on_ping: Callable[[Stanza], Stanza] = Stanza.reply
        self._numbers = itertools.count(1)
        self.places.on_link(True)

    def offer(self, stanza: Stanza) -> bool:
        """Listen to what is left for all."""
        self.heard.append(stanza)
        return True

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Leave iqs to others."""
        return None

    def rooms(self, name: str = "", address: JID | None = None) -> Rooms:
        """Return the rooms of a user, or those of scripts; from his own address unless another is given."""
        address = address or (JID(f"{name}@http.example.org") if name else self.policy.addresses.room_owner)
        speaker = Speaker(address, name or "tigrest", name or GATEWAY_OWNER, lambda _: None)
        return Rooms(self.places, speaker, lambda: f"m{next(self._numbers)}")

    def come_in(self, *stanzas: str) -> None:
        """Have stanzas come in, soon."""
        loop = asyncio.get_running_loop()
        for stanza in stanzas:
            if stanza:
                loop.call_soon(self.inbound.take, Stanza.received(stanza))

    async def send(self, stanza: Stanza) -> None:
        """Play what the room does with it."""
        if not self.is_up:
            raise NotConnected("no link")
        self.sent.append(stanza)
        if stanza.kind == "message":
            self.come_in(self.on_message(stanza))
        elif not stanza.type:
            self.come_in(self.on_entry(stanza))

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Answer disco and pings."""
        self.asked.append(iq)
        if not self.answers_iqs:
            raise NotSupported("iqs are dropped")
        if iq.mentions(b"disco#info"):
            if not self.description:
                return Stanza.received(error(iq, "item-not-found"))
            return Stanza.received(f"<iq type='result' from='{iq.to}' to='{iq.sender}'>{self.description}</iq>")
        await asyncio.sleep(0)
        return self.on_ping(iq)

    def let_in(self, entry: Stanza, *statuses: int, nick: str = "", affiliation: str = "none") -> str:
        """Return the presence of the one who enters."""
        to = entry.to
        assert to is not None
        item = f"<item affiliation='{affiliation}' role='participant'/>"
        return self.presence(nick or to.resource, entry.attributes["from"], 110, *statuses, item=item)

    def presence(self, nick: str, to: str, *statuses: int, type: str = "", item: str = "", further: str = "") -> str:
        """Return a presence of an occupant."""
        told = "".join(f"<status code='{status}'/>" for status in statuses)
        kind = f"type='{type}'" if type else ""
        item = item or "<item affiliation='none' role='participant'/>"
        return f"<presence from='{HALL}/{nick}' to='{to}' {kind}><x xmlns='{USER}'>{item}{told}{further}</x></presence>"

    def reflect(self, message: Stanza) -> str:
        """Return a message as the room sends it back to its sender."""
        place = next(place for place in self.places if place.address == message.attributes["from"])
        return str(message.with_(sender=f"{HALL}/{place.nick}", to=message.attributes["from"]))

    def silent(self, _: Stanza) -> str:
        """Do nothing."""
        return ""

    def kinds(self) -> list[str]:
        """Return what was sent, in short."""
        return [stanza.type or stanza.kind for stanza in self.sent]
