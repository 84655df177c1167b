"""Commands about rooms (XEP-0045), by ejabberd's names."""

from collections.abc import Mapping
from dataclasses import dataclass

from tigrest import JID, CommandContext, Conflict, InvalidValue, NotFound, NotPermitted, NotSupported, Secret, TigrestError, command

from ._invitations import invite
from ._iqs import items
from ._muc import (
    AFFILIATIONS,
    Affiliation,
    Occupant,
    address,
    affiliate,
    affiliated,
    conferences,
    configuration,
    configure,
    create,
    destroy,
    expect_room,
    occupants,
    occupants_number,
    services,
)

BEFORE = {"name": "room"}
"""The name of an argument until ejabberd 24."""

ROOM = {"room": "hall", "service": "rooms.example.org"}


@dataclass(frozen=True)
class RoomOption:
    """An option of a room."""

    name: str
    value: str


@dataclass(frozen=True)
class RoomAffiliation:
    """Somebody with an affiliation to a room."""

    jid: str
    affiliation: str
    reason: str


@dataclass(frozen=True)
class RoomAffiliationV0:
    """Somebody with an affiliation to a room, with his address in two parts."""

    username: str
    domain: str
    affiliation: str
    reason: str


@command(
    tags=("muc_room",),
    errors=(Conflict, NotSupported),
    needs=(conferences,),
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
    errors=(Conflict, NotSupported),
    needs=(conferences,),
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


@command(tags=("muc_room",), errors=(NotFound, NotPermitted), needs=(conferences,), renamed=BEFORE, example=ROOM)
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
    needs=(conferences,),
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
    needs=(conferences,),
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


AFFILIATED = {"jid": "bob@example.org", "affiliation": "member", "reason": ""}


@command(
    "get_room_affiliations",
    tags=("muc_room",),
    effect="read",
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    renamed={"room": "name"},
    result="affiliations",
    example=(
        {"name": "hall", "service": "rooms.example.org"},
        [{"username": "bob", "domain": "example.org", "affiliation": "member", "reason": ""}],
    ),
)
async def get_room_affiliations_v0(ctx: CommandContext, name: str, service: str) -> list[RoomAffiliationV0]:
    """Get the list of affiliations of a MUC room.

    Args:
        name: local part of the room's address.
        service: domain of the rooms.

    Returns:
        Who has an affiliation, owners first.
    """
    found = await affiliated(ctx.gateway, address(name, service))
    return [RoomAffiliationV0(each.jid.local, each.jid.domain, each.affiliation, each.reason) for each in found]


@command(
    version=3,
    tags=("muc_room",),
    effect="read",
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    renamed=BEFORE,
    result="affiliations",
    example=(ROOM, [AFFILIATED]),
)
async def get_room_affiliations(ctx: CommandContext, room: str, service: str) -> list[RoomAffiliation]:
    """Get the list of affiliations of a MUC room.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.

    Returns:
        Who has an affiliation, owners first.
    """
    found = await affiliated(ctx.gateway, address(room, service))
    return [RoomAffiliation(each.jid, each.affiliation, each.reason) for each in found]


@command(
    tags=("muc_room",),
    effect="read",
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    renamed=BEFORE,
    result="affiliation",
    example=({**ROOM, "jid": "bob@example.org"}, "member"),
)
async def get_room_affiliation(ctx: CommandContext, room: str, service: str, jid: JID) -> str:
    """Get the affiliation of a user in a MUC room.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        jid: address of the user.

    Returns:
        The affiliation; `none` when there is none.
    """
    found = await affiliated(ctx.gateway, address(room, service))
    return next((each.affiliation for each in found if each.jid == jid.bare), "none")


@command(
    "set_room_affiliation",
    tags=("muc_room",),
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    renamed={"room": "name"},
    example={"name": "hall", "service": "rooms.example.org", "jid": "bob@example.org", "affiliation": "member"},
)
async def set_room_affiliation_v0(ctx: CommandContext, name: str, service: str, jid: JID, affiliation: Affiliation) -> None:
    """Change an affiliation in a MUC room.

    Args:
        name: local part of the room's address.
        service: domain of the rooms.
        jid: address of the user.
        affiliation: the new one; `none` takes it away.
    """
    await affiliate(ctx.gateway, address(name, service), jid, affiliation)


@command(
    version=3,
    tags=("muc_room",),
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    renamed=BEFORE,
    example={**ROOM, "user": "bob", "host": "example.org", "affiliation": "member"},
)
async def set_room_affiliation(ctx: CommandContext, room: str, service: str, user: str, host: str, affiliation: Affiliation) -> None:
    """Change an affiliation in a MUC room.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        user: local part of the user's address.
        host: domain of the user.
        affiliation: the new one; `none` takes it away.
    """
    jid = JID(f"{user}@{host}")
    if not jid.local or jid.resource:
        raise InvalidValue(f"{str(jid)[:80]!r} is not the bare address of a user: user is its local part, host its domain")
    await affiliate(ctx.gateway, address(room, service), jid, affiliation)


@command(
    tags=("muc_room",),
    effect="read",
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    renamed=BEFORE,
    result="occupants",
    example=(ROOM, [{"jid": "bob@example.org/phone", "nick": "Bob", "role": "participant"}]),
)
async def get_room_occupants(ctx: CommandContext, room: str, service: str) -> list[Occupant]:
    """Get the list of occupants of a MUC room.

    ejabberd tells roles only to those who are in a room: there the gateway enters it for a moment, as `tigrest`. Of rooms that it does
    not own only the nicks are known, if the room lists them.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.

    Returns:
        The occupants; address and role are empty where the room does not tell.
    """
    return await occupants(ctx.gateway, address(room, service))


@command(
    tags=("muc_room",),
    effect="read",
    errors=(NotFound,),
    needs=(conferences,),
    renamed=BEFORE,
    result="occupants",
    example=(ROOM, 7),
)
async def get_room_occupants_number(ctx: CommandContext, room: str, service: str) -> int:
    """Get the number of occupants of a MUC room.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.

    Returns:
        The number, as the room tells it.
    """
    return await occupants_number(ctx.gateway, address(room, service))


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


INVITATION = {**ROOM, "password": "none", "reason": "Check this out!"}


@command(
    "send_direct_invitation",
    tags=("muc_room",),
    errors=(NotFound,),
    needs=(conferences,),
    renamed=BEFORE,
    example={**INVITATION, "users": "bob@example.org:jan@example.net"},
)
async def send_direct_invitation_v0(ctx: CommandContext, room: str, service: str, password: Secret, reason: str, users: str) -> None:
    """Send a direct invitation to several destinations.

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        password: of the room; `none` or empty for none.
        reason: text for the invited; `none` or empty for none.
        users: addresses, separated by colons.
    """
    invited = [JID(each) for each in users.split(":") if each]
    await _invite(ctx, address(room, service), password, reason, invited)


@command(
    version=1,
    tags=("muc_room",),
    errors=(NotFound,),
    needs=(conferences,),
    renamed=BEFORE,
    example={**INVITATION, "users": ["bob@example.org", "jan@example.net"]},
)
async def send_direct_invitation(ctx: CommandContext, room: str, service: str, password: Secret, reason: str, users: list[JID]) -> None:
    """Send a direct invitation to several destinations.

    They come from the caller, or from the gateway for its admins (XEP-0249).

    Args:
        room: local part of the room's address.
        service: domain of the rooms.
        password: of the room; `none` or empty for none.
        reason: text for the invited; `none` or empty for none.
        users: addresses.
    """
    await _invite(ctx, address(room, service), password, reason, users)


async def _invite(ctx: CommandContext, room: JID, password: Secret, reason: str, users: list[JID]) -> None:
    await expect_room(ctx.gateway, room)
    for user in users:
        await invite(ctx.service, user, room, "" if password.value == "none" else password.value, "" if reason == "none" else reason)


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
