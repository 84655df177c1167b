"""Shared by the commands that invite into rooms. XEP-0249"""

from xml.etree import ElementTree as ET

from tigrest import JID, BoundedService

CONFERENCE = "jabber:x:conference"


async def invite(service: BoundedService, user: JID, room: JID, *, password: str = "", reason: str = "", sender: JID | None = None) -> None:
    """Send an invitation into a room::

        <message to="bob@example.org"><x xmlns="jabber:x:conference" jid="hall@rooms.example.org" password="…" reason="…"/></message>

    Args:
        service: of the caller.
        user: who is invited.
        room: address of the room.
        password: of the room; empty for none.
        reason: for the invited; empty for none.
        sender: who invites; the caller, or the gateway for its admins, where it is not given.

    XEP-0249 §2
    """
    message = ET.Element("{jabber:client}message", {"to": str(user)} | ({"from": str(sender)} if sender else {}))
    given = {"jid": str(room), "password": password, "reason": reason}
    ET.SubElement(message, f"{{{CONFERENCE}}}x", {name: value for name, value in given.items() if value})
    await service.send(message)
