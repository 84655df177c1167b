"""Shared by the commands about rooms: addresses that own rooms, and how each of them asks. XEP-0045 §10"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest import JID, NotPermitted, NotSupported, Service, StanzaError

from ._iqs import PROBE_SECONDS, TIMEOUT, info_query, iq, payload_of, refused
from ._room_services import MUC, conferences, services

OWNER, ADMIN = f"{MUC}#owner", f"{MUC}#admin"

NICK = "tigrest"
"""Nick of the gateway while it is in a room, which is no longer than it has to be."""

RESOURCE = "commands"
"""Resource of the addresses of the gateway that enter rooms."""

CURE = "have an owner of the room make {} one too"
"""Cure where no address of the gateway is an owner of a room."""


@dataclass(frozen=True)
class Owner:
    """An address that may own rooms.

    Args:
        address: of the gateway, or of a user.
        is_user: whether it is a user's: the server sends iqs in his name, and their replies come to us. XEP-0356 §6
    """

    address: JID
    is_user: bool = False

    async def ask(self, gateway: Service, to: JID, type: str, payload: ET.Element) -> ET.Element:
        """Send an iq from this address, and return the payload of the result.

        Raises:
            NotSupported: the server drops it.
            StanzaError: it was answered with an error.
        """
        if self.is_user:
            return payload_of(await gateway.request_as(self.address, iq(type, to, payload), TIMEOUT))
        return payload_of(await gateway.request(iq(type, to, payload, self.address), TIMEOUT))

    async def reaches(self, gateway: Service, to: JID) -> bool:
        """Ask an entity what it is, and return whether the server lets this address ask it: ejabberd 25.03 and later may not."""
        try:
            await self.ask(gateway, to, "get", info_query())
        except NotSupported:
            return False
        except StanzaError:
            pass
        return True


def owners(gateway: Service) -> tuple[Owner, ...]:
    """Return who may own a room for us, the best first.

    That is an address of the gateway that makes rooms; its own, which servers may let do anything; and where the server lets us send
    such iqs in the names of users, the first administrator.

    ejabberd takes a domain that owns a room for all addresses of the domain, those of users at the gateway too: so our own does not
    make rooms unless it has to.
    """
    ours = tuple(Owner(jid.with_resource(RESOURCE)) for jid in (gateway.room_owner, gateway.jid))
    if gateway.delegation_trouble("set", OWNER) or gateway.delegation_trouble("set", ADMIN):
        return ours
    admins = sorted(jid for jid in gateway.policy.admins if jid.domain == gateway.domain.domain)
    return (*ours, *(Owner(jid, is_user=True) for jid in admins[:1]))


async def ownable(service: Service) -> str:
    """Tell why the gateway can own no rooms, if so: there are none, or the server lets none of its addresses ask them."""
    if reason := await conferences(service):
        return reason
    [first, *_] = await services(service, PROBE_SECONDS)
    candidates = owners(service)
    if any([await each.reaches(service, first) for each in candidates]):
        return ""
    return (
        f"the server drops iqs of this component to {first}; grant it iqs of {OWNER} and {ADMIN} (mod_privilege), "
        "with an account of this domain in [auth] admins, or unload mod_privilege"
    )


async def ask_as_owner(gateway: Service, room: JID, type: str, payload: ET.Element) -> ET.Element:
    """Send an iq to a room as one of its owners, and return the payload of the result.

    Raises:
        NotPermitted: the room lets none of our addresses do it.
        NotSupported: the server lets none of them ask.
        StanzaError: it was answered with another error.
    """
    refusal: StanzaError | NotSupported | None = None
    for owner in owners(gateway):
        try:
            return await owner.ask(gateway, room, type, payload)
        except NotSupported as error:
            refusal = refusal or error
        except StanzaError as error:
            if not refused(error):
                raise
            refusal = error
    raise not_owned(gateway, room, refusal)


def not_owned(gateway: Service, room: JID, refusal: StanzaError | NotSupported | None) -> NotPermitted | NotSupported:
    """Return the error of who has tried all owners.

    Args:
        gateway: that has tried.
        room: address.
        refusal: the room's last one; else that of the server.
    """
    if isinstance(refusal, NotSupported):
        return refusal
    words = "" if refusal is None else f" ({refusal.text or refusal.condition})"
    return NotPermitted(f"{room} does not let the gateway do this{words}: {CURE.format(gateway.room_owner)}")


@asynccontextmanager
async def entered(gateway: Service, room: JID, owner: Owner) -> AsyncIterator[None]:
    """Be in a room for a while, without its history; users are not made to enter any::

        <presence to="room@rooms.example.org/tigrest" from="…">
          <x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0"/></x>
        </presence>

    Stanzas are delivered in order, so what is sent next comes after it: nothing has to be waited for.

    XEP-0045 §7.2, §7.14
    """
    if owner.is_user:
        yield
        return
    presence = ET.Element("{jabber:client}presence", {"from": str(owner.address), "to": f"{room}/{NICK}"})
    ET.SubElement(ET.SubElement(presence, f"{{{MUC}}}x"), f"{{{MUC}}}history", {"maxstanzas": "0"})
    await gateway.send(presence)
    try:
        yield
    finally:
        presence.set("type", "unavailable")
        presence.remove(presence[0])
        await gateway.send(presence)
