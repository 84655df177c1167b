"""Shared by the commands about rooms: XEP-0045, as an owner of the rooms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from tigrest import (
    JID,
    Conflict,
    DataForm,
    Field,
    InvalidValue,
    KeyedLock,
    NotFound,
    NotSupported,
    ServerFailed,
    Service,
    StanzaError,
    StanzaTimeout,
    TigrestError,
)

from ._iqs import features, info, refused
from ._owners import ADMIN, OWNER, Owner, ask_as_owner, entered, not_owned, owners
from ._room_options import RESTRICTED, changed, lacks_restricted, options_of, submission

AGAIN = 2.0
"""Seconds after which a room is asked anew whether it is there."""

Affiliation = Literal["owner", "admin", "member", "outcast", "none"]

AFFILIATIONS: tuple[Affiliation, ...] = ("owner", "admin", "member", "outcast")
"""Affiliations that rooms list. XEP-0045 §5.2"""

_CHANGES = KeyedLock("changes of the room")
"""Held while a room is made, or its options are changed: two who make it would enter and leave as one."""


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
    words, candidates = "", owners(gateway)
    for owner in candidates:
        if not await owner.reaches(gateway, room):  # entering would make the room for one who can do nothing with it
            words = f" (it drops iqs from {owner.address})"
            continue
        async with entered(gateway, room, owner):
            try:
                if await _finish(gateway, room, owner, options, is_last=owner is candidates[-1]):
                    return
            except StanzaError as error:
                if error.condition == "gone":
                    raise Conflict(f"{room} was destroyed, and {room.domain} keeps its name for a while; take another one") from None
                if not refused(error, "item-not-found"):
                    raise
                words = f" ({error.text or error.condition})"
    raise NotSupported(f"{room.domain} does not let the gateway make rooms that stay{words}: make {gateway.jid} an administrator there")


async def _finish(gateway: Service, room: JID, owner: Owner, options: Mapping[str, str], *, is_last: bool) -> bool:
    """Configure a new room, and return whether it stays when we leave it.

    Prosody 13 offers ``persistent`` and ``public`` to administrators only, which one of our addresses may be.
    """
    if owner.is_user:
        await owner.ask(gateway, room, "set", _first_options())
    form = await _form(gateway, room, owner)
    offered, wanted = options_of(form), {**options, "persistent": "true"}
    if not is_last and lacks_restricted(wanted, offered):
        return False
    if "persistent" not in offered:  # perhaps all rooms are
        del wanted["persistent"]
    try:
        await _submit(gateway, room, owner, submission(form, wanted, room), wanted)
        if owner.address.bare != gateway.room_owner:  # admins and scripts speak from there
            await owner.ask(gateway, room, "set", listing(affiliation="owner", jid=gateway.room_owner))
    except TigrestError:
        await owner.ask(gateway, room, "set", _destruction())
        raise
    return "muc_persistent" in features(await info(gateway, room))


async def configuration(gateway: Service, room: JID) -> dict[str, str]:
    """Return the options of a room by ejabberd's names. XEP-0045 §10.2

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    await expect_room(gateway, room)
    _, form = await _best_form(gateway, room, RESTRICTED)
    return options_of(form)


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
    owner, form = await _best_form(gateway, room, options)
    await _submit(gateway, room, owner, submission(form, options, room), options)


async def _best_form(gateway: Service, room: JID, wanted: Iterable[str]) -> tuple[Owner, DataForm]:
    """Return an owner of ours to whom a room offers all options that are wanted, or else the first one, and the form that he gets.

    Raises:
        NotPermitted: none of our addresses is an owner.
        NotSupported: the server lets none of them ask.
        StanzaError: the room answered with another error.
    """
    refusal: StanzaError | NotSupported | None = None
    found: list[tuple[Owner, DataForm]] = []
    for owner in owners(gateway):
        try:
            form = await _form(gateway, room, owner)
        except NotSupported as error:
            refusal = refusal or error
            continue
        except StanzaError as error:
            if not refused(error):
                raise
            refusal = error
            continue
        found.append((owner, form))
        if not lacks_restricted(wanted, options_of(form)):
            return found[-1]
    if not found:
        raise not_owned(gateway, room, refusal)
    return found[0]


async def destroy(gateway: Service, room: JID) -> None:
    """Destroy a room. XEP-0045 §10.9

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    async with _CHANGES.holding(room):
        await expect_room(gateway, room)
        await ask_as_owner(gateway, room, "set", _destruction())


async def affiliated(gateway: Service, room: JID) -> list[Affiliated]:
    """Return all who have an affiliation to a room. XEP-0045 §9.5, §9.8, §10.5, §10.8

    Raises:
        NotFound: there is no room.
        NotPermitted: the gateway is no owner.
    """
    await expect_room(gateway, room)
    found = []
    for affiliation in AFFILIATIONS:
        query = await ask_as_owner(gateway, room, "get", listing(affiliation=affiliation))
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
    await ask_as_owner(gateway, room, "set", listing(affiliation=affiliation, jid=jid.bare))


async def _form(gateway: Service, room: JID, owner: Owner) -> DataForm:
    return _form_in(await owner.ask(gateway, room, "get", ET.Element(f"{{{OWNER}}}query")))


def _form_in(query: ET.Element) -> DataForm:
    form = DataForm.find(query)
    if form is None:
        raise ServerFailed("the room has sent no form of its options")
    return form


async def _submit(gateway: Service, room: JID, owner: Owner, filled: DataForm, options: Mapping[str, str]) -> None:
    """Submit the form of a room, filled in with options, and look at what the room has then.

    Raises:
        ServerFailed: it took the form, but not an option.
    """
    query = ET.Element(f"{{{OWNER}}}query")
    query.append(filled.to_element())
    await owner.ask(gateway, room, "set", query)
    left = changed(options, options_of(await _form(gateway, room, owner)))
    if left:
        raise ServerFailed(f"{room} took the options, but has not changed {', '.join(left)}")


def _first_options() -> ET.Element:
    """Build the query by which an owner who does not enter makes a room that stays.

    On ejabberd every owner's iq makes a room, which ends at once as nobody is in it; what comes at that moment is lost. XEP-0045 §10.1.3
    """
    query = ET.Element(f"{{{OWNER}}}query")
    kind = Field("FORM_TYPE", ("http://jabber.org/protocol/muc#roomconfig",), "hidden")
    query.append(DataForm("submit", (kind, Field("muc#roomconfig_persistentroom", ("1",)))).to_element())
    return query


def _destruction() -> ET.Element:
    query = ET.Element(f"{{{OWNER}}}query")
    ET.SubElement(query, f"{{{OWNER}}}destroy")
    return query


def listing(**attributes: str) -> ET.Element:
    """Build the query for those with a role or affiliation, or the one that changes it."""
    query = ET.Element(f"{{{ADMIN}}}query")
    ET.SubElement(query, f"{{{ADMIN}}}item", {name: str(value) for name, value in attributes.items()})
    return query
