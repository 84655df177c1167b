"""Shared by the handlers of stanzas: messages that are said in rooms, and the answers to them."""

from tigrest import BoundedService, Result, RoomMessage, Stanza

NICKNAME = "{http://jabber.org/protocol/nick}nick"


def nick_in(stanza: Stanza) -> str | None:
    """Return the nickname that a message names (XEP-0172); ``None`` where it names none."""
    return stanza.xml.findtext(NICKNAME) or None if stanza.mentions(b"nick") else None


def speaks_in_room(stanza: Stanza) -> bool:
    """Tell whether a stanza is said in a room by the gateway's own occupant: a message of type groupchat that names no sender."""
    return stanza.kind == "message" and stanza.type == "groupchat" and "from" not in stanza.attributes and "to" in stanza.attributes


def is_for_occupant(caller: BoundedService, stanza: Stanza) -> bool:
    """Tell whether a message is a private one to somebody in a room that the caller is in, and names no sender."""
    if stanza.kind != "message" or stanza.type not in ("", "normal", "chat") or "from" in stanza.attributes:
        return False
    to = stanza.to if "/" in stanza.attributes.get("to", "") else None
    return to is not None and bool(to.local) and caller.rooms.is_in(to.bare)


def told(message: RoomMessage) -> Result:
    """Return the answer to who has said something in a room."""
    ids = {"id": message.id}
    if message.stanza_id is not None:
        ids["stanza_id"] = message.stanza_id
    return Result(data=ids, root="result")


async def said(caller: BoundedService, stanza: Stanza) -> Result | None:
    """Say a message in the room that it is for, or to somebody there; ``None`` where it is for no room, or names its sender."""
    to = stanza.to
    if to is None:
        return None
    if speaks_in_room(stanza):
        return told(await caller.rooms.send(to, stanza, nick=nick_in(stanza)))
    if is_for_occupant(caller, stanza):
        return Result(data={"id": await caller.rooms.whisper(to.bare, to.resource, stanza)}, root="result")
    return None
