"""Making the rooms of the configuration that are not there, by the command that makes rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tigrest.auth.principal import ADMIN, Principal
from tigrest.commands.pipeline import CommandCall, Pipeline
from tigrest.observability.context import request_id
from tigrest.service.rooms import RoomSettings

COMMAND = "create_room_with_opts"

CONFIGURATION = Principal(None, ADMIN, via="ctl", name="[[rooms]]")
"""Caller of the command: whoever writes the configuration may do what ``tigrest ctl`` may."""


def room_maker(pipeline: Pipeline) -> Callable[[RoomSettings], Awaitable[None]]:
    """Return what makes a room of the configuration.

    Args:
        pipeline: runs commands.
    """

    async def make(room: RoomSettings) -> None:
        options = dict(room.options)
        if room.password:
            options = {"password_protected": "true", "password": room.password} | options
        given: dict[str, object] = {
            "room": room.jid.local,
            "service": room.jid.domain,
            "host": "",
            "options": [{"name": name, "value": value} for name, value in options.items()],
        }
        command = pipeline.commands.find(COMMAND)
        await pipeline.run(CommandCall(command=command, given=given, principal=CONFIGURATION, frontend="ctl", request_id=request_id()))

    return make
