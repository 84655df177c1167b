"""Answers of the embedded domain's chat rooms to iqs: what they are, their options, who is in them, who belongs to them. XEP-0045"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tigrest.backends.embedded.room import AFFILIATIONS, TITLE, Room
from tigrest.backends.embedded.rooms import EmbeddedRooms
from tigrest.backends.entities.entity import Entity
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.errors import InvalidJID, StanzaError
from tigrest.xmpp.forms import FORM_TYPE, DataForm, Field
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import DISCO_INFO, DISCO_ITEMS, MUC, MUC_ADMIN, MUC_OWNER, PING

OCCUPANT_ROLES = ("moderator", "participant", "visitor")


def rooms_entity(rooms: EmbeddedRooms) -> Entity:
    """Return what answers iqs to the service of rooms, and to each of them."""
    answering = _RoomIqs(rooms)
    return Entity(
        features=(MUC,),
        answers={
            ("get", f"{{{DISCO_INFO}}}query"): answering.info,
            ("get", f"{{{DISCO_ITEMS}}}query"): answering.items,
            ("get", f"{{{PING}}}ping"): answering.pong,
            ("get", f"{{{MUC_OWNER}}}query"): answering.options,
            ("set", f"{{{MUC_OWNER}}}query"): answering.own,
            ("get", f"{{{MUC_ADMIN}}}query"): answering.people,
            ("set", f"{{{MUC_ADMIN}}}query"): answering.change_people,
        },
    )


class _RoomIqs:
    """Answers iqs.

    Args:
        rooms: all rooms.
    """

    def __init__(self, rooms: EmbeddedRooms) -> None:
        self._rooms = rooms

    async def info(self, request: IqRequest) -> ET.Element:
        """Answer disco#info of a room.

        A room that is not there is shown to an address that can enter: that would make it. XEP-0045 §6.4
        """
        room = self._rooms.by_address.get(request.to.bare)
        if request.to.local and room is None and not request.sender.resource:
            raise StanzaError("item-not-found", text="there is no such room")
        query = ET.Element(f"{{{DISCO_INFO}}}query")
        name = "Rooms" if not request.to.local else room.options[TITLE] if room is not None else ""
        ET.SubElement(query, f"{{{DISCO_INFO}}}identity", {"category": "conference", "type": "text"} | ({"name": name} if name else {}))
        for feature in (DISCO_INFO, DISCO_ITEMS, MUC, *(room.features if room is not None else ())):
            ET.SubElement(query, f"{{{DISCO_INFO}}}feature", {"var": feature})
        if room is not None:
            kind, number = Field(FORM_TYPE, (f"{MUC}#roominfo",), "hidden"), Field("muc#roominfo_occupants", (str(len(room.nicks)),))
            query.append(DataForm("result", (kind, number)).to_element())
        return query

    async def items(self, request: IqRequest) -> ET.Element:
        """List the rooms that are public, or who is in one. XEP-0045 §6.3, §6.5"""
        listed = (
            [request.to.bare.with_resource(nick) for nick in self._room(request).nicks.values()]
            if request.to.local
            else [jid for jid, room in self._rooms.by_address.items() if room.is_public]
        )
        query = ET.Element(f"{{{DISCO_ITEMS}}}query")
        for jid in listed:
            ET.SubElement(query, f"{{{DISCO_ITEMS}}}item", {"jid": jid})
        return query

    async def pong(self, request: IqRequest) -> None:
        """Answer a self-ping. XEP-0410 §3.2"""
        room = self._rooms.by_address.get(request.to.bare)
        if request.to.local and (room is None or request.sender not in room.nicks):
            raise StanzaError("not-acceptable", text="you are not in this room")

    async def options(self, request: IqRequest) -> ET.Element:
        """Return the options of a room to its owner. XEP-0045 §10.2"""
        room = self._room(request, "owner")
        query = ET.Element(f"{{{MUC_OWNER}}}query")
        query.append(room.form().to_element())
        return query

    async def own(self, request: IqRequest) -> None:
        """Change the options of a room, or destroy it. XEP-0045 §10.2, §10.9"""
        room = self._room(request, "owner")
        destruction = request.payload.find(f"{{{MUC_OWNER}}}destroy")
        if destruction is not None:
            self._rooms.destroy(request.to.bare, destruction.findtext(f"{{{MUC_OWNER}}}reason", ""))
            return
        form = DataForm.find(request.payload)
        if form is None:
            raise StanzaError("bad-request", "modify", "send a form, or destroy")
        if form.type == "submit":
            room.configure(form)

    async def people(self, request: IqRequest) -> ET.Element:
        """List those who have an affiliation or a role. XEP-0045 §9.5, §9.8"""
        room = self._room(request, "owner", "admin")
        item = _only_item(request.payload)
        query = ET.Element(f"{{{MUC_ADMIN}}}query")
        affiliation, role = item.get("affiliation"), item.get("role")
        if affiliation in AFFILIATIONS:
            for jid in [jid for jid, has in room.affiliations.items() if has == affiliation]:
                ET.SubElement(query, f"{{{MUC_ADMIN}}}item", {"jid": jid, "affiliation": affiliation})
        elif role in OCCUPANT_ROLES:
            for jid, one in [(jid, room.occupant(jid)) for jid in room.nicks]:
                if one.role == role:
                    ET.SubElement(
                        query, f"{{{MUC_ADMIN}}}item", {"jid": jid, "nick": one.nick, "role": role, "affiliation": one.affiliation}
                    )
        else:
            raise StanzaError("bad-request", "modify", "say which affiliation or role")
        return query

    async def change_people(self, request: IqRequest) -> None:
        """Give affiliations, or take somebody out of a room. XEP-0045 §8.2, §9"""
        room = self._room(request, "owner", "admin")
        for item in request.payload.iterfind(f"{{{MUC_ADMIN}}}item"):
            reason = item.findtext(f"{{{MUC_ADMIN}}}reason", "")
            if (affiliation := item.get("affiliation")) is not None:
                jid = _address(item.get("jid", ""))
                self._expect_right(request, room, jid, affiliation)
                room.affiliate(jid, affiliation)
                if affiliation == "outcast":
                    self._rooms.ban(request.to.bare, jid)
            elif item.get("role") == "none":
                self._rooms.remove(request.to.bare, item.get("nick", ""), reason=reason)
            else:
                raise StanzaError("feature-not-implemented", text="roles are those of affiliations here")

    @staticmethod
    def _expect_right(request: IqRequest, room: Room, jid: JID, affiliation: str) -> None:
        """Refuse an admin of a room what is for its owners: to make or unmake those. XEP-0045 §5.2.1"""
        is_owner = request.is_admin or room.affiliations.get(request.sender.bare) == "owner"
        if not is_owner and {"owner", "admin"} & {affiliation, room.affiliations.get(jid.bare)}:
            raise StanzaError("not-allowed", text="only owners may do this")

    def _room(self, request: IqRequest, *affiliations: str) -> Room:
        """Return the room that is asked.

        Args:
            request: to it.
            affiliations: of which the sender must have one, unless he administers the domain; empty for anybody.

        Raises:
            StanzaError: there is none, or he may not.
        """
        room = self._rooms.by_address.get(request.to.bare)
        if room is None:
            raise StanzaError("item-not-found", text="there is no such room")
        if affiliations and not request.is_admin and room.affiliations.get(request.sender.bare) not in affiliations:
            raise StanzaError("forbidden", "auth", f"only {' or '.join(affiliations)} of the room may do this")
        return room


def _only_item(query: ET.Element) -> ET.Element:
    item = query.find(f"{{{MUC_ADMIN}}}item")
    if item is None:
        raise StanzaError("bad-request", "modify", "say whom")
    return item


def _address(text: str) -> JID:
    try:
        return JID(text).bare
    except InvalidJID:
        raise StanzaError("jid-malformed", "modify", "say whose affiliation") from None
