"""The stream between a component and its server: bytes in, stanzas out, and the other way round.

Incoming stanzas are sliced out of the bytes as they came; no tree is built here. Outgoing ones are joined and written once per
turn of the event loop.

XEP-0114, RFC 6120 §4
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from xml.parsers import expat

from tigrest.backends.component.slicer import StreamChild, StreamEnded, StreamSlicer
from tigrest.backends.component.troubles import stranger
from tigrest.backends.component.window import Window
from tigrest.errors import MalformedContent, StanzaError
from tigrest.xmpp.kinds import STANZA_KINDS
from tigrest.xmpp.namespaces import CLIENT, COMPONENT, SERVER, STREAMS
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import escape_attribute, parse, split_name

QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Socket option of Linux by which the next segment is acknowledged at once: it has to be set again after each one. tcp(7)

Prosody leaves Nagle's algorithm on, so that each batch of its replies waited for the kernel's delayed acknowledgement of the one before:
40 ms.
"""


@dataclass(frozen=True, kw_only=True)
class StreamLimits:
    """Limits of the stream, in bytes but for ``batch``.

    Args:
        batch: most stanzas written together. Few, so that the server works on the first ones while the next are being made.
        write_buffer: waiting in this process from which on sending pauses.
        send_buffer: socket buffer (``SO_SNDBUF``). What waits there cannot be overtaken by a ping, so it is small.
        stanza: largest incoming stanza; the connection to a server that sends more is closed.
        unchecked: largest incoming stanza whose number of elements is not checked.
        turn: most that is parsed in one turn of the event loop; others have theirs meanwhile.
        parser: after which the parser is replaced: expat never frees the names it has seen, about 15 bytes for each byte of them.
    """

    batch: int = 8
    write_buffer: int = 65536
    send_buffer: int = 65536
    stanza: int = 16 * 1024 * 1024
    unchecked: int = 64 * 1024
    turn: int = 32 * 1024
    parser: int = 256 * 1024


