"""Entering a room: ask what the address is, choose a nickname, give up a room that entering has made. XEP-0045 §6.4, §7.2, §10.1"""

from __future__ import annotations

import contextlib

from tigrest.errors import NotFound, NotSupported, StanzaTimeout
from tigrest.service.rooms.refusals import no_room, said_of
from tigrest.service.rooms.wire import Wire
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import OCCUPANT_ID
from tigrest.xmpp.rooms import creation_cancelled, description_query, features_of, is_room

NO_ROOM_THERE = frozenset({"item-not-found", "gone", "remote-server-not-found", "service-unavailable"})
"""Conditions of the answer to "what are you?" that mean that no room is there. Servers answer so for users, too."""

NICK_CHARS = 100
"""Most characters of a nickname in one that is similar to it: with a number behind it, it still has to be an address's resource."""


def similar_nick(nick: str, number: int) -> str:
    """Return a nickname for who finds his own taken, as clients make them: ``nick``, ``nick_2``, ``nick_3``, …

    Args:
        nick: the one wanted.
        number: of the attempts before; 0 for the nickname itself.
    """
    return f"{nick[:NICK_CHARS]}_{number + 1}" if number else nick


async def expect_room(wire: Wire, room: JID, sender: JID, seconds: float) -> bool:
    """Ask what an address is, where the server lets us, so that entering makes no room.

    Args:
        wire: asks.
        room: the address.
        sender: who wants to enter.
        seconds: until the answer.

    Returns:
        Whether the room says that it gives its occupants ids, so that those in messages are its own. XEP-0421 §2

    Raises:
        NotFound: it is no room.
    """
    try:
        reply = await wire.request(description_query(room, sender), seconds)
    except (StanzaTimeout, NotSupported):
        return False  # entering will tell whether it is there
    error = reply.error
    if error is None and not is_room(reply):
        raise NotFound(f"{room} is no room")
    if error is not None and error.condition in NO_ROOM_THERE:
        raise no_room(room, said_of(error))
    return OCCUPANT_ID in features_of(reply)


async def give_up_creation(wire: Wire, room: JID, sender: JID, seconds: float) -> NotFound:
    """Cancel the creation of a room that was not there, and return the error that says so.

    Args: as :func:`expect_room`. XEP-0045 §10.1.3
    """
    with contextlib.suppress(StanzaTimeout, NotSupported):  # leaving ends it, too, unless its service makes rooms that stay
        await wire.request(creation_cancelled(room, sender), seconds)
    return no_room(room)
