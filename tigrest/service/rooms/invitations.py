"""Invitations of the gateway to rooms, by its admins."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tigrest.errors import InvalidJID
from tigrest.service.policy import Policy
from tigrest.service.rooms.settings import RoomSettings
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import DIRECT_INVITATION, MUC_USER
from tigrest.xmpp.stanza import Stanza

_DIRECT, _MEDIATED = DIRECT_INVITATION.encode(), MUC_USER.encode()


def invitation_in(message: Stanza, policy: Policy) -> RoomSettings | None:
    """Return the room to which an admin invites the gateway; ``None`` where a message is none, or not of an admin.

    What a room says of the one who invites is believed of rooms of the served domain only: others could name anybody. A room invites
    from its bare address; from a full one it may be a user of a subdomain, or somebody in a room.

    Args:
        message: for one of our addresses.
        policy: knows who is an admin.

    XEP-0249, XEP-0045 §7.8
    """
    if not (message.mentions(_DIRECT) or message.mentions(_MEDIATED)) or message.type in ("error", "groupchat"):
        return None
    to, sender = message.to, message.sender
    if to is None or sender is None or to.bare not in (policy.addresses.jid, policy.addresses.room_owner):
        return None
    direct = message.xml.find(f"{{{DIRECT_INVITATION}}}x")
    if direct is not None and policy.is_admin(sender):
        return _room(direct.get("jid", ""), direct.get("password", ""))
    mediated = message.xml.find(f"{{{MUC_USER}}}x")
    if mediated is not None and not sender.resource and _is_of_domain(sender, policy.addresses.domain) and _is_by_admin(mediated, policy):
        return _room(sender.bare, mediated.findtext(f"{{{MUC_USER}}}password", ""))
    return None


def _is_of_domain(room: JID, domain: JID) -> bool:
    return room.domain.endswith(f".{domain}")


def _is_by_admin(told: ET.Element, policy: Policy) -> bool:
    invite = told.find(f"{{{MUC_USER}}}invite")
    if invite is None:
        return False
    try:
        return policy.is_admin(invite.get("from", ""))
    except InvalidJID:
        return False


def _room(address: str, password: str) -> RoomSettings | None:
    try:
        room = JID(address)
    except InvalidJID:
        return None
    return RoomSettings(room, password=password) if room.local and not room.resource else None
