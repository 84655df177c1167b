"""Shared by the commands about rooms: XEP-0045, as an owner of the rooms."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest import (
    JID,
    Conflict,
    DataForm,
    InvalidValue,
    KeyedLock,
    NotFound,
    NotPermitted,
    NotSupported,
    ServerFailed,
    Service,
    StanzaError,
    StanzaTimeout,
    TigrestError,
)

from ._iqs import answer, features, info, iq, refused
from ._room_options import changed, lacks_restricted, options_of, submission
from ._room_services import MUC

OWNER, ADMIN = f"{MUC}#owner", f"{MUC}#admin"

NICK = "tigrest"
"""Nick of the gateway while it is in a room, which is no longer than it has to be."""

RESOURCE = "commands"
"""Resource of the addresses of the gateway that enter rooms."""

AGAIN = 2.0
"""Seconds after which a room is asked anew whether it is there."""

Affiliation = Literal["owner", "admin", "member", "outcast", "none"]

AFFILIATIONS: tuple[Affiliation, ...] = ("owner", "admin", "member", "outcast")
"""Affiliations that rooms list. XEP-0045 §5.2"""

_CHANGES = KeyedLock("changes of the room")
"""Held while a room is made, or its options are changed: two who make it would enter and leave as one."""

CURE = "have an owner of the room make {} one too"
"""What helps where the gateway, by an address of its, is no owner of a room."""


@dataclass(frozen=True)
class Affiliated:
    """Somebody with an affiliation to a room."""

    jid: JID
    affiliation: str
    reason: str


def address(room: str, service: str) -> JID:
    """Return the address of a room.

    Raises:
        InvalidJID, InvalidValue: it is none.
    """
    jid = JID(f"{room}@{service}")
    if not jid.local or jid.resource:
        raise InvalidValue(f"{str(jid)[:80]!r} is not the address of a room: its name and its service have no slash")
    return jid


async def expect_room(gateway: Service, room: JID) -> ET.Element:
    """Check that there is a room, and return what it says of itself. ejabberd would make one for the iq of an owner.

    Raises:
        NotFound: there is none.

    XEP-0045 §6.4, §10.9
    """
    try:
        try:
            return await info(gateway, room, AGAIN)
        except StanzaTimeout:  # ejabberd loses an iq to a room that is just being destroyed
            return await info(gateway, room)
    except StanzaError as error:
        if error.condition in ("item-not-found", "gone"):
            raise NotFound(f"there is no room {room}") from None
        raise


async def has_room(gateway: Service, room: JID) -> bool:
    """Ask the service, and return whether there is a room; one that has been destroyed counts as none. XEP-0045 §6.4"""
    try:
        await expect_room(gateway, room)
    except NotFound:
        return False
    return True


def owners(gateway: Service) -> tuple[JID, JID]:
    """Return the addresses of the gateway that may own a room: the one that makes rooms, and its own, which servers may let do anything.

    ejabberd takes a domain that owns a room for all addresses of the domain, those of users at the gateway too: so our own does not
    make rooms unless it has to.
    """
    return gateway.room_owner.with_resource(RESOURCE), gateway.jid.with_resource(RESOURCE)


async def ask(gateway: Service, room: JID, type: str, payload: ET.Element) -> ET.Element:
    """Send an iq to a room as one of its owners, and return the payload of the result.

    Raises:
        NotPermitted: the room lets none of our addresses do it.
        StanzaError: it was answered with another error.
    """
    words = ""
    for owner in owners(gateway):
        try:
            return await answer(gateway, iq(type, room, payload, owner))
        except StanzaError as error:
            if not refused(error):
                raise
            words = error.text or error.condition
    raise NotPermitted(f"{room} does not let the gateway do this ({words}): {CURE.format(gateway.room_owner)}")


async def create(gateway: Service, room: JID, options: Mapping[str, str]) -> None:
    """Make a room that stays when the gateway has left it, and leave it.

    Args:
        gateway: whose room it is.
        room: address.
        options: by ejabberd's names.

    Raises:
        Conflict: there is one.
        InvalidValue: an option is unknown or has an impossible value.
        NotSupported: the service does not let us make rooms that stay, or has no such option.

    XEP-0045 §10.1
    """
    async with _CHANGES.holding(room):
        if await has_room(gateway, room):
            raise Conflict(f"there is a room {room} already")
        await _make(gateway, room, options)


async def _make(gateway: Service, room: JID, options: Mapping[str, str]) -> None:
    words = ""
    makers = owners(gateway)
    for owner in makers:
        async with entered(gateway, room, owner):
            try:
                if await _finish(gateway, room, owner, options, is_last=owner is makers[-1]):
                    return
            except StanzaError as error:
                if error.condition == "gone":
                    raise Conflict(f"{room} was destroyed, and {room.domain} keeps its name for a while; take another one") from None
                if not refused(error, "item-not-found"):
                    raise
                words = f" ({error.text or error.condition})"
    raise NotSupported(f"{room.domain} does not let the gateway make rooms that stay{words}: make {gateway.jid} an administrator there")


async def _finish(gateway: Service, room: JID, owner: JID, options: Mapping[str, str], *, is_last: bool) -> bool:
    """Configure a new room, and return whether it stays when we leave it.

    Prosody 13 offers ``persistent`` and ``public`` to administrators only, which one of our addresses may be.
    """
    form = await _form(gateway, room, owner)
    offered, wanted = options_of(form), {**options, "persistent": "true"}
    if not is_last and lacks_restricted(wanted, offered):
        return False
    if "persistent" not in offered:  # perhaps all rooms are
        del wanted["persistent"]
    filled = submission(form, wanted, room)  # when it raises, the room ends as we leave it
    try:
        await _submit(gateway, room, owner, filled, wanted)
    except TigrestError:
        await gateway.request(iq("set", room, _destruction(), owner))
        raise
    return "muc_persistent" in features(await info(gateway, room))


@asynccontextmanager
async def entered(gateway: Service, room: JID, owner: JID) -> AsyncIterator[None]:
    """Be in a room for a while, without its history::

        <presence to="room@rooms.example.org/tigrest" from="…">
          <x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0"/></x>
        </presence>

    Stanzas are delivered in order, so what is sent next comes after it: nothing has to be waited for.

    XEP-0045 §7.2, §7.14
    """
    presence = ET.Element("{jabber:client}presence", {"from": str(owner), "to": f"{room}/{NICK}"})
    ET.SubElement(ET.SubElement(presence, f"{{{MUC}}}x"), f"{{{MUC}}}history", {"maxstanzas": "0"})
    await gateway.send(presence)
    try:
        yield
    finally:
        presence.set("type", "unavailable")
        presence.remove(presence[0])
        await gateway.send(presence)


async def configuration(gateway: Service, room: JID) -> dict[str, str]:
    """Return the options of a room by ejabberd's names. XEP-0045 §10.2

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    await expect_room(gateway, room)
    return options_of(_form_in(await ask(gateway, room, "get", ET.Element(f"{{{OWNER}}}query"))))


