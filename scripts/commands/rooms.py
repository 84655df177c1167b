"""Commands about rooms (XEP-0045), by ejabberd's names."""

from collections.abc import Mapping
from dataclasses import dataclass

from tigrest import JID, CommandContext, Conflict, InvalidValue, NotFound, NotPermitted, NotSupported, TigrestError, command

from ._iqs import items
from ._muc import (
    AFFILIATIONS,
    Affiliation,
    address,
    affiliate,
    configuration,
    configure,
    create,
    destroy,
)
from ._owners import ownable
from ._room_services import conferences, services

BEFORE = {"name": "room"}
"""The name of an argument until ejabberd 24."""

ROOM = {"room": "hall", "service": "rooms.example.org"}


@dataclass(frozen=True)
class RoomOption:
    """An option of a room."""

    name: str
    value: str


@command(
    tags=("muc_room",),
    errors=(NotFound, Conflict, NotSupported),
    needs=(ownable,),
    renamed=BEFORE,
    example={**ROOM, "host": "example.org"},
)
async def create_room(ctx: CommandContext, room: str, service: str, host: str = "") -> None:
    """Create a MUC room name@service in host.

    The gateway is its owner. It stays, also while nobody is in it.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        host: means nothing; for ejabberd's clients.
    """
    await create(ctx.gateway, address(room, service), {})


@command(
    tags=("muc_room",),
    errors=(NotFound, Conflict, NotSupported),
    needs=(ownable,),
    renamed=BEFORE,
    example={**ROOM, "host": "example.org", "options": [{"name": "members_only", "value": "true"}]},
)
async def create_room_with_opts(ctx: CommandContext, room: str, service: str, host: str, options: list[RoomOption]) -> None:
    """Create a MUC room name@service in host with given options.

    Which options there are depends on the server: `get_room_options` shows them. `affiliations` is a further one, written
    `owner=bob@example.org;member=jan@example.org`. All rooms are `persistent`, since they would end when the gateway leaves them.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        host: means nothing; for ejabberd's clients.
        options: by ejabberd's names; their values are texts.
    """
    jid, given = address(room, service), _by_name(options)
    if given.get("persistent", "true") not in ("true", "1"):
        raise InvalidValue("option persistent is true for all rooms made here: others end when the gateway leaves them, which it does")
    if given.pop("subscribers", ""):
        raise NotSupported("option subscribers is ejabberd's own (MUC/Sub), which the standard has not")
    people = _affiliations(given.pop("affiliations", ""))
    await create(ctx.gateway, jid, given)
    try:
        for person, affiliation in people.items():
            await affiliate(ctx.gateway, jid, person, affiliation)
    except TigrestError:
        await destroy(ctx.gateway, jid)
        raise


@command(tags=("muc_room",), errors=(NotFound, NotPermitted), needs=(ownable,), renamed=BEFORE, example=ROOM)
async def destroy_room(ctx: CommandContext, room: str, service: str) -> None:
    """Destroy a MUC room.

    Prosody keeps the name of a room that was destroyed for a while (`muc_tombstones`).

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
    """
    await destroy(ctx.gateway, address(room, service))


@command(
    tags=("muc_room",),
    effect="read",
    errors=(NotFound, NotPermitted),
    needs=(ownable,),
    renamed=BEFORE,
    result="options",
    example=(ROOM, {"title": "The hall", "members_only": "false", "persistent": "true"}),
)
async def get_room_options(ctx: CommandContext, room: str, service: str) -> dict[str, str]:
    """Get options from a MUC room.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.

    Returns:
        Values by ejabberd's names, all of them texts.
    """
    return await configuration(ctx.gateway, address(room, service))


@command(
    tags=("muc_room",),
    errors=(NotFound, NotPermitted, NotSupported),
    needs=(ownable,),
    renamed=BEFORE,
    example={**ROOM, "option": "members_only", "value": "true"},
)
async def change_room_option(ctx: CommandContext, room: str, service: str, option: str, value: str) -> None:
    """Change an option in a MUC room.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        option: name of the option, as `get_room_options` has it.
        value: its new value, as a text.
    """
    await configure(ctx.gateway, address(room, service), {option: value})


@command(
    tags=("muc",),
    effect="read",
    errors=(NotFound,),
    needs=(conferences,),
    renamed={"host": "service"},
    result="rooms",
    example=({"service": "rooms.example.org"}, ["hall@rooms.example.org"]),
)
async def muc_online_rooms(ctx: CommandContext, service: str) -> list[str]:
    """List existing rooms.

    Those that the service lists: hidden ones are not among them.

    Args:
        service: domain of the rooms; `global` for all that the server has.

    Returns:
        Addresses of rooms, sorted.
    """
    asked = await services(ctx.gateway) if service == "global" else [JID(service)]
    listed = [item.get("jid", "") for each in asked for item in await items(ctx.gateway, each)]
    return sorted(jid for jid in listed if "@" in jid)


def _by_name(options: list[RoomOption]) -> dict[str, str]:
    """Return options by name.

    Raises:
        InvalidValue: one is given twice.
    """
    given: dict[str, str] = {}
    for option in options:
        if option.name in given:
            raise InvalidValue(f"option {option.name[:80]!r} is given twice")
        given[option.name] = option.value
    return given


def _affiliations(text: str) -> Mapping[JID, Affiliation]:
    """Parse ``owner=bob@example.org;member=jan@example.org``.

    Raises:
        InvalidValue, InvalidJID: it is not written so.
    """
    found: dict[JID, Affiliation] = {}
    for part in filter(None, text.split(";")):
        name, equals, jid = part.partition("=")
        affiliation = next((each for each in AFFILIATIONS if each == name), None)
        if not equals or affiliation is None:
            raise InvalidValue(f"option affiliations: write owner=bob@example.org;member=jan@example.org, not {part[:80]!r}")
        found[JID(jid)] = affiliation
    return found
