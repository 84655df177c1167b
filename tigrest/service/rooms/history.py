"""Messages that a room sends again when an occupant comes back, so that what was said meanwhile is heard once. XEP-0045 §7.2.13"""

from __future__ import annotations

import math
from typing import Literal

from tigrest.service.rooms.limits import RoomLimits
from tigrest.xmpp.stanza import Stanza

MARGIN_SECONDS = 2.0
"""Added to the age of what was heard last: rooms stamp their history in whole seconds, and some time passes on the way."""

Hearing = Literal["first", "again", "known"]


class RoomHistory:
    """The latest messages of a room, and which of our occupants have heard them.

    The room is asked for the messages of so many seconds, not for those since a time: its clock need not be ours.

    Args:
        limits: how much is kept and asked for.
    """

    def __init__(self, limits: RoomLimits) -> None:
        self._limits = limits
        self._hearers: dict[int, tuple[str, ...]] = {}  # by hashes: what a room writes may be long
        self._heard_at: float | None = None

    def begin(self, now: float) -> None:
        """Note that one of our occupants has come in, and hears from now on what is said."""
        if self._heard_at is None:
            self._heard_at = now

    def note(self, message: Stanza, nick: str, hearer: str, now: float) -> Hearing:
        """Note a message that an occupant of ours has got.

        Args:
            message: of type groupchat.
            nick: whose it is.
            hearer: our address that it came to.
            now: by the clock of the event loop.

        Returns:
            ``first`` where none of ours had heard it, ``again`` where another one had, ``known`` where this one had. Messages are told
            apart by their ids, and those without one by their texts: this is for history, not for what is said now.
        """
        self._heard_at = now
        key = hash((nick, message.id or message.body))
        hearers = self._hearers.get(key, ())
        if hearer in hearers:
            return "known"
        self._hearers[key] = (*hearers, hearer)
        if len(self._hearers) > 2 * self._limits.history:
            del self._hearers[next(iter(self._hearers))]
        return "again" if hearers else "first"

    def seconds_missed(self, now: float) -> int:
        """Return how many seconds of history an occupant has to ask for who was in the room before; 0 where nothing was heard yet.

        Args:
            now: by the clock of the event loop.
        """
        if self._heard_at is None:
            return 0
        return math.ceil(min(now - self._heard_at + MARGIN_SECONDS, self._limits.history_seconds))
