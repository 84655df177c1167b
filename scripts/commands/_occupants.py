"""Shared by the commands about who is in a room. XEP-0045 §6.5, §8.2, §9.6"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from xml.etree import ElementTree as ET

from tigrest import JID, DataForm, NotFound, NotPermitted, NotSupported, Service, StanzaError

from ._iqs import items, refused
from ._muc import expect_room, listing
from ._owners import ADMIN, Owner, entered, not_owned, owners

T = TypeVar("T")

ROLES = ("moderator", "participant", "visitor")
"""Roles of occupants. XEP-0045 §5.1"""


@dataclass(frozen=True)
class Occupant:
    """Somebody in a room."""

    jid: str
    nick: str
    role: str


async def occupants(gateway: Service, room: JID) -> list[Occupant]:
    """Return who is in a room: with addresses and roles where the gateway is an owner, else the nicks that the room lists.

    Raises:
        NotFound: there is no room.
        NotPermitted, NotSupported: it has occupants, and does not show them.

    XEP-0045 §6.5, §9.6
    """
    await expect_room(gateway, room)

    async def ask(owner: Owner) -> list[Occupant]:
        queries = [await owner.ask(gateway, room, "get", listing(role=role)) for role in ROLES]
        found = [_occupant(item, role) for role, query in zip(ROLES, queries, strict=True) for item in query.iter(f"{{{ADMIN}}}item")]
        return [each for each in found if each.jid != owner.address]

    try:
        return await _as_moderator(gateway, room, ask)
    except (NotPermitted, NotSupported):
        nicks = await _listed(gateway, room)
        if not nicks and await occupants_number(gateway, room):
            raise
        return [Occupant("", nick, "") for nick in nicks]


async def occupants_number(gateway: Service, room: JID) -> int:
    """Return how many are in a room, as it says itself. XEP-0045 §6.4

    Raises:
        NotFound: there is no room.
    """
    form = DataForm.find(await expect_room(gateway, room))
    told = form.value("muc#roominfo_occupants") if form is not None else ""
    return int(told) if told.isdecimal() else len(await items(gateway, room))


async def kick(gateway: Service, room: JID, nick: str) -> None:
    """Take somebody out of a room. XEP-0045 §8.2

    Raises:
        NotFound: there is no room, or nobody of that nick in it.
        NotPermitted: the gateway is no owner.
    """
    await expect_room(gateway, room)
    if all(each.nick != nick for each in await occupants(gateway, room)):
        raise NotFound(f"nobody in {room} has the nick {nick[:80]!r}")

    async def ask(owner: Owner) -> ET.Element:
        return await owner.ask(gateway, room, "set", listing(nick=nick, role="none"))

    await _as_moderator(gateway, room, ask)


async def _as_moderator(gateway: Service, room: JID, ask: Callable[[Owner], Awaitable[T]]) -> T:
    """Ask a room as an owner of it. ejabberd lets only moderators ask who are in it: an owner enters it for that, and leaves.

    Raises:
        NotPermitted: none of our addresses is an owner.
        NotSupported: the server lets none of them ask.
    """
    refusal: StanzaError | NotSupported | None = None
    for owner in owners(gateway):
        try:
            try:
                return await ask(owner)
            except StanzaError as error:
                if not refused(error):
                    raise
            await owner.ask(gateway, room, "get", listing(affiliation="owner"))
            if owner.is_user:
                raise NotSupported(f"{room} lets only those do this who are in it, and the gateway does not enter it as {owner.address}")
            async with entered(gateway, room, owner):
                return await ask(owner)
        except NotSupported as error:
            refusal = error
        except StanzaError as error:
            if not refused(error):
                raise
            refusal = error
    raise not_owned(gateway, room, refusal)


async def _listed(gateway: Service, room: JID) -> list[str]:
    """Return the nicks that a room lists to everybody; none where it lists none. XEP-0045 §6.5"""
    try:
        return [item.get("jid", "").partition("/")[2] for item in await items(gateway, room)]
    except StanzaError as error:
        if not refused(error):
            raise
        return []


def _occupant(item: ET.Element, role: str) -> Occupant:
    return Occupant(item.get("jid", ""), item.get("nick", ""), role)
