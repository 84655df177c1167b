"""What a server answers about itself: ping, software version, uptime."""

from __future__ import annotations

import time
from xml.etree import ElementTree as ET

from tigrest.backends.entities.request import Answers, Request
from tigrest.version import __version__

PING = "{urn:xmpp:ping}ping"
VERSION = "jabber:iq:version"
LAST = "jabber:iq:last"


class Server:
    """Answers about the running program."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.answers: Answers = {
            ("get", PING): self.pong,
            ("get", f"{{{VERSION}}}query"): self._version,
            ("get", f"{{{LAST}}}query"): self._uptime,
        }

    async def pong(self, _request: Request) -> None:
        """Answer a ping. XEP-0199 §4"""

    async def _version(self, _request: Request) -> ET.Element:
        """XEP-0092 §3"""
        query = ET.Element(f"{{{VERSION}}}query")
        ET.SubElement(query, f"{{{VERSION}}}name").text = "tigrest"
        ET.SubElement(query, f"{{{VERSION}}}version").text = __version__
        return query

    async def _uptime(self, _request: Request) -> ET.Element:
        """XEP-0012 §5"""
        return ET.Element(f"{{{LAST}}}query", {"seconds": str(int(time.monotonic() - self._started))})
