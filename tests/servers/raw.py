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
        self.is_closed = False
        """Whether the server has closed it."""

    def send(self, data: bytes | str) -> None:
        """Send bytes; they are lost when the server has closed the connection."""
        try:
            self._socket.sendall(data if isinstance(data, bytes) else data.encode())
        except OSError:
            self.is_closed = True

    def read(self, *marks: bytes, seconds: float = 10.0) -> bytes:
        """Read until one of some texts has come, the server closes, or time is up; give all there is."""
        data, end = b"", time.monotonic() + seconds
        while not self.is_closed and not any(mark in data for mark in marks) and (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                more = self._socket.recv(65536)
            except TimeoutError:
                break
            except OSError:
                more = b""
            self.is_closed = not more
            data += more
        return data

    def close(self) -> None:
        """Close the connection without a farewell."""
        self._socket.close()


@contextmanager
def raw_component(server: XmppServer) -> Iterator[Raw]:
    """Connect as the component, in the gateway's place. XEP-0114 §3"""
    raw = Raw(server.component)
    try:
        raw.send(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='{COMPONENT}'>")
        header = raw.read(b"to=", b"from=") + raw.read(b">", seconds=0.1)
        identity = re.search(rb"\bid=['\"]([^'\"]+)", header)
        assert identity is not None, header
        digest = hashlib.sha1(identity[1] + SECRET.encode(), usedforsecurity=False).hexdigest()
        raw.send(f"<handshake>{digest}</handshake>")
        assert b"<handshake" in raw.read(b"handshake")
        yield raw
    finally:
        raw.close()


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
