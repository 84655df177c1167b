"""Stanzas between an occupant and a chat room: what is sent to be one, and what the room says of others. XEP-0045"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidJID
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import DATA_FORMS, DELAYED_DELIVERY, DISCO_INFO, MUC, MUC_OWNER, MUC_USER, OCCUPANT_ID, PING
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.stanza import Stanza, make_stanza

SELF, CREATED, BANNED, RENAMED, KICKED = 110, 201, 301, 303, 307
"""Status codes: the presence is the occupant's own; the room is new; why somebody has left. XEP-0045 §15.6"""

NO_HISTORY = {"maxstanzas": 0, "maxchars": 0}
"""What who enters a room asks for who wants to hear nothing old."""

_DELAY, _TOLD, _OCCUPANT_ID = DELAYED_DELIVERY.encode(), MUC_USER.encode(), OCCUPANT_ID.encode()
_TOLD_TAG, _OCCUPANT_ID_TAG = f"{{{MUC_USER}}}x", f"{{{OCCUPANT_ID}}}occupant-id"


@dataclass(frozen=True)
class RoomPresence:
    """A presence that a room has sent.

    Args:
        occupant: whose presence it is.
        statuses: its status codes.
        reason: why he has left, in words; possibly empty.
        new_nick: his nickname from now on, with the status 303; else, and where nobody can have it, empty.
        is_destroyed: whether the room is there no longer.
    """

    occupant: Occupant
    statuses: frozenset[int]
    reason: str
    new_nick: str
    is_destroyed: bool


def read_presence(presence: Stanza, nick: str) -> RoomPresence:
    """Read a presence of an occupant. What is missing or invalid in it counts as not told.

    Args:
        presence: from a room.
        nick: the resource that it is from.

    XEP-0045 §7.1, §7.6, §8.2, §10.9
    """
    told = presence.xml.find(f"{{{MUC_USER}}}x")
    if told is None:
        return RoomPresence(Occupant(nick), frozenset(), "", "", False)
    item = told.find(f"{{{MUC_USER}}}item")
    item = ET.Element("item") if item is None else item
    codes = [status.get("code", "") for status in told.iterfind(f"{{{MUC_USER}}}status")]
    destroyed = told.find(f"{{{MUC_USER}}}destroy")
    reason = (item if destroyed is None else destroyed).findtext(f"{{{MUC_USER}}}reason", "")
    return RoomPresence(
        occupant=Occupant(nick, _address(item.get("jid", "")), item.get("affiliation", "none")[:16], item.get("role", "none")[:16]),
        statuses=frozenset(int(code) for code in codes if len(code) == 3 and code.isascii() and code.isdecimal()),
        reason=reason.strip()[:500],
        new_nick=nickname(item.get("nick", "")),
        is_destroyed=destroyed is not None,
    )


def nickname(text: str) -> str:
    """Return a nickname that a room names, as it is in addresses; empty where nobody can have it. RFC 7622 §3.4"""
    try:
        return JID(f"room.invalid/{text}").resource
    except InvalidJID:
        return ""


def _address(text: str) -> JID | None:
    try:
        return JID(text)
    except InvalidJID:
        return None


def item_of(occupant: Occupant) -> ET.Element:
    """Build what a room tells of an occupant: ``<x xmlns="http://jabber.org/protocol/muc#user"><item jid="…"/></x>``. XEP-0045 §7.2.3"""
    x = ET.Element(f"{{{MUC_USER}}}x")
    told = {"affiliation": occupant.affiliation, "role": occupant.role}
    ET.SubElement(x, f"{{{MUC_USER}}}item", told if occupant.jid is None else {**told, "jid": occupant.jid})
    return x


def entering(room: JID, nick: str, sender: JID, password: str, history: Mapping[str, int] = NO_HISTORY) -> Stanza:
    """Build the presence that enters a room, by default without its history::

        <presence to="hall@rooms.example.org/tigrest" from="…">
          <x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0" maxchars="0"/><password>…</password></x>
        </presence>

    Args:
        room: address of the room.
        nick: nickname wanted.
        sender: who enters.
        password: of the room; empty for none.
        history: how much of it is wanted, in attributes of §7.2.13.

    XEP-0045 §7.2
    """
    x = ET.Element(f"{{{MUC}}}x")
    ET.SubElement(x, f"{{{MUC}}}history", {name: str(number) for name, number in history.items()})
    if password:
        ET.SubElement(x, f"{{{MUC}}}password").text = password
    return make_stanza("presence", "", room.with_resource(nick), x, sender=sender)


