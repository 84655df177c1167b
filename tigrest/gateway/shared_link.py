"""Find out whether another connection of the same component takes a part of what comes in.

ejabberd and jabberd2 let several connect under one address, and hand each stanza to one of them. Other servers end one of the two links.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.errors import StanzaTimeout
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import PING
from tigrest.xmpp.stanza import Stanza, make_stanza


class PingLink(Protocol):
    """Sends pings to the server."""

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq and wait for its reply."""


@dataclass(frozen=True)
class PingReplies:
    """Which of the pings were answered here.

    Args:
        came: for each ping, in the order of sending.
    """

    came: tuple[bool, ...]

    @property
    def count(self) -> int:
        """Return the number of replies."""
        return sum(self.came)

    @property
    def is_shared(self) -> bool:
        """Return whether replies went elsewhere: one is missing, and one to a later ping is not. A slow server lacks the last ones."""
        last = max((number for number, came in enumerate(self.came) if came), default=0)
        return not all(self.came[:last])


async def count_replies(link: PingLink, jid: JID, domain: JID, pings: int, seconds: float) -> PingReplies:
    """Ping the server many times at once, from different resources, and see what is answered here. Any answer counts. XEP-0199::

        <iq type="get" from="http.example.org/check-1" to="example.org/ping" id="…"><ping xmlns="urn:xmpp:ping"/></iq>

    Args:
        link: to the server.
        jid: our address there.
        domain: the served domain. ejabberd drops some iqs to its bare address, but none to a resource.
        pings: how many.
        seconds: wait for the replies.

    Raises:
        NotConnected: the link is down.
    """

    async def is_answered(number: int) -> bool:
        ping = make_stanza("iq", "get", domain.with_resource("ping"), ET.Element(f"{{{PING}}}ping"))
        try:
            await link.request(ping.with_(sender=jid.with_resource(f"check-{number}")), seconds)
        except StanzaTimeout:
            return False
        return True

    return PingReplies(tuple(await asyncio.gather(*map(is_answered, range(pings)))))
