"""Answers of the running program about itself: ping, software version, uptime."""

from __future__ import annotations

import time
from xml.etree import ElementTree as ET

from tigrest.backends.entities.iq_request import IqAnswers, IqRequest
from tigrest.version import __version__
from tigrest.xmpp.namespaces import LAST_ACTIVITY, PING, SOFTWARE_VERSION


class SelfDescription:
    """Answers about the running program."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.answers: IqAnswers = {
            ("get", f"{{{PING}}}ping"): self._pong,
            ("get", f"{{{SOFTWARE_VERSION}}}query"): self._version,
            ("get", f"{{{LAST_ACTIVITY}}}query"): self._uptime,
        }

    async def _pong(self, _request: IqRequest) -> None:
        """Answer a ping. XEP-0199 §4"""

    async def _version(self, _request: IqRequest) -> ET.Element:
        """Return name and version of the software. XEP-0092 §3"""
        query = ET.Element(f"{{{SOFTWARE_VERSION}}}query")
        ET.SubElement(query, f"{{{SOFTWARE_VERSION}}}name").text = "tigrest"
        ET.SubElement(query, f"{{{SOFTWARE_VERSION}}}version").text = __version__
        return query

    async def _uptime(self, _request: IqRequest) -> ET.Element:
        """Return the seconds since the start. XEP-0012 §5"""
        return ET.Element(f"{{{LAST_ACTIVITY}}}query", {"seconds": str(int(time.monotonic() - self._started))})
