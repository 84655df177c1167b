"""Errors of rooms as errors of ours: what a room refused, in words for the one who wanted to enter or to speak."""

from __future__ import annotations

from tigrest.errors import Conflict, NotConnected, NotFound, NotPermitted, StanzaError, StanzaTimeout, TigrestError, Unavailable
from tigrest.xmpp.jid import JID
from tigrest.xmpp.rooms import BANNED, KICKED, RoomPresence

RETRY_FULL = 30.0
"""Seconds after which somebody may try to enter a full room again."""

RETRY_LOST = 5.0
"""Seconds after which somebody may try again whose room has just been shut down."""

MAKING = "creation is denied"
"""In the text of ejabberd's error where there is no room, and who enters may make none; its condition is that of a ban. Read on 26.07."""

NOT_AFFILIATED, NOT_A_MEMBER, SHUT_DOWN, FAILED = 321, 322, 332, 333
"""Status codes: why somebody was removed from a room. XEP-0045 §15.6"""


MAX_WORDS = 500
"""Most characters of a text of a room that stand in messages of errors, and so in logs."""


class NotJoined(TigrestError):
    """The room does not know us as an occupant any more. Never leaves this package: the room is entered again."""


def refused_entry(room: JID, nick: str, address: JID, error: StanzaError) -> TigrestError:
    """Return the error for somebody whom a room has not let in.

    Args:
        room: that refused.
        nick: that was wanted.
        address: that wanted to enter.
        error: of the room.

    XEP-0045 §7.2
    """
    words = said_of(error)
    match error.condition:
        case "not-authorized":
            return NotPermitted(f"{room} wants a password, and got none or a wrong one{words}")
        case "registration-required":
            return NotPermitted(f"{room} is for members only: have {address.bare} made a member{words}")
        case "forbidden" if MAKING in (error.text or ""):
            return no_room(room, words)
        case "forbidden":
            return NotPermitted(f"{address.bare} is banned from {room}, or the server refuses it{words}")
        case "conflict":
            return Conflict(f"somebody else is {nick!r} in {room}: take another nick{words}")
        case "not-acceptable":
            return Conflict(f"{room} does not let {address.bare} be {nick!r}: take the nick that is reserved for it{words}")
        case "not-allowed" | "item-not-found" | "gone" | "remote-server-not-found":
            return no_room(room, words)
        case "service-unavailable" | "resource-constraint":
            return Unavailable(f"{room} is full{words}", RETRY_FULL)
        case "remote-server-timeout":
            return StanzaTimeout(f"the server of {room} does not answer{words}")
        case _:
            return error


def said_of(error: StanzaError) -> str:
    """Return what a room says of an error, in brackets and with a space before it; a long text is cut."""
    text = error.text[:MAX_WORDS]
    return f" ({error.condition}: {text})" if text else f" ({error.condition})"


def no_room(room: JID, words: str = "") -> NotFound:
    """Return the error for an address where no room is."""
    return NotFound(f"there is no room {room}{words}; rooms are not made by entering them, but by the command create_room")


def refused_message(room: JID, error: StanzaError) -> TigrestError:
    """Return the error for somebody whose message a room has not taken. XEP-0045 §7.4, §8.1"""
    words = said_of(error)
    match error.condition:
        case "not-acceptable" | "unexpected-request":
            return NotJoined(f"{room} does not know us any more{words}")
        case "forbidden" | "not-authorized" | "not-allowed":
            return NotPermitted(f"{room} does not let us say this: the room is moderated, or it is for others to say{words}")
        case "item-not-found" | "recipient-unavailable" | "gone":
            return NotFound(f"nobody is there who could get it{words}")
        case _:
            return error


def is_kick(told: RoomPresence) -> bool:
    """Tell whether somebody has thrown us out of a room, who may come back. Prosody says so of those whom it has lost, too.

    XEP-0045 §8.2, §15.6
    """
    return KICKED in told.statuses and not told.statuses & {BANNED, SHUT_DOWN, FAILED}


def removal(room: JID, told: RoomPresence) -> TigrestError:
    """Return the error for somebody who was removed from a room while he waited. XEP-0045 §8.2, §9.1, §9.3, §10.9"""
    words = f": {told.reason}" if told.reason else ""
    if told.is_destroyed:
        return NotFound(f"{room} was destroyed{words}")
    if BANNED in told.statuses:
        return NotPermitted(f"we were banned from {room}{words}")
    if is_kick(told):
        return NotPermitted(f"we were thrown out of {room}{words}")
    if told.statuses & {NOT_AFFILIATED, NOT_A_MEMBER}:
        return NotPermitted(f"{room} is for members only now{words}")
    if told.statuses & {SHUT_DOWN, FAILED}:
        return Unavailable(f"{room} is shut down or has lost us{words}", RETRY_LOST)
    return NotConnected(f"we are not in {room} any more{words}", RETRY_LOST)
