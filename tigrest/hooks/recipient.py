"""Tell rooms among those whom hooks send to: messages for users do not reach them."""

from __future__ import annotations

import asyncio

from tigrest.errors import NotConnected, NotSupported, StanzaTimeout
from tigrest.service import Service
from tigrest.xmpp.jid import JID
from tigrest.xmpp.rooms import description_query, is_room, is_room_service
from tigrest.xmpp.stanza import Stanza

ROOM_SECONDS = 5.0
"""Seconds that an address has to say what it is, where a hook is made."""

REFUSED_SECONDS = 2.0
"""The same where a message was refused: the sender of a post waits."""


async def leads_to_room(service: Service, address: JID, seconds: float) -> bool:
    """Return whether the server says that an address is a room, or that all of its domain are, of which it need not exist yet.

    Args:
        service: asks.
        address: bare address.
        seconds: until the answer.

    Returns:
        ``False`` where nobody says so, and for users of the served domain.

    XEP-0045 §6.1, §6.4
    """
    if address.domain == str(service.domain):
        return False
    room, domain = await asyncio.gather(*(_ask(service, each, seconds) for each in (address, JID(address.domain))))
    return (room is not None and is_room(room)) or (domain is not None and is_room_service(domain))


async def _ask(service: Service, address: JID, seconds: float) -> Stanza | None:
    """Return what an address says of itself; ``None`` where it does not."""
    try:
        reply = await service.request(description_query(address, service.jid), seconds)
    except (NotConnected, NotSupported, StanzaTimeout):
        return None
    return None if reply.error is not None else reply
