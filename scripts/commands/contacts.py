"""Commands about the contacts of users, by the names and at the places of MongooseIM's REST API."""

from dataclasses import dataclass, replace
from typing import Literal

from tigrest import JID, BareJID, CommandContext, NoSuchUser, NotFound, NotSupported, TigrestError, command

from ._admin import account_of
from ._rosters import RosterContact, contacts, put, readable, remove, writable


@dataclass(frozen=True)
class ListedContact:
    """A contact in a roster, as MongooseIM has it."""

    jid: str
    name: str
    subscription: str
    ask: str
    groups: list[str]


@command(
    tags=("contacts",),
    effect="read",
    errors=(NoSuchUser, NotSupported),
    needs=(readable,),
    route="GET /contacts/{caller}",
    example=({"caller": "bob@example.org"}, [{"jid": "jan@example.org", "name": "", "subscription": "both", "ask": "none", "groups": []}]),
)
async def list_contacts(ctx: CommandContext, caller: BareJID) -> list[ListedContact]:
    """Get roster.

    Args:
        caller: address of the user.

    Returns:
        The contacts, sorted by address.
    """
    found = await contacts(ctx.gateway, account_of(ctx, caller.local, caller.domain))
    return [ListedContact(each.jid, each.nick, each.subscription, each.pending, list(each.groups)) for each in found]


@command(
    tags=("contacts",),
    errors=(NoSuchUser, NotSupported),
    needs=(writable,),
    route="POST /contacts",
    example={"jid": "jan@example.net", "caller": "bob@example.org"},
)
async def add_contact(ctx: CommandContext, jid: BareJID, caller: BareJID) -> None:
    """Add a contact to roster.

    One that is there already stays as it is. Nobody is asked for a subscription.

    Args:
        jid: address of the contact.
        caller: address of the user.
    """
    user = account_of(ctx, caller.local, caller.domain)
    if all(each.jid != jid for each in await contacts(ctx.gateway, user)):
        await put(ctx.gateway, user, RosterContact(jid, "", "none", "none", ()))


@command(
    tags=("contacts",),
    errors=(NoSuchUser, NotFound, NotSupported),
    needs=(writable,),
    route="DELETE /contacts/{caller}/{jid}",
    example={"caller": "bob@example.org", "jid": "jan@example.net"},
)
async def delete_contact(ctx: CommandContext, caller: BareJID, jid: BareJID) -> None:
    """Remove a contact from roster.

    Args:
        caller: address of the user.
        jid: address of the contact.
    """
    await remove(ctx.gateway, account_of(ctx, caller.local, caller.domain), jid)


@command(
    tags=("contacts",),
    errors=(NoSuchUser, NotSupported),
    needs=(writable,),
    route="PUT /contacts/{caller}/{jid}/manage",
    about=("caller", "jid"),
    example={"caller": "bob@example.org", "jid": "jan@example.org", "action": "connect"},
)
async def set_subscription(ctx: CommandContext, caller: BareJID, jid: BareJID, action: Literal["connect", "disconnect"]) -> None:
    """Set / unset mutual subscription.

    Both are users of the served domain: each is in the roster of the other then, or in neither.

    Args:
        caller: address of the one.
        jid: address of the other.
        action: `connect`, or `disconnect`.
    """
    pair = [account_of(ctx, each.local, each.domain) for each in (caller, jid)]
    if action == "connect":
        await _connect(ctx, *pair)
        return
    rosters = {user: {each.jid for each in await contacts(ctx.gateway, user)} for user in pair}
    for user, other in (pair, reversed(pair)):
        if other in rosters[user]:
            await remove(ctx.gateway, user, other)


async def _connect(ctx: CommandContext, one: JID, other: JID) -> None:
    """Put each into the roster of the other; leave both as they were when that cannot be done."""
    before = next((each for each in await contacts(ctx.gateway, one) if each.jid == other), None)
    await put(ctx.gateway, one, await _befriended(ctx, one, other))
    try:
        await put(ctx.gateway, other, await _befriended(ctx, other, one))
    except TigrestError:
        await (remove(ctx.gateway, one, other) if before is None else put(ctx.gateway, one, before))
        raise


async def _befriended(ctx: CommandContext, user: JID, other: JID) -> RosterContact:
    """Return a contact as a user has it, or a new one, with a subscription in both directions."""
    known = next((each for each in await contacts(ctx.gateway, user) if each.jid == other), None)
    return RosterContact(other, "", "both", "none", ()) if known is None else replace(known, subscription="both", pending="none")