class ComponentStream(asyncio.Protocol):
    """One connection to a server, from its handshake to its end.

    Args:
        jid: our address, as the server knows it.
        secret: shared with the server.
        on_stanza: called with every stanza that comes in.
        window: paused while the socket is not writable, opened when the stream has ended.
        limits: of sizes.
    """

    def __init__(
        self, jid: str, secret: str, on_stanza: Callable[[Stanza], None], window: Window, limits: StreamLimits | None = None
    ) -> None:
        self._jid, self._secret, self._on_stanza, self.window = jid, secret, on_stanza, window
        self._limits = limits = limits or StreamLimits()
        self._batch = limits.batch
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when the server has accepted us; fails with :class:`StreamEnded` when it does not."""
        self.ended: asyncio.Future[StreamEnded] = loop.create_future()
        """Done when the stream has ended, with the reason."""
        self.is_open = False
        """True while stanzas can be sent: after the handshake, until the stream ends or is being ended."""
        self.is_greeted = False
        """True once the server has opened its side of the stream."""
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._outgoing: list[bytes] = []
        self._unread = b""
        self._ending: StreamEnded | None = None
        self._slicer = StreamSlicer(self._opened, self._received, max_stanza=limits.stanza, parser_bytes=limits.parser)

    # connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open our side of the stream."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        transport.set_write_buffer_limits(high=self._limits.write_buffer)
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.send_buffer)
            self._socket = sock
        to = escape_attribute(self._jid)
        header = f"<?xml version='1.0'?><stream:stream xmlns='{COMPONENT}' xmlns:stream='{STREAMS}' to='{to}'>"
        transport.write(header.encode())

    def data_received(self, data: bytes) -> None:
        """Parse what the server sends."""
        if self._ending is not None:
            return
        if QUICK_ACK is not None and self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        if self._unread:
            self._unread += data  # its turn comes after that
            return
        if len(data) <= self._limits.turn:
            self._feed(data)
            return
        assert self._transport is not None
        self._transport.pause_reading()  # else libuv reads 32 times as much before anybody else has a turn
        self._unread = data
        self._read_on()

    def _read_on(self) -> None:
        """Parse the next part of what has come, and read on when that was the last one."""
        part, self._unread = self._unread[: self._limits.turn], self._unread[self._limits.turn :]
        self._feed(part)
        if self._unread:
            self._loop.call_soon(self._read_on)
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _feed(self, data: bytes) -> None:
        if self._ending is not None:
            return
        try:
            self._slicer.feed(data)
        except StreamEnded as error:
            self._end(error)
        except expat.ExpatError as error:
            self._end(self._malformed(error, data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end of the stream to all who wait for it."""
        self._transport = None
        unread, self._unread = self._unread, b""
        if unread and self.ready.done():
            self._feed(unread)
        ending = self._ending or self._closed(exc)
        self._finish(ending)
        self.window.open()
        if not self.ready.done():
            self.ready.set_exception(ending)
            self.ready.exception()
        if not self.ended.done():
            self.ended.set_result(ending)

    def pause_writing(self) -> None:
        """Stop granting permits: the server does not keep up."""
        self.window.pause()

    def resume_writing(self) -> None:
        """Grant permits again."""
        self.window.resume()

    # stanzas

    @property
    def ending(self) -> str:
        """Return why the stream has ended or is ending, for people; empty while it is not."""
        return str(self._ending or "")

    def write(self, data: bytes) -> None:
        """Send a stanza, whole; up to ``limits.batch`` of one turn of the event loop are written together.

        Args:
            data: the stanza, in the namespace of the stream.

        Raises:
            StreamEnded: the stream is not open.
        """
        if not self.is_open:
            raise self._ending or StreamEnded("the stream is not open")
        outgoing = self._outgoing
        outgoing.append(data)
        if len(outgoing) == 1:
            self._loop.call_soon(self._flush)
        elif len(outgoing) == self._batch:
            self._flush()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and outgoing:
            self._transport.write(b"".join(outgoing))

    def close(self) -> None:
        """Close the stream and the connection, after everything that was written. RFC 6120 §4.4"""
        self._flush()
        if self._transport is not None and self._ending is None:
            self._finish(StreamEnded("closed by us"))
            self._transport.write(b"</stream:stream>")
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close the connection at once.

        Args:
            reason: why, for people.
        """
        if self._transport is not None:
            self._finish(self._ending or StreamEnded(reason))
            self._transport.abort()

    def _finish(self, reason: StreamEnded) -> None:
        """Note why the stream ends: nothing can be sent from now on."""
        self._ending, self.is_open = reason, False

    def _end(self, reason: StreamEnded) -> None:
        self._finish(reason)
        if self._transport is not None:
            self._transport.write(b"</stream:stream>")
            self._transport.close()

    def _closed(self, exc: Exception | None) -> StreamEnded:
        """Return the end of a connection that the server has closed without a stream error."""
        if not self.ready.done():
            return StreamEnded("the server closed the connection without a word")
        return StreamEnded(f"the connection was lost: {exc}" if exc else "the server closed the connection")

    def _malformed(self, error: expat.ExpatError, data: bytes) -> StreamEnded:
        """Return the end of a stream that is not well-formed; before its header came, this may be no XMPP at all."""
        if not self.is_greeted:
            return StreamEnded(stranger(data) or "what answers there does not speak XMPP", is_elsewhere=True)
        return StreamEnded(f"the server sent XML that is not well-formed: {expat.ErrorString(error.code)}")

    def _opened(self, attributes: dict[str, str]) -> None:
        """Send the handshake, as the server has opened its side of the stream. XEP-0114 §3

        Raises:
            StreamEnded: the port is one for clients or servers, or no stream was opened. RFC 6120 §4.8.2
        """
        assert self._transport is not None
        if attributes.get("xmlns") in (CLIENT, SERVER):
            who = "clients" if attributes["xmlns"] == CLIENT else "servers"
            raise StreamEnded(f"this is the server's port for {who}, not the one for components", is_elsewhere=True)
        if not attributes:  # as of ``<html>``; a stream declares namespaces at least
            raise StreamEnded("what answers there does not speak XMPP", is_elsewhere=True)
        self.is_greeted = True
        digest = hashlib.sha1((attributes.get("id", "") + self._secret).encode(), usedforsecurity=False).hexdigest()
        self._transport.write(f"<handshake>{digest}</handshake>".encode())

    def _received(self, child: StreamChild) -> None:
        if child.namespace == STREAMS and child.name == "error":
            raise _stream_error(child)
        if not self.ready.done():
            if child.name == "handshake":
                self.ready.set_result(None)
                self.is_open = True
        elif child.name in STANZA_KINDS:
            if child.is_odd or len(child.data) > self._limits.unchecked:
                self._receive_odd(child)
            else:
                self._on_stanza(Stanza.cut(child.name, child.attributes, "", child.data))

    def _receive_odd(self, child: StreamChild) -> None:
        """Check a stanza with a parser that knows namespaces; pass on one that cannot be used empty, with its flaw.

        A reply to a request becomes an error reply, so that the request does not wait for its timeout.
        """
        try:
            stanza = Stanza.received(child.whole())
        except MalformedContent as error:
            stanza = Stanza.flawed(child.name, child.attributes, str(error))
            if stanza.kind == "iq" and not stanza.awaits_reply:
                refusal = StanzaError("undefined-condition", text=f"the reply cannot be used: {error}")
                addresses = {"to": stanza.attributes.get("to"), "sender": stanza.attributes.get("from")}
                stanza = stanza.error_reply(refusal).with_(**addresses)
        self._on_stanza(stanza)


def _stream_error(child: StreamChild) -> StreamEnded:
    """Read a stream error. RFC 6120 §4.9"""
    try:
        error = parse(f'<x xmlns="{COMPONENT}">'.encode() + child.whole() + b"</x>")[0]
    except MalformedContent as trouble:
        return StreamEnded(f"the server ended the stream, and why cannot be read: {trouble}")
    names = [split_name(child.tag)[1] for child in error]
    condition = next((name for name in names if name != "text"), "undefined-condition")
    text = next(((child.text or "").strip() for child in error if split_name(child.tag)[1] == "text"), "")
    return StreamEnded(f"the server ended the stream: {condition}{f' ({text})' if text else ''}", condition)
