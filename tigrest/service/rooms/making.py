"""Making rooms of the configuration that are not there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tigrest.errors import NotFound
from tigrest.service.rooms.entrance import expect_room
from tigrest.service.rooms.limits import RoomLimits
from tigrest.service.rooms.place import Place
from tigrest.service.rooms.settings import RoomSettings
from tigrest.service.rooms.wire import Wire
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

MakeRoom = Callable[[RoomSettings], Awaitable[None]]
"""Makes a room with its options, or raises."""


class Making:
    """Enters rooms of the configuration, and makes those that are not there. To be used on the event loop.

    Args:
        wire: asks.
        own: the gateway's own address.
        limits: how long an address may take to say what it is.
    """

    def __init__(self, wire: Wire, own: JID, limits: RoomLimits) -> None:
        self._wire, self._own, self._limits = wire, own, limits
        self._make: asyncio.Future[MakeRoom] = asyncio.get_running_loop().create_future()

    def begin(self, make: MakeRoom) -> None:
        """Tell what makes rooms; until then those that are not there wait for it."""
        self._make.set_result(make)

    async def enter(self, place: Place, room: RoomSettings | None) -> None:
        """Enter the room of a place; one that is not there is made before, where the configuration says so.

        Args:
            place: in the room.
            room: as it is configured; ``None`` where it is not.

        Raises:
            Exception: as :meth:`Place.enter`, or what the maker raises.
        """
        if room is None or not room.create:
            await place.enter()
            return
        try:
            # from the gateway's own address: the embedded domain tells who could enter a room that it is there
            await expect_room(self._wire, room.jid, self._own, self._limits.describe_seconds)
            await place.enter()
        except NotFound:
            make = await asyncio.shield(self._make)  # there once the commands are loaded
            await make(room)
            log.info("made room %s", room.jid)
            await place.enter()
