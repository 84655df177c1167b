"""Chat rooms: say something, look who is there, enter and leave."""

from typing import Any

from tigrest import JID, BoundedService, Handler, Principal, Request, Result, Service

from .._content import DOCUMENT
from .._multipart import MULTIPART, UPLOAD_SECONDS
from .._room_messages import told
from .._rooms import entry_in, said_in
from .._sending import BODIES

NOT_THERE = "There is no such room, or you are not in it."
REFUSED = {
    403: "The room wants a password, is for members, is moderated, or has banned you.",
    404: NOT_THERE,
    409: "The nickname is taken, or you are in too many rooms.",
    503: "The room is full, or there is no connection.",
    504: "The room does not answer.",
}
ROOM = "/hall@rooms.example.com"


class Room(Handler):
    """Say something in a room, enter and leave it, and see who is in it."""

    regex = r"/([^/]+)"
    requiredRole = "user"
    decodeContent = False
    idempotencyKey = True
    takesUploads = True
    timeout = UPLOAD_SECONDS
    description = {
        "regex": "/{room}",
        "example": ROOM,
        "GET": {
            "info": "Show who is in a room, and its subject",
            "description": "Of a room that the caller is in: PUT enters it, and so does the first message. "
            "wanted_nick is there where somebody else had that nick, and the caller got another.",
            "answers": {200: DOCUMENT, 404: NOT_THERE},
        },
        "PUT": {
            "info": "Enter a room",
            "description": "Optional: nick, and password if the room has one.",
            "request": {"nick": "builder"},
            "answers": {200: DOCUMENT, **REFUSED},
        },
        "POST": {
            "info": "Say something in a room",
            "description": "Answered when the room has sent it to all who are in it, with its id, and stanza_id if the room gives one. "
            "Enters the room before, if need be; nick is by default the caller's name.",
            "request": '{"body": "The build is done", "nick": "builder"}',
            "accepts": {**BODIES, MULTIPART: {"type": "object"}},
            "answers": {200: DOCUMENT, **REFUSED},
        },
        "DELETE": {"info": "Leave a room", "answers": {204: "Left.", 404: NOT_THERE}},
    }

    async def exec_get(self, service: Service, principal: Principal, room: JID) -> dict[str, Any]:
        caller = service.for_(principal)
        rooms = caller.rooms
        occupants = [
            {"nick": each.nick, "jid": each.jid, "affiliation": each.affiliation, "role": each.role} for each in rooms.occupants(room)
        ]
        return {**_place(caller, room), "subject": rooms.subject(room), "occupants": occupants}

    async def exec_put(
        self, service: Service, principal: Principal, request: Request, content: Request | None, room: JID
    ) -> dict[str, Any]:
        given = await entry_in(request, content)
        caller = service.for_(principal)
        await caller.rooms.join(room, given.get("nick"), password=given.get("password"))
        return _place(caller, room)

    async def exec_post(self, service: Service, principal: Principal, request: Request, content: Request | None, room: JID) -> Result:
        caller = service.for_(principal)
        message, nick, password = await said_in(caller, request, content, room)
        return told(await caller.rooms.send(room, message, nick=nick, password=password))

    async def exec_delete(self, service: Service, principal: Principal, room: JID) -> Result:
        await service.for_(principal).rooms.leave(room)
        return Result("", b"", 204)


class RoomOccupant(Handler):
    """Say something to somebody in a room alone."""

    regex = r"/([^/]+)/([^/]+)"
    requiredRole = "user"
    decodeContent = False
    idempotencyKey = True
    takesUploads = True
    timeout = UPLOAD_SECONDS
    description = {
        "regex": "/{room}/{nick}",
        "example": f"{ROOM}/builder",
        "POST": {
            "info": "Send a private message to somebody in a room",
            "description": "nick in the body is the caller's own, as for messages to the room.",
            "request": '{"body": "Only for you", "nick": "builder"}',
            "accepts": {**BODIES, MULTIPART: {"type": "object"}},
            "answers": {200: DOCUMENT, **REFUSED},
        },
    }

    async def exec_post(
        self, service: Service, principal: Principal, request: Request, content: Request | None, room: JID, nick: str
    ) -> Result:
        caller = service.for_(principal)
        message, own, password = await said_in(caller, request, content, room)
        rooms = caller.rooms
        if password is not None:
            await rooms.join(room, own, password=password)
        return Result(data={"id": await rooms.whisper(room, nick, message, sender=own)}, root="result")


def _place(caller: BoundedService, room: JID) -> dict[str, Any]:
    """Return the room that a caller is in, his nickname there, and the one that he wanted where somebody else had it."""
    nick, wanted = caller.rooms.nick(room), caller.rooms.wanted_nick(room)
    return {"room": room.bare, "nick": nick} | ({"wanted_nick": wanted} if nick != wanted else {})
