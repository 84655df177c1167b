"""What a server answers about itself: ping, software version, uptime."""

from __future__ import annotations

import time
from xml.etree import ElementTree as ET

from tigrest.backends.entities.request import Answers, Request
from tigrest.version import __version__
from tigrest.xmpp.namespaces import LAST_ACTIVITY, PING, SOFTWARE_VERSION


class Server:
    """Answers about the running program."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.answers: Answers = {
            ("get", f"{{{PING}}}ping"): self.pong,
            ("get", f"{{{SOFTWARE_VERSION}}}query"): self._version,
            ("get", f"{{{LAST_ACTIVITY}}}query"): self._uptime,
        }

    async def pong(self, _request: Request) -> None:
        """Answer a ping. XEP-0199 §4"""

    async def _version(self, _request: Request) -> ET.Element:
        """XEP-0092 §3"""
        query = ET.Element(f"{{{SOFTWARE_VERSION}}}query")
        ET.SubElement(query, f"{{{SOFTWARE_VERSION}}}name").text = "tigrest"
        ET.SubElement(query, f"{{{SOFTWARE_VERSION}}}version").text = __version__
        return query

    async def _uptime(self, _request: Request) -> ET.Element:
        """XEP-0012 §5"""
        return ET.Element(f"{{{LAST_ACTIVITY}}}query", {"seconds": str(int(time.monotonic() - self._started))})