async def configure(gateway: Service, room: JID, options: Mapping[str, str]) -> None:
    """Change options of a room. XEP-0045 §10.2

    Args:
        gateway: an owner of it.
        room: address.
        options: by ejabberd's names.

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
        Exception: as :func:`create`.
    """
    async with _CHANGES.holding(room):
        await expect_room(gateway, room)
        await _change(gateway, room, options)


async def _change(gateway: Service, room: JID, options: Mapping[str, str]) -> None:
    words, found = "", list[tuple[JID, DataForm]]()
    for owner in owners(gateway):
        try:
            form = await _form(gateway, room, owner)
        except StanzaError as error:
            if not refused(error):
                raise
            words = error.text or error.condition
            continue
        found.append((owner, form))
        if not lacks_restricted(options, options_of(form)):
            await _submit(gateway, room, owner, submission(form, options, room), options)
            return
    if not found:
        raise NotPermitted(f"{room} does not let the gateway change options ({words}): {CURE.format(gateway.room_owner)}")
    owner, form = found[0]
    await _submit(gateway, room, owner, submission(form, options, room), options)


async def destroy(gateway: Service, room: JID) -> None:
    """Destroy a room. XEP-0045 §10.9

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    async with _CHANGES.holding(room):
        await expect_room(gateway, room)
        await ask(gateway, room, "set", _destruction())


async def affiliated(gateway: Service, room: JID) -> list[Affiliated]:
    """Return all who have an affiliation to a room. XEP-0045 §9.5, §9.8, §10.5, §10.8

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    await expect_room(gateway, room)
    found = []
    for affiliation in AFFILIATIONS:
        query = await ask(gateway, room, "get", listing(affiliation=affiliation))
        found += [
            Affiliated(JID(item.get("jid", "")), affiliation, item.findtext(f"{{{ADMIN}}}reason", ""))
            for item in query.iter(f"{{{ADMIN}}}item")
            if item.get("jid")
        ]
    return found


async def affiliate(gateway: Service, room: JID, jid: JID, affiliation: Affiliation) -> None:
    """Give somebody an affiliation to a room. XEP-0045 §9, §10

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    await expect_room(gateway, room)
    await ask(gateway, room, "set", listing(affiliation=affiliation, jid=jid.bare))


async def _form(gateway: Service, room: JID, owner: JID) -> DataForm:
    return _form_in(await answer(gateway, iq("get", room, ET.Element(f"{{{OWNER}}}query"), owner)))


def _form_in(query: ET.Element) -> DataForm:
    form = DataForm.find(query)
    if form is None:
        raise ServerFailed("the room has sent no form of its options")
    return form


async def _submit(gateway: Service, room: JID, owner: JID, filled: DataForm, options: Mapping[str, str]) -> None:
    """Submit the form of a room, filled in with options, and look at what the room has then.

    Raises:
        ServerFailed: it took the form, but not an option.
    """
    query = ET.Element(f"{{{OWNER}}}query")
    query.append(filled.to_element())
    await answer(gateway, iq("set", room, query, owner))
    left = changed(options, options_of(await _form(gateway, room, owner)))
    if left:
        raise ServerFailed(f"{room} took the options, but has not changed {', '.join(left)}")


def _destruction() -> ET.Element:
    query = ET.Element(f"{{{OWNER}}}query")
    ET.SubElement(query, f"{{{OWNER}}}destroy")
    return query


def listing(**attributes: str) -> ET.Element:
    """Build the query for those with a role or affiliation, or the one that changes it."""
    query = ET.Element(f"{{{ADMIN}}}query")
    ET.SubElement(query, f"{{{ADMIN}}}item", {name: str(value) for name, value in attributes.items()})
    return query