def sent_before(message: Stanza, room: JID) -> datetime | None:
    """Return when a message of a room was sent that the room has marked as history; ``None`` where it is said now.

    A time that cannot be read counts as long ago. XEP-0045 §7.2.14
    """
    if not message.uses_namespace(_DELAY):
        return None
    for delay in message.xml:
        if _marks_history(delay, room):
            try:
                sent = datetime.fromisoformat(delay.get("stamp", ""))
                return sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent.astimezone(UTC)
            except (ValueError, OverflowError):
                return datetime.fromtimestamp(0, UTC)
    return None


def said_now(message: Stanza, room: JID) -> Stanza:
    """Return a message of a room that is no history without marks of history: whoever says it has written them, to be overheard.

    ejabberd leaves them as they are, and Prosody those without ``from``.
    """
    return message if sent_before(message, room) is None else _without(message, lambda child: _marks_history(child, room))


def without_claims(message: Stanza, *, has_ids: bool) -> Stanza:
    """Return a message of an occupant without what only the room itself may say of him, such as his address.

    Rooms say that in presences; in messages of theirs Prosody and ejabberd leave what the occupant has written. What marks a private
    message, an empty ``<x xmlns="http://jabber.org/protocol/muc#user"/>``, stays.

    Args:
        message: of type groupchat or a private one.
        has_ids: whether the room gives its occupants ids; it replaces those in messages then.

    XEP-0045 §7.2.3, §7.5; XEP-0421 §2, §3
    """
    if not message.uses_namespace(_TOLD, *(() if has_ids else (_OCCUPANT_ID,))):
        return message
    return _without(message, lambda child: (child.tag == _TOLD_TAG and len(child) > 0) or (child.tag == _OCCUPANT_ID_TAG and not has_ids))


def _without(message: Stanza, is_dropped: Callable[[ET.Element], bool]) -> Stanza:
    kept = [child for child in message.xml if not is_dropped(child)]
    if len(kept) == len(message.xml):
        return message
    attributes = {name: value for name, value in message.attributes.items() if ":" not in name or name.startswith("xml:")}
    return Stanza(message.kind, attributes, "", b"/>").extended(*kept)


def _marks_history(child: ET.Element, room: JID) -> bool:
    return child.tag == f"{{{DELAYED_DELIVERY}}}delay" and child.get("from", "").partition("/")[0] in ("", room)


def leaving(room: JID, nick: str, sender: JID) -> Stanza:
    """Build the presence that leaves a room. XEP-0045 §7.14"""
    return make_stanza("presence", "unavailable", room.with_resource(nick), sender=sender)


def self_ping(room: JID, nick: str, sender: JID) -> Stanza:
    """Build the iq by which an occupant asks whether he still is one. XEP-0410 §3.1"""
    return make_stanza("iq", "get", room.with_resource(nick), ET.Element(f"{{{PING}}}ping"), sender=sender)


def description_query(room: JID, sender: JID) -> Stanza:
    """Build the iq that asks what an address is. XEP-0045 §6.4"""
    return make_stanza("iq", "get", room, ET.Element(f"{{{DISCO_INFO}}}query"), sender=sender)


def is_room(description: Stanza) -> bool:
    """Tell whether the answer to :func:`description_query` is that of a room: ejabberd's rooms name the feature, others the identity."""
    query = description.payload
    if query is None:
        return False
    identities = query.iterfind(f"{{{DISCO_INFO}}}identity")
    return MUC in features_of(description) or any(identity.get("category") == "conference" for identity in identities)


def features_of(description: Stanza) -> frozenset[str]:
    """Return the features in the answer to :func:`description_query`. XEP-0030 §3.1"""
    query = description.payload
    return frozenset() if query is None else frozenset(each.get("var", "") for each in query.iterfind(f"{{{DISCO_INFO}}}feature"))


def is_room_service(description: Stanza) -> bool:
    """Return whether the answer to :func:`description_query` is that of a service all of whose addresses are rooms.

    Gateways to IRC and others have users at their domain too: they have another type or category. XEP-0045 §6.1
    """
    query = description.payload
    if query is None:
        return False
    identities = query.iterfind(f"{{{DISCO_INFO}}}identity")
    return any((identity.get("category"), identity.get("type")) == ("conference", "text") for identity in identities)


def creation_cancelled(room: JID, sender: JID) -> Stanza:
    """Build the iq that gives up a room which entering has made. XEP-0045 §10.1.3"""
    query = ET.Element(f"{{{MUC_OWNER}}}query")
    ET.SubElement(query, f"{{{DATA_FORMS}}}x", {"type": "cancel"})
    return make_stanza("iq", "set", room, query, sender=sender)
