"""A component of the tests' own at a server, which sends what it likes: to see what the server grants to whom. XEP-0114"""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import COMPONENT, SECRET, XmppServer


class RawComponent:
    """A connection to the component port.

    Args:
        port: of the server.
        jid: address of the component.
        secret: shared with the server.
    """

    def __init__(self, port: int, jid: str, secret: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._heard = ""
        self._count = 0
        header = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"
        self.send(f"{header} to='{jid}'>")
        [identity] = re.findall(r"\bid=['\"]([^'\"]+)", self.hear(r"<stream:stream[^>]*>"))
        self.send(f"<handshake>{hashlib.sha1((identity + secret).encode()).hexdigest()}</handshake>")
        self.hear(r"<handshake\s*/>|</handshake>")

    def send(self, text: str) -> None:
        """Send text as it is."""
        self._socket.sendall(text.encode())

    def hear(self, pattern: str, seconds: float = 10.0) -> str:
        """Return what matches in what comes in, and forget what came before it."""
        end = time.monotonic() + seconds
        while (found := re.search(pattern, self._heard, re.DOTALL)) is None:
            self._socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"{pattern} did not come: {self._heard}") from None
            assert data, f"the server closed the connection: {self._heard}"
            self._heard += data.decode()
        self._heard = self._heard[found.end() :]
        return found[0]

    def ask(self, sender: str, iq: str, payload: str) -> str:
        """Send an iq from an address and return its reply.

        Args:
            sender: the address.
            iq: attributes ``type`` and ``to``, as ``type='get' to='example.org'``.
            payload: its one child.
        """
        self._count += 1
        identity = f"asked-{self._count}"
        self.send(f"<iq id='{identity}' from='{sender}' {iq}>{payload}</iq>")
        return self.hear(rf"<iq\b[^>]*\bid=['\"]{identity}['\"][^>]*(?:/>|(?<!/)>.*?</iq>)")

    def close(self) -> None:
        """End the stream."""
        self._socket.close()


@contextmanager
def raw_component(server: XmppServer, jid: str = COMPONENT, secret: str = SECRET) -> Iterator[RawComponent]:
    """Connect as the component of a server for the time being."""
    component = RawComponent(server.component, jid, secret)
    try:
        yield component
    finally:
        component.close()
