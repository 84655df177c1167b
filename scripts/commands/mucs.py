"""Commands about rooms, by the names and at the places of MongooseIM's REST API."""

from tigrest import JID, BareJID, CommandContext, Conflict, NotFound, NotPermitted, NotSupported, TigrestError, command

from ._admin import expect_host
from ._invitations import invite
from ._muc import address, affiliate, create, destroy, expect_room
from ._occupants import kick
from ._owners import ownable
from ._room_services import conferences, services

ROOM = {"domain": "example.org", "name": "hall"}


@command(
    tags=("mucs",),
    errors=(Conflict, NotSupported),
    needs=(ownable,),
    route="POST /mucs/{domain}",
    example=({**ROOM, "owner": "bob@example.org", "nick": "Bob"}, "hall"),
)
async def create_muc_room(ctx: CommandContext, domain: str, name: str, owner: BareJID, nick: str = "") -> str:
    """Create a MUC room.

    It is at the first conference service of the server, and stays. The gateway is an owner, too.

    Args:
        domain: the served domain.
        name: local part of the room's address.
        owner: address of the owner.
        nick: means nothing, since nobody enters the room; for MongooseIM's clients.

    Returns:
        The name.
    """
    room = await _room(ctx, domain, name)
    await create(ctx.gateway, room, {})
    try:
        await affiliate(ctx.gateway, room, owner, "owner")
    except TigrestError:
        await destroy(ctx.gateway, room)
        raise
    return name


@command(
    tags=("mucs",),
    errors=(NotFound, NotPermitted),
    needs=(conferences,),
    route="POST /mucs/{domain}/{name}/participants",
    example={**ROOM, "sender": "bob@example.org", "recipient": "jan@example.org", "reason": "Come in"},
)
async def invite_to_muc_room(ctx: CommandContext, domain: str, name: str, sender: BareJID, recipient: BareJID, reason: str = "") -> None:
    """Send a MUC room invite from one user to another.

    Args:
        domain: the served domain.
        name: local part of the room's address.
        sender: address that the invitation is from; one that the gateway may send from.
        recipient: address of the invited.
        reason: for the invited; may be empty.
    """
    room = await _room(ctx, domain, name)
    await expect_room(ctx.gateway, room)
    await invite(ctx.service, recipient, room, reason=reason, sender=sender)


@command(
    tags=("mucs",),
    errors=(NotFound, NotPermitted),
    needs=(ownable,),
    route="DELETE /mucs/{domain}/{name}/{nick}",
    example={**ROOM, "nick": "Bob"},
)
async def kick_user_from_room(ctx: CommandContext, domain: str, name: str, nick: str) -> None:
    """Kick a user from a MUC room (on behalf of a moderator).

    Args:
        domain: the served domain.
        name: local part of the room's address.
        nick: of the user, in the room.
    """
    await kick(ctx.gateway, await _room(ctx, domain, name), nick)


async def _room(ctx: CommandContext, domain: str, name: str) -> JID:
    """Return the address of a room at the first conference service of the server."""
    expect_host(ctx, domain)
    found = await services(ctx.gateway)
    if not found:
        raise NotSupported(f"{domain} lists no conference service")
    return address(name, found[0])
