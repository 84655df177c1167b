"""Bare connections to a server: a client and a component that send bytes as they are, well-formed or not."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import COMPONENT, DOMAIN, SECRET, USERS, XmppServer

STREAMS = "http://etherx.jabber.org/streams"


class Raw:
    """A connection to a server.

    Args:
        port: of the server, on this host.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self.is_closed = False
        """Whether the server has closed it."""

    def send(self, data: bytes | str) -> None:
        """Send bytes; they are lost when the server has closed the connection."""
        try:
            self._socket.sendall(data if isinstance(data, bytes) else data.encode())
        except OSError:
            self.is_closed = True

    def read(self, *marks: bytes, seconds: float = 10.0) -> bytes:
        """Read until one of some texts has come, the server closes, or time is up; return all there is."""
        end = time.monotonic() + seconds
        while not any(mark in self._unread for mark in marks) and self._receive(end):
            pass
        data, self._unread = self._unread, b""
        return data

    def expect(self, pattern: str, seconds: float = 10.0) -> str:
        """Read until something matches, and return it; what came before it is dropped, what came behind it is read next."""
        end, wanted = time.monotonic() + seconds, re.compile(pattern.encode(), re.DOTALL)
        while (found := wanted.search(self._unread)) is None:
            assert self._receive(end), f"{pattern} did not come: {self._unread!r}"
        self._unread = self._unread[found.end() :]
        return found[0].decode()

    def _receive(self, end: float) -> bool:
        """Wait for more; tell whether some came before the server closed, or time was up."""
        left = end - time.monotonic()
        if self.is_closed or left <= 0:
            return False
        self._socket.settimeout(left)
        try:
            more = self._socket.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            more = b""
        self.is_closed = not more
        self._unread += more
        return bool(more)

    def close(self) -> None:
        """Close the connection without a farewell."""
        self._socket.close()


class RawComponent(Raw):
    """A connection to the component port, in the gateway's place: to see what the server grants to whom. XEP-0114 §3

    Args:
        port: of the server.
        jid: address of the component.
        secret: which it shares with the server.
    """

    def __init__(self, port: int, jid: str, secret: str = SECRET) -> None:
        super().__init__(port)
        self._asked = 0
        self.send(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='{jid}'>")
        [identity] = re.findall(r"\bid=['\"]([^'\"]+)", self.expect(r"<stream:stream[^>]*>"))
        digest = hashlib.sha1((identity + secret).encode(), usedforsecurity=False).hexdigest()
        self.send(f"<handshake>{digest}</handshake>")
        self.expect(r"<handshake\s*/>|</handshake>")

    def await_privileges(self) -> None:
        """Wait for what the server announces; ejabberd grants in a process of its own, a moment after the handshake. XEP-0356 §4.2"""
        self.expect(r"<privilege\b.*?</privilege>")

    def leave(self) -> None:
        """End the stream, and wait until the server has closed the connection: by then it has forgotten the component.

        ejabberd takes privileges back by address when a connection is gone. Noticed late, that would be those of the next connection.
        """
        self.send("</stream:stream>")
        self.read()
        self.close()

    def ask(self, sender: str, iq: str, payload: str) -> str:
        """Send an iq from an address and return its reply.

        Args:
            sender: the address.
            iq: attributes ``type`` and ``to``, as ``type='get' to='example.org'``.
            payload: its one child.
        """
        self._asked += 1
        identity = f"asked-{self._asked}"
        self.send(f"<iq id='{identity}' from='{sender}' {iq}>{payload}</iq>")
        return self.expect(rf"<iq\b[^>]*\bid=['\"]{identity}['\"][^>]*(?:/>|(?<!/)>.*?</iq>)")


@contextmanager
def raw_component(server: XmppServer, jid: str = COMPONENT, secret: str = SECRET) -> Iterator[RawComponent]:
    """Connect as the component of a server for the time being."""
    component = RawComponent(server.component, jid, secret)
    try:
        yield component
    finally:
        component.leave()


@contextmanager
def raw_client(
    server: XmppServer, user: str = "alice", resource: str = "raw", declares: str = "", password: str | None = None
) -> Iterator[Raw]:
    """Log a user in.

    Args:
        server: where.
        user: local part.
        resource: of his session, as it is to stand in the XML.
        declares: namespace declarations for the stream header.
        password: his; that of ``USERS`` when ``None``.
    """
    raw = Raw(server.c2s)
    try:
        header = f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' {declares} version='1.0' to='{DOMAIN}'>"
        raw.send(header)
        raw.read(b"</stream:features>")
        login = base64.b64encode(f"\0{user}\0{password or USERS[user]}".encode()).decode()
        raw.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{login}</auth>")
        assert b"<success" in raw.read(b"<success", b"<failure")
        raw.send(header)
        raw.read(b"</stream:features>")
        raw.send(f"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>")
        assert b"<jid>" in raw.read(b"</iq>")
        raw.send(f"<presence/><iq type='get' to='{DOMAIN}' id='online.'><ping xmlns='urn:xmpp:ping'/></iq>")
        raw.read(b"online.")  # behind what was kept for him while he was offline
        yield raw
    finally:
        raw.close()
