"""Chat rooms: the gateway as an occupant, under addresses of its own. XEP-0045"""

from tigrest.service.rooms.limits import RoomLimits
from tigrest.service.rooms.places import Places
from tigrest.service.rooms.rooms import RoomMessage, Rooms, Speaker
from tigrest.service.rooms.settings import RoomSettings

__all__ = ["Places", "RoomLimits", "RoomMessage", "RoomSettings", "Rooms", "Speaker"]
