"""Rooms of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from tigrest.xmpp.jid import JID

NICK = "tigrest"
"""Nickname of the gateway where none is configured."""


@dataclass(frozen=True)
class RoomSettings:
    """A room of the configuration, ``[[rooms]]``.

    Args:
        jid: address of the room.
        nick: nickname of the gateway there.
        password: of the room; empty for none.
        stay: whether the gateway stays in it all the time.
        create: whether it makes the room where it is not there.
        options: of a room that it makes, by ejabberd's names.
    """

    jid: JID
    nick: str = NICK
    password: str = field(default="", repr=False)
    stay: bool = True
    create: bool = False
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
