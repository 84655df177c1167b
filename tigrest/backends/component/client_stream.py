"""The XML stream of a client, up to its login: bounded in size, parsed incrementally. RFC 6120 §4"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from xml.etree import ElementTree as ET
from xml.parsers import expat

from tigrest.errors import DomainNotServed, NotConnected
from tigrest.hosts import is_loopback
from tigrest.xmpp.namespaces import CLIENT, STREAM_ERRORS, STREAMS
from tigrest.xmpp.xml import escape_attribute

EXPLANATION_LENGTH = 300
"""Most characters that are shown of a server's own explanation."""


@dataclass(frozen=True, kw_only=True)
class ClientStreamLimits:
    """Limits of a stream.

    Args:
        size: most bytes that a server may send on a connection.
        depth: deepest nesting of elements.
        close_seconds: time for the server to close its side.
    """

    size: int = 65_536
    depth: int = 16
    close_seconds: float = 0.25


class NotXMPP(Exception):
    """The server sends something that is not an XMPP stream."""


class Parser:
    """Cuts a stream into its elements.

    Args:
        found: called with every element inside the stream.
        ended: called when the stream ends.
        max_depth: deepest nesting of elements that is allowed.
    """

    def __init__(self, found: Callable[[ET.Element], None], ended: Callable[[], None], max_depth: int) -> None:
        self._found = found
        self._ended = ended
        self._max_depth = max_depth
        self._depth = 0
        self._tree = ET.TreeBuilder()
        self._expat = expat.ParserCreate("utf-8", "}")
        self._expat.buffer_text = True
        if hasattr(self._expat, "SetReparseDeferralEnabled"):
            self._expat.SetReparseDeferralEnabled(False)  # else expat 2.6 may delay an element that came in two pieces
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.StartDoctypeDeclHandler = self._refuse
        self._expat.ProcessingInstructionHandler = self._refuse
        self._expat.CommentHandler = self._refuse

    def feed(self, data: bytes) -> None:
        """Parse further bytes.

        Raises:
            NotXMPP: not well-formed, forbidden in XMPP, or another kind of document.

        RFC 6120 §11.1
        """
        try:
            self._expat.Parse(data, False)
        except expat.ExpatError:
            raise NotXMPP from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if (self._depth == 1 and name != f"{STREAMS}}}stream") or self._depth > self._max_depth:
            raise NotXMPP
        if self._depth > 1:
            self._tree.start(_clark(name), {_clark(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._ended()
            return
        self._tree.end(_clark(name))
        if self._depth == 1:
            self._found(self._tree.close())
            self._tree = ET.TreeBuilder()

    def _text(self, text: str) -> None:
        if self._depth > 1:
            self._tree.data(text)

    def _refuse(self, *_: Any) -> None:
        raise NotXMPP


def _clark(name: str) -> str:
    """Return ``{namespace}name``, as ElementTree writes it."""
    return f"{{{name}" if "}" in name else name


class ClientStream(asyncio.Protocol):
    """One connection to a c2s port.

    Args:
        name: host and port of the server, for messages.
        limits: of the stream.
    """

    def __init__(self, name: str, limits: ClientStreamLimits) -> None:
        self.name, self._limits = name, limits
        self.is_encrypted = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tcp: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._received = 0
        self._elements: deque[ET.Element] = deque()
        self._news = asyncio.Event()
        self._end = ""
        self._parser = self._new_parser()

    @classmethod
    async def connect(cls, host: str, port: int, limits: ClientStreamLimits) -> ClientStream:
        """Open a connection.

        Raises:
            NotConnected: the port cannot be reached.
        """
        name = f"{host}:{port}"
        try:
            _, stream = await asyncio.get_running_loop().create_connection(lambda: cls(name, limits), host, port)
        except (OSError, ValueError) as error:  # ValueError: the host cannot be a name in DNS
            raise NotConnected(f"the XMPP server cannot be reached on {name} ([xmpp] c2s_host, c2s_port): {_reason(error)}") from None
        return stream

    @property
    def is_private(self) -> bool:
        """Return whether nobody can eavesdrop: it is encrypted, or does not leave this host."""
        peer = self._tcp.get_extra_info("peername") if self._tcp else None
        return self.is_encrypted or (isinstance(peer, tuple) and is_loopback(peer[0]))

    async def open(self, domain: str) -> ET.Element:
        """Open the stream; again after TLS.

        Returns:
            ``<stream:features/>``.

        Raises:
            NotConnected: the server sends none.

        RFC 6120 §4.2, §4.3.2
        """
        self._parser = self._new_parser()
        self._elements.clear()  # received before TLS, so not authenticated
        self.send(
            f"<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}' version='1.0' to='{escape_attribute(domain)}'>"
        )
        features = await self.next()
        if features.tag != f"{{{STREAMS}}}features":
            raise self.broken(f"sends <{shown(features.tag)}> instead of its features: is it a c2s port?")
        return features

    async def next(self) -> ET.Element:
        """Wait for the next element of the stream.

        Raises:
            NotConnected: the server ended the stream.
        """
        while not self._elements:
            if self._end:
                raise self.broken(self._end)
            self._news.clear()
            await self._news.wait()
        element = self._elements.popleft()
        if element.tag == f"{{{STREAMS}}}error":
            broken = self.broken(f"closes the stream: {explained(element, STREAM_ERRORS)}")
            if condition(element, STREAM_ERRORS) == "host-unknown":
                cure = "correct [xmpp] domain, or let the server serve it (hosts of ejabberd, a VirtualHost of Prosody)"
                raise DomainNotServed(f"{broken}; {cure}")
            raise broken
        return element

    def send(self, text: str) -> None:
        """Send some XML; drop it when the connection is lost already."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text.encode())
            self._acknowledge_quickly()

    async def start_tls(self, context: ssl.SSLContext, domain: str) -> None:
        """Encrypt the connection.

        Args:
            context: trusted authorities.
            domain: which the certificate must be valid for.

        Raises:
            NotConnected: TLS failed, or the certificate is not valid for the domain.

        RFC 6120 §5.4.3
        """
        if self._tcp is None or self._tcp.is_closing():
            raise self.broken(self._end or "closes the connection")
        name = str(domain)  # uvloop wants an exact str where asyncio takes a subclass, as JID is one
        try:
            self._transport = await self._loop.start_tls(self._tcp, self, context, server_hostname=name)
        except BaseException as error:
            self._tcp.abort()
            self._lost.set()  # connection_lost is not called during a handshake
            if isinstance(error, ssl.SSLCertVerificationError):
                raise NotConnected(
                    f"the certificate of the XMPP server on {self.name} cannot be trusted for {domain}: {error.verify_message}; "
                    f"{_cure(error.verify_code, domain)}"
                ) from None
            if isinstance(error, OSError | ValueError):  # SSLError is an OSError
                raise self.broken(
                    f"cannot do TLS: {str(error) or type(error).__name__}; it needs a certificate for {domain}, and a key, that it can read"
                ) from None
            raise
        self.is_encrypted = True

    async def close(self) -> None:
        """Close the stream, and wait a moment for the server to close its side."""
        self.send("</stream:stream>")
        if self._transport is not None:
            self._transport.close()
        await self._wait_lost()

    async def abort(self) -> None:
        """Close the connection at once, if it is open still."""
        if self._tcp is not None:
            self._tcp.abort()
            await asyncio.sleep(0)  # the loop closes the socket in its next turn
            await self._wait_lost()

    async def _wait_lost(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.close_seconds):
                await self._lost.wait()

    def broken(self, what: str) -> NotConnected:
        """Return the error for a server that does not behave as expected."""
        return NotConnected(f"the XMPP server on {self.name} {what}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        self._transport = self._tcp = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self._finish("closes the connection before the login is decided")
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._received += len(data)
        if self._received > self._limits.size:
            self._break("sends too much before the login is decided")
            return
        try:
            self._parser.feed(data)
        except NotXMPP:
            self._break("does not speak XMPP: is it a c2s port?")

    def _acknowledge_quickly(self) -> None:
        """Switch delayed acknowledgements (40 ms) off for the next segment.

        Prosody with TLS answers in two segments, and Nagle's algorithm holds the second back until the first is acknowledged.

        RFC 896, tcp(7)
        """
        if self._tcp is not None and hasattr(socket, "TCP_QUICKACK"):
            with suppress(OSError):
                self._tcp.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _new_parser(self) -> Parser:
        return Parser(self._found, lambda: self._finish("closes the stream before the login is decided"), self._limits.depth)

    def _found(self, element: ET.Element) -> None:
        self._elements.append(element)
        self._news.set()

    def _finish(self, reason: str) -> None:
        self._end = self._end or reason
        self._news.set()

    def _break(self, reason: str) -> None:
        self._finish(reason)
        if self._tcp is not None:
            self._tcp.abort()


def _reason(error: OSError | ValueError) -> str:
    number = getattr(error, "errno", None) or 0  # of a name that is not found it is negative
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error) or type(error).__name__


def condition(element: ET.Element, namespace: str) -> str:
    """Return the defined condition of a stream error or a SASL failure, e.g. ``not-authorized``."""
    return next(
        (shown(child.tag) for child in element if child.tag.startswith(f"{{{namespace}}}") and not child.tag.endswith("}text")), "?"
    )


def explained(element: ET.Element, namespace: str) -> str:
    """Return the defined condition of a stream error or a SASL failure, and the server's own text where it gives one.

    ::

        <stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Too many failed authentications</text></stream:error>

    RFC 6120 §4.9.2, §6.5
    """
    text = " ".join(element.findtext(f"{{{namespace}}}text", "").split())[:EXPLANATION_LENGTH]
    return f"{condition(element, namespace)} ({text})" if text else condition(element, namespace)


def shown(tag: str) -> str:
    """Return the local name of an element, shortened for messages."""
    return tag.rpartition("}")[2][:40]


_EXPIRED, _SELF_SIGNED, _UNKNOWN_ISSUER = 10, (18, 19), (2, 20, 21)
"""Results of the verification of a certificate. openssl-verification-options(1), ``X509_V_ERR_…`` of OpenSSL"""


def _cure(code: int, domain: str) -> str:
    """Say how a certificate can be trusted."""
    if code == _EXPIRED:
        return "renew it there"
    named = f"its subjectAltName has to be DNS:{domain}"
    if code in _SELF_SIGNED:
        return f"name it, or its authority, in [xmpp] c2s_ca_file, and {named}"
    if code in _UNKNOWN_ISSUER:
        return f"serve the whole chain there, or name its authority in [xmpp] c2s_ca_file; {named}"
    return f"give the server one for {domain}: {named}"
