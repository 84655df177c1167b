"""Occupants of chat rooms. XEP-0045"""

from __future__ import annotations

from dataclasses import dataclass

from tigrest.xmpp.jid import JID


@dataclass(frozen=True, slots=True)
class Occupant:
    """Somebody in a chat room, as an occupant sees him.

    Args:
        nick: his nickname.
        jid: his real address; ``None`` where the room does not tell.
        affiliation: ``owner``, ``admin``, ``member``, ``outcast`` or ``none``.
        role: ``moderator``, ``participant``, ``visitor`` or ``none``.

    XEP-0045 §5
    """

    nick: str
    jid: JID | None = None
    affiliation: str = "none"
    role: str = "none"
