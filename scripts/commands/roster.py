"""Commands about the rosters of users, by ejabberd's names."""

from dataclasses import dataclass

from tigrest import JID, CommandContext, InvalidValue, NoSuchUser, NotFound, NotSupported, command

from ._admin import account_of
from ._rosters import RosterContact, Subscription, contacts, put, readable, remove, writable

EXAMPLE = {"jid": "jan@example.org", "nick": "Jan", "subscription": "both", "pending": "none"}


@dataclass(frozen=True)
class Contact:
    """A contact in a roster."""

    jid: str
    nick: str
    subscription: str
    pending: str
    groups: list[str]


@dataclass(frozen=True)
class ContactV0:
    """A contact in a roster, with its groups in one text."""

    jid: str
    nick: str
    subscription: str
    pending: str
    groups: str


@command(
    "get_roster",
    tags=("roster",),
    effect="read",
    errors=(NoSuchUser, NotSupported),
    needs=(readable,),
    renamed={"server": "host"},
    result="contacts",
    example=({"user": "bob", "host": "example.org"}, [{**EXAMPLE, "groups": "Friends;Work"}]),
)
async def get_roster_v0(ctx: CommandContext, user: str, host: str) -> list[ContactV0]:
    """Get the list of contacts in a local user roster.

    Args:
        user: local part of the user's address.
        host: domain of the user.

    Returns:
        The contacts, sorted by address; their groups are separated by semicolons.
    """
    found = await contacts(ctx.gateway, account_of(ctx, user, host))
    return [ContactV0(each.jid, each.nick, each.subscription, each.pending, ";".join(each.groups)) for each in found]


@command(
    version=2,
    tags=("roster",),
    effect="read",
    errors=(NoSuchUser, NotSupported),
    needs=(readable,),
    renamed={"server": "host"},
    result="contacts",
    example=({"user": "bob", "host": "example.org"}, [{**EXAMPLE, "groups": ["Friends", "Work"]}]),
)
async def get_roster(ctx: CommandContext, user: str, host: str) -> list[Contact]:
    """Get the list of contacts in a local user roster.

    `subscription` is `none`, `from`, `to` or `both`; `pending` is `subscribe` while a contact has not answered, else `none`.

    Args:
        user: local part of the user's address.
        host: domain of the user.

    Returns:
        The contacts, sorted by address.
    """
    found = await contacts(ctx.gateway, account_of(ctx, user, host))
    return [Contact(each.jid, each.nick, each.subscription, each.pending, list(each.groups)) for each in found]


ITEM = {"localuser": "bob", "localhost": "example.org", "user": "jan", "host": "example.net", "nick": "Jan", "subs": "both"}


@command(
    "add_rosteritem",
    tags=("roster",),
    errors=(NoSuchUser, NotSupported),
    needs=(writable,),
    renamed={"localserver": "localhost", "server": "host"},
    example={**ITEM, "group": "Friends;Work"},
)
async def add_rosteritem_v0(
    ctx: CommandContext, localuser: str, localhost: str, user: str, host: str, nick: str, group: str, subs: Subscription
) -> None:
    """Add an item to a user's roster, or change it.

    Args:
        localuser: local part of the user's address.
        localhost: domain of the user.
        user: local part of the contact's address; empty for a domain.
        host: domain of the contact.
        nick: what the user calls the contact; may be empty.
        group: groups of the contact, separated by semicolons; may be empty.
        subs: who gets whose presence.
    """
    groups = [each for each in group.split(";") if each]
    await _put(ctx, localuser, localhost, _jid(user, host), nick, groups, subs)


@command(
    version=1,
    tags=("roster",),
    errors=(NoSuchUser, NotSupported),
    needs=(writable,),
    renamed={"localserver": "localhost", "server": "host"},
    example={**ITEM, "groups": ["Friends", "Work"]},
)
async def add_rosteritem(
    ctx: CommandContext, localuser: str, localhost: str, user: str, host: str, nick: str, groups: list[str], subs: Subscription
) -> None:
    """Add an item to a user's roster, or change it.

    The contact's own roster is not changed. A server that lets components set no other subscription than `none`, as ejabberd does, is
    501 for the others, and the roster stays as it was.

    Args:
        localuser: local part of the user's address.
        localhost: domain of the user.
        user: local part of the contact's address; empty for a domain.
        host: domain of the contact.
        nick: what the user calls the contact; may be empty.
        groups: of the contact.
        subs: who gets whose presence.
    """
    await _put(ctx, localuser, localhost, _jid(user, host), nick, groups, subs)


@command(
    tags=("roster",),
    errors=(NoSuchUser, NotFound, NotSupported),
    needs=(writable,),
    renamed={"localserver": "localhost", "server": "host"},
    example={"localuser": "bob", "localhost": "example.org", "user": "jan", "host": "example.net"},
)
async def delete_rosteritem(ctx: CommandContext, localuser: str, localhost: str, user: str, host: str) -> None:
    """Delete an item from a user's roster.

    Args:
        localuser: local part of the user's address.
        localhost: domain of the user.
        user: local part of the contact's address; empty for a domain.
        host: domain of the contact.
    """
    await remove(ctx.gateway, account_of(ctx, localuser, localhost), _jid(user, host))


async def _put(ctx: CommandContext, user: str, host: str, contact: JID, nick: str, groups: list[str], subscription: Subscription) -> None:
    wanted = RosterContact(contact, nick, subscription, "none", tuple(dict.fromkeys(groups)))
    await put(ctx.gateway, account_of(ctx, user, host), wanted)


def _jid(user: str, host: str) -> JID:
    """Return the address of a contact.

    Raises:
        InvalidJID, InvalidValue: it is none.
    """
    jid = JID(f"{user}@{host}" if user else host)
    if jid.resource or bool(jid.local) is not bool(user):
        raise InvalidValue(f"{str(jid)[:80]!r} is not the bare address of a contact: user is its local part, host its domain")
    return jid
