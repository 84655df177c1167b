"""Rooms from which somebody has just thrown the gateway out: it does not come back at once because something is to be said there."""

from __future__ import annotations

import asyncio

from tigrest.errors import Unavailable
from tigrest.service.rooms.limits import RoomLimits
from tigrest.service.rooms.place import Place


class Kicks:
    """The latest kicks. To be used on the event loop.

    Args:
        limits: how long and how many are remembered.
    """

    def __init__(self, limits: RoomLimits) -> None:
        self._limits = limits
        self._ends: dict[tuple[str, str], float] = {}

    def add(self, place: Place) -> None:
        """Remember that somebody has thrown us out of a place."""
        key = (place.room, place.address)
        self._ends.pop(key, None)  # to the end, which makes the first one the oldest
        self._ends[key] = asyncio.get_running_loop().time() + self._limits.removed_seconds
        if len(self._ends) > self._limits.rooms:
            del self._ends[next(iter(self._ends))]

    def forgive(self, place: Place) -> None:
        """Forget a kick: the caller wants to enter nevertheless."""
        self._ends.pop((place.room, place.address), None)

    def refuse(self, place: Place) -> None:
        """Refuse to enter a place by ourselves from which we have just been thrown out.

        Raises:
            Unavailable: it was less than ``removed_seconds`` ago.
        """
        end = self._ends.get((place.room, place.address), 0.0)
        left = end - asyncio.get_running_loop().time()
        if left > 0:
            raise Unavailable(f"we were thrown out of {place.room}, and do not come back at once: wait, or ask to enter it", left)
        self.forgive(place)
