"""An upload service that answers iqs, and a storage that takes files by HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import DISCO_INFO, DISCO_ITEMS, HTTP_UPLOAD
from tigrest.xmpp.stanza import Stanza

FORM = (
    f"<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>{HTTP_UPLOAD}</value></field>"
    "<field var='max-file-size'><value>{size}</value></field></x>"
)


class Xmpp:
    """A domain with an upload service.

    Args:
        slot: payload of the result for each request of a slot, or the ``<error/>`` of a refusal.
        services: addresses of the services that the domain lists.
        max_size: bytes that they say they take; ``None`` to say nothing.
    """

    def __init__(self, slot: str = "", services: tuple[str, ...] = ("upload.example.org",), max_size: int | None = 1000) -> None:
        self.slot, self.services, self.max_size = slot, services, max_size
        self.asked: list[Stanza] = []

    @property
    def requests(self) -> list[ET.Element]:
        """Requests of slots, in order."""
        found = [iq.payload for iq in self.asked if iq.payload is not None]
        return [payload for payload in found if payload.tag == f"{{{HTTP_UPLOAD}}}request"]

    async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
        """Answer."""
        self.asked.append(iq)
        to, payload = str(iq.to), iq.payload
        assert payload is not None
        if payload.tag == f"{{{DISCO_ITEMS}}}query":
            items = "".join(f"<item jid='{jid}'/>" for jid in (*self.services, "http.example.org", "room@rooms.example.org"))
            return self._result(to, f"<query xmlns='{DISCO_ITEMS}'>{items}</query>")
        if payload.tag == f"{{{DISCO_INFO}}}query":
            feature = f"<feature var='{HTTP_UPLOAD}'/>" if to in self.services else ""
            form = FORM.format(size=self.max_size) if feature and self.max_size is not None else ""
            return self._result(to, f"<query xmlns='{DISCO_INFO}'>{feature}{form}</query>")
        if to not in self.services:
            return self._error(to, "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
        return self._error(to, self.slot) if self.slot.startswith("<error") else self._result(to, self.slot)

    def _result(self, sender: str, payload: str) -> Stanza:
        return Stanza.received(f"<iq type='result' id='1' from='{sender}'>{payload}</iq>")

    def _error(self, sender: str, error: str) -> Stanza:
        return Stanza.received(f"<iq type='error' id='1' from='{sender}'>{error}</iq>")


def slot(put: str, get: str = "https://files.example.org/a/b.txt", headers: str = "") -> str:
    """Write a slot."""
    return f"<slot xmlns='{HTTP_UPLOAD}'><put url='{put}'>{headers}</put><get url='{get}'/></slot>"


DOMAIN, US = JID("example.org"), JID("http.example.org")


@dataclass
class StoredRequest:
    """A request that the storage has read."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    is_complete: bool


@dataclass
class FakeStorage:
    """Takes one request a connection, and answers what it is told."""

    answer: bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    reads_body: bool = True
    repeats: bool = False
    """Whether it writes its answer again and again."""
    url: str = ""
    requests: list[StoredRequest] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request, and answer it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
            size = int(dict(headers).get("content-length", "0"))
            body = b""
            while self.reads_body and len(body) < size and (part := await reader.read(65536)):
                body += part
            self.requests.append(StoredRequest(head[0], headers, body, len(body) == size))
            if self.answer:
                writer.write(self.answer)
                await writer.drain()
                while self.repeats:
                    await asyncio.sleep(0.01)
                    writer.write(self.answer)
                    await writer.drain()
            else:
                await reader.read()  # until the other end gives up
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def stored(storage: FakeStorage) -> AsyncIterator[FakeStorage]:
    """Have a storage listen on a free port."""
    server = await asyncio.start_server(storage.serve, "127.0.0.1", 0)
    try:
        storage.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/up/b.txt"
        yield storage
    finally:
        server.close()
        await server.wait_closed()
