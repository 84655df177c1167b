"""Commands about those who are in rooms, or belong to them (XEP-0045), by ejabberd's names."""

from dataclasses import dataclass

from tigrest import JID, CommandContext, InvalidValue, NotFound, NotPermitted, Secret, command

from ._invitations import invite
from ._muc import Affiliation, address, affiliate, affiliated, expect_room
from ._occupants import Occupant, occupants, occupants_number
from ._owners import ownable
from ._room_services import conferences

BEFORE = {"name": "room"}
"""The name of an argument until ejabberd 24."""

ROOM = {"room": "hall", "service": "rooms.example.org"}


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


AFFILIATED = {"jid": "bob@example.org", "affiliation": "member", "reason": ""}


@command(
    "get_room_affiliations",
    tags=("muc_room",),
    effect="read",
    errors=(NotFound, NotPermitted),
    needs=(ownable,),
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
    needs=(ownable,),
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
    needs=(ownable,),
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
    needs=(ownable,),
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
    needs=(ownable,),
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
        await invite(ctx.service, user, room, password=_given(password.value), reason=_given(reason))


def _given(text: str) -> str:
    return "" if text == "none" else text
