"""Find the upload service of the served domain. XEP-0363 §3"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from xml.etree import ElementTree as ET

from tigrest.concurrency.single_flight import SingleFlight
from tigrest.errors import ContentTooLarge, InvalidJID, NotConnected, NotSupported, NoUploadService, StanzaError, StanzaTimeout
from tigrest.xmpp.disco import items_of
from tigrest.xmpp.forms import FORM_TYPE, DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import DISCO_INFO, DISCO_ITEMS, HTTP_UPLOAD
from tigrest.xmpp.stanza import Stanza, make_stanza


class Asker(Protocol):
    """Sends iqs."""

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        """Send an iq and wait for its reply."""


@dataclass(frozen=True)
class UploadService:
    """A service that takes files.

    Args:
        jid: its address.
        max_size: bytes of the largest file that it takes; ``None`` where it does not say.
    """

    jid: JID
    max_size: int | None = None


class UploadServices:
    """Finds the upload services of a domain, and remembers them for a while.

    Args:
        asker: asks the domain, from our own address.
        domain: the served domain.
        own: our own address, which is not asked.
        seconds: how long what was found is remembered.
        timeout: seconds to wait for each answer.
        clock: gives the time in seconds.
    """

    def __init__(
        self,
        asker: Asker,
        domain: JID,
        own: JID,
        *,
        seconds: float = 300.0,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asker, self._domain, self._own = asker, domain, own
        self._seconds, self._timeout, self._clock = seconds, timeout, clock
        self._flight: SingleFlight[None, list[UploadService]] = SingleFlight()
        self._known: list[UploadService] = []
        self._until = 0.0

    async def for_size(self, size: int) -> UploadService:
        """Return the first service that takes a file of a size.

        Args:
            size: of the file in bytes.

        Raises:
            ContentTooLarge: the file is larger than what the services take.
            NoUploadService: the domain has no such service.
            NotConnected, StanzaTimeout: the domain cannot be asked.
        """
        services = self._known if self._clock() < self._until else await self._flight.run(None, self._discover)
        for service in services:
            if service.max_size is None or size <= service.max_size:
                return service
        largest = max(services, key=lambda service: service.max_size or 0)
        raise ContentTooLarge(largest.max_size or 0, f"max-file-size of {largest.jid}")

    def forget(self) -> None:
        """Forget the services: one of them does not answer any more."""
        self._known, self._until = [], 0.0

    async def _discover(self) -> list[UploadService]:
        listed = (await self._ask(self._domain, DISCO_ITEMS)).payload
        candidates = [self._domain]
        for item in items_of(listed):
            try:
                jid = JID(item.jid)
            except InvalidJID:
                continue
            if not item.node and not jid.local and jid != self._own and jid not in candidates:
                candidates.append(jid)
        asked = await asyncio.gather(*(self._ask(jid, DISCO_INFO) for jid in candidates), return_exceptions=True)
        found = [UploadService(jid, _max_size(said)) for jid, said in zip(candidates, asked, strict=True) if _takes_files(said)]
        if not found:
            trouble = next((said for said in asked if isinstance(said, NotSupported | NotConnected | StanzaTimeout)), None)
            raise trouble or NoUploadService(
                f"{self._domain} has no upload service (XEP-0363); on Prosody add a Component "
                f'"upload.{self._domain}" "http_file_share", on ejabberd load mod_http_upload'
            )
        self._known, self._until = found, self._clock() + self._seconds
        return found

    async def _ask(self, jid: JID, namespace: str) -> Stanza:
        reply = await self._asker.request(make_stanza("iq", "get", jid, ET.Element(f"{{{namespace}}}query")), self._timeout)
        return reply.raise_error()


def _takes_files(said: Stanza | BaseException) -> bool:
    if isinstance(said, BaseException):
        if not isinstance(said, StanzaError | NotSupported | NotConnected | StanzaTimeout):
            raise said
        return False
    query = said.payload
    features = query.findall(f"{{{DISCO_INFO}}}feature") if query is not None else []
    return any(feature.get("var") == HTTP_UPLOAD for feature in features)


def _max_size(said: Stanza | BaseException) -> int | None:
    """Return the size in the form of a service; ``None`` where it has none. XEP-0363 §3, XEP-0128"""
    query = said.payload if isinstance(said, Stanza) else None
    for form in DataForm.find_all(query) if query is not None else ():
        written = form.value("max-file-size").strip()
        if form.value(FORM_TYPE) == HTTP_UPLOAD and written.isdecimal() and len(written) < 19:
            return int(written)
    return None
