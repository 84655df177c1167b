"""Chat rooms of the embedded domain, to try what is said in rooms: every room is there, and knows who is in it and its subject. XEP-0045"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from tigrest.backends.entities.entity import DiscoIdentity, Entity
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.backends.inbound import Inbound
from tigrest.errors import StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT, MUC, MUC_USER, PING
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.rooms import SELF, item_of
from tigrest.xmpp.stanza import Stanza, make_stanza

_BODY, _SUBJECT = f"{{{CLIENT}}}body", f"{{{CLIENT}}}subject"


@dataclass
class _Room:
    """A room that somebody is in."""

    nicks: dict[JID, str] = field(default_factory=dict)
    subject: str = ""


class EmbeddedRooms:
    """The service ``rooms.<domain>``. Nobody owns a room, and it is forgotten when the last one leaves.

    Args:
        domain: the embedded domain.
        inbound: gets what is for our own addresses; others have no client here that could get it.
        limit: most occupants of all rooms.
    """

    def __init__(self, domain: JID, inbound: Inbound, limit: int) -> None:
        self.jid = JID(f"rooms.{domain}")
        self._inbound, self._limit = inbound, limit
        self._rooms: dict[JID, _Room] = {}
        identity = DiscoIdentity("conference", "text", "Rooms")
        self.entity = Entity(identity, features=(MUC,), answers={("get", f"{{{PING}}}ping"): self._pong})
        """Answers of the service and each of its rooms to iqs."""

    async def _pong(self, request: IqRequest) -> None:
        """Answer a self-ping. XEP-0410 §3.2"""
        room = self._rooms.get(request.to.bare)
        if request.to.local and (room is None or request.sender not in room.nicks):
            raise StanzaError("not-acceptable", text="you are not in this room")

    def take(self, stanza: Stanza, to: JID, sender: JID) -> None:
        """Process a message or presence to a room.

        Raises:
            StanzaError: it is refused, and the sender has no way to get a stanza back.
        """
        try:
            if not to.local:
                raise StanzaError("service-unavailable", text=f"{to} is no room: write name@{self.jid}")
            (self._on_presence if stanza.kind == "presence" else self._on_message)(stanza, to, sender)
        except StanzaError as error:
            if stanza.type == "error":
                return
            if not self._inbound.is_ours(sender):
                raise
            self._deliver(stanza.error_reply(error))

    def _on_presence(self, presence: Stanza, to: JID, sender: JID) -> None:
        room = self._rooms.get(to.bare)
        if presence.type == "unavailable":
            if room is not None and sender in room.nicks:
                self._leave(room, to.bare, sender)
            return
        if presence.type:
            return
        if not to.resource:
            raise StanzaError("jid-malformed", "modify", "say under which nickname: room/nickname")
        room = room or _Room()
        if to.resource in [nick for jid, nick in room.nicks.items() if jid != sender]:
            raise StanzaError("conflict", text="somebody else has that nickname")
        if sum(len(each.nicks) for each in self._rooms.values()) >= self._limit:
            raise StanzaError("resource-constraint", "wait", "there are too many people in all rooms")
        self._rooms[to.bare] = room
        for jid, nick in room.nicks.items():
            if jid != sender:
                self._deliver(self._presence(to.bare, nick, sender))
        room.nicks[sender] = to.resource
        self._tell_all(room, to.bare, sender)
        subject = ET.Element(_SUBJECT)
        subject.text = room.subject
        self._deliver(make_stanza("message", "groupchat", sender, subject, sender=to.bare))

    def _leave(self, room: _Room, address: JID, sender: JID) -> None:
        self._tell_all(room, address, sender, "unavailable")
        del room.nicks[sender]
        if not room.nicks:
            del self._rooms[address]

    def _on_message(self, message: Stanza, to: JID, sender: JID) -> None:
        room = self._rooms.get(to.bare)
        nick = None if room is None else room.nicks.get(sender)
        if room is None or nick is None:
            raise StanzaError("not-acceptable", "modify", "you are not in this room")
        said = message.with_(sender=JID.of(to.local, to.domain, nick))
        if to.resource:
            known = [jid for jid, other in room.nicks.items() if other == to.resource]
            if message.type == "groupchat":
                raise StanzaError("bad-request", "modify", "a message to one occupant is of type chat")
            if not known:
                raise StanzaError("item-not-found", text="nobody here has that nickname")
            self._deliver(said.with_(to=known[0]))
            return
        if message.type != "groupchat":
            raise StanzaError("bad-request", "modify", "a message to a room is of type groupchat")
        subject = message.xml.find(_SUBJECT)
        if subject is not None and message.xml.find(_BODY) is None:
            room.subject = subject.text or ""
        for jid in room.nicks:
            self._deliver(said.with_(to=jid))

    def _tell_all(self, room: _Room, address: JID, who: JID, type: str = "") -> None:
        """Send somebody's presence to all, to himself the last. XEP-0045 §7.2.2"""
        for jid in sorted(room.nicks, key=lambda jid: jid == who):
            self._deliver(self._presence(address, room.nicks[who], jid, type, *([SELF] if jid == who else [])))

    def _presence(self, room: JID, nick: str, to: JID, type: str = "", *statuses: int) -> Stanza:
        x = item_of(Occupant(nick, role="none" if type else "participant"))
        for status in statuses:
            ET.SubElement(x, f"{{{MUC_USER}}}status", {"code": str(status)})
        return make_stanza("presence", type, to, x, sender=room.with_resource(nick))

    def _deliver(self, stanza: Stanza) -> None:
        """Have a stanza come in, if it is for an address of ours, once the one that is processed has been."""
        to = stanza.to
        if to is not None and self._inbound.is_ours(to):
            asyncio.get_running_loop().call_soon(self._inbound.take, stanza)
