"""Find out whether the recipient of a hook is a room, which refuses or loses a message that is sent as to a user. XEP-0045 §6"""

from __future__ import annotations

import asyncio

from tigrest.errors import NotConnected, NotSupported, StanzaTimeout
from tigrest.service import Service
from tigrest.xmpp.jid import JID
from tigrest.xmpp.rooms import description_query, is_room, is_room_service
from tigrest.xmpp.stanza import Stanza

ROOM_SECONDS = 5.0
"""Timeout of disco queries when a hook is made, in seconds."""

REFUSED_SECONDS = 2.0
"""Timeout of disco queries after a message was refused, in seconds: the sender of the post waits meanwhile."""


async def leads_to_room(service: Service, address: JID, seconds: float) -> bool:
    """Return whether an address is a room by disco, or its domain a service for rooms, where it need not exist yet.

    Args:
        service: access to the server.
        address: bare address.
        seconds: timeout.

    Returns:
        ``False`` also where there is no answer, and for users of the served domain.

    XEP-0045 §6.1, §6.4
    """
    if address.domain == str(service.domain):
        return False
    room, domain = await asyncio.gather(*(_ask(service, each, seconds) for each in (address, JID(address.domain))))
    return (room is not None and is_room(room)) or (domain is not None and is_room_service(domain))


async def _ask(service: Service, address: JID, seconds: float) -> Stanza | None:
    """Return the answer to a disco query; ``None`` for an error or none. XEP-0030 §3.1"""
    try:
        reply = await service.request(description_query(address, service.jid), seconds)
    except (NotConnected, NotSupported, StanzaTimeout):
        return None
    return None if reply.error is not None else reply
