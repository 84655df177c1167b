"""Chat rooms of the embedded domain, to try what is said in rooms. They end with the process. XEP-0045"""

from __future__ import annotations

import asyncio
from xml.etree import ElementTree as ET

from tigrest.backends.embedded.room import Room
from tigrest.backends.inbound import Inbound
from tigrest.errors import StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT, MUC, MUC_USER
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.rooms import BANNED, KICKED, SELF, item_of
from tigrest.xmpp.stanza import Stanza, make_stanza

_BODY, _SUBJECT = f"{{{CLIENT}}}body", f"{{{CLIENT}}}subject"


class EmbeddedRooms:
    """The rooms of the service ``rooms.<domain>``. Who enters one that is not there makes it; it ends when the last one leaves.

    Args:
        domain: the embedded domain.
        inbound: gets what is for our own addresses; others have no client here that could get it.
        limit: most rooms, and most occupants of all rooms.
    """

    def __init__(self, domain: JID, inbound: Inbound, limit: int) -> None:
        self.jid = JID(f"rooms.{domain}")
        self._inbound, self._limit = inbound, limit
        self.by_address: dict[JID, Room] = {}
        """All rooms there are."""

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

    def remove(self, address: JID, nick: str, status: int = KICKED, reason: str = "") -> None:
        """Take somebody out of a room, and tell all. XEP-0045 §8.2, §9.1

        Raises:
            StanzaError: nobody has that nickname.
        """
        room = self.by_address[address]
        jid = room.by_nick(nick)
        if jid is None:
            raise StanzaError("item-not-found", text="nobody here has that nickname")
        self._leave(room, address, jid, status, reason=reason)

    def ban(self, address: JID, jid: JID) -> None:
        """Take all addresses of somebody out of a room. XEP-0045 §9.1"""
        room = self.by_address[address]
        for nick in [nick for each, nick in room.nicks.items() if each.bare == jid.bare]:
            self.remove(address, nick, BANNED)

    def destroy(self, address: JID, reason: str = "") -> None:
        """End a room, and tell all who are in it. XEP-0045 §10.9"""
        room = self.by_address.pop(address)
        for jid, nick in room.nicks.items():
            x = item_of(Occupant(nick, role="none"))
            ET.SubElement(ET.SubElement(x, f"{{{MUC_USER}}}destroy"), f"{{{MUC_USER}}}reason").text = reason
            ET.SubElement(x, f"{{{MUC_USER}}}status", {"code": str(SELF)})
            self._deliver(make_stanza("presence", "unavailable", jid, x, sender=address.with_resource(nick)))

    def _on_presence(self, presence: Stanza, to: JID, sender: JID) -> None:
        room = self.by_address.get(to.bare)
        if presence.type == "unavailable":
            if room is not None and sender in room.nicks:
                self._leave(room, to.bare, sender)
            return
        if presence.type:
            return
        if not to.resource:
            raise StanzaError("jid-malformed", "modify", "say under which nickname: room/nickname")
        room = room or Room(affiliations={sender.bare: "owner"})
        room.expect_entry(sender, to.resource, presence.xml.findtext(f"{{{MUC}}}x/{{{MUC}}}password", ""))
        is_full = sum(len(each.nicks) for each in self.by_address.values()) >= self._limit
        if is_full or (to.bare not in self.by_address and len(self.by_address) >= self._limit):
            raise StanzaError("resource-constraint", "wait", "there are too many people or rooms")
        self.by_address[to.bare] = room
        for jid in room.nicks:
            if jid != sender:
                self._deliver(self._presence(to.bare, room.occupant(jid), sender))
        room.nicks[sender] = to.resource
        self._tell_all(room, to.bare, sender)
        subject = ET.Element(_SUBJECT)
        subject.text = room.subject
        self._deliver(make_stanza("message", "groupchat", sender, subject, sender=to.bare))

    def _leave(self, room: Room, address: JID, who: JID, *statuses: int, reason: str = "") -> None:
        self._tell_all(room, address, who, "unavailable", *statuses, reason=reason)
        del room.nicks[who]
        if not room.nicks and not room.is_persistent:
            del self.by_address[address]

    def _on_message(self, message: Stanza, to: JID, sender: JID) -> None:
        room = self.by_address.get(to.bare)
        nick = None if room is None else room.nicks.get(sender)
        if room is None or nick is None:
            raise StanzaError("not-acceptable", "modify", "you are not in this room")
        said = message.with_(sender=JID.of(to.local, to.domain, nick))
        if to.resource:
            if message.type == "groupchat":
                raise StanzaError("bad-request", "modify", "a message to one occupant is of type chat")
            known = room.by_nick(to.resource)
            if known is None:
                raise StanzaError("item-not-found", text="nobody here has that nickname")
            self._deliver(said.with_(to=known))
            return
        if message.type != "groupchat":
            raise StanzaError("bad-request", "modify", "a message to a room is of type groupchat")
        subject = message.xml.find(_SUBJECT)
        if subject is not None and message.xml.find(_BODY) is None:
            room.subject = subject.text or ""
        for jid in room.nicks:
            self._deliver(said.with_(to=jid))

    def _tell_all(self, room: Room, address: JID, who: JID, type: str = "", *statuses: int, reason: str = "") -> None:
        """Send somebody's presence to all, to himself the last. XEP-0045 §7.2.2"""
        occupant = room.occupant(who)
        for jid in sorted(room.nicks, key=lambda jid: jid == who):
            self._deliver(self._presence(address, occupant, jid, type, *statuses, *([SELF] if jid == who else []), reason=reason))

    def _presence(self, room: JID, occupant: Occupant, to: JID, type: str = "", *statuses: int, reason: str = "") -> Stanza:
        x = item_of(Occupant(occupant.nick, None, occupant.affiliation, "none" if type else occupant.role))
        if reason:
            ET.SubElement(x[0], f"{{{MUC_USER}}}reason").text = reason
        for status in statuses:
            ET.SubElement(x, f"{{{MUC_USER}}}status", {"code": str(status)})
        return make_stanza("presence", type, to, x, sender=room.with_resource(occupant.nick))

    def _deliver(self, stanza: Stanza) -> None:
        """Queue a stanza for the gateway behind the one in progress; one for another address is dropped."""
        to = stanza.to
        if to is not None and self._inbound.is_ours(to):
            asyncio.get_running_loop().call_soon(self._inbound.take, stanza)
