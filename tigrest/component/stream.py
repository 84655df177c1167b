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
from typing import NamedTuple, cast
from xml.parsers import expat

from tigrest.component.window import Window
from tigrest.errors import TigrestError
from tigrest.safexml import end_of_element, escape_attribute, parse, split_name
from tigrest.stanza import KINDS, Stanza, declarations

NAMESPACE = "jabber:component:accept"
STREAMS = "http://etherx.jabber.org/streams"

BATCH = 8
"""Stanzas written together: the server works on the first ones while the next are being made."""

WRITE_BUFFER = 65536
"""Bytes waiting in this process at which sending pauses."""

SEND_BUFFER = 65536
"""Bytes that the operating system takes for the server: what waits there waits behind everything else."""

MAX_STANZA = 16 * 1024 * 1024
"""Largest incoming stanza in bytes; a server that sends more is cut off."""


@dataclass(eq=False)
class StreamEnded(TigrestError):
    """The stream has ended.

    Args:
        reason: why, for people.
        condition: of the stream error that the server sent; empty when it sent none.
    """

    reason: str
    condition: str = ""

    def __str__(self) -> str:
        return self.reason


class ComponentStream(asyncio.Protocol):
    """One connection to a server, from its handshake to its end.

    Args:
        jid: our address, as the server knows it.
        secret: shared with the server.
        on_stanza: called with every stanza that comes in.
        window: told when the operating system takes no more, and when the end has come.
    """

    def __init__(self, jid: str, secret: str, on_stanza: Callable[[Stanza], None], window: Window) -> None:
        self._jid, self._secret, self._on_stanza, self.window = jid, secret, on_stanza, window
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when the server has accepted us; fails with :class:`StreamEnded` when it does not."""
        self.ended: asyncio.Future[StreamEnded] = loop.create_future()
        """Done when the stream has ended, with the reason."""
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []
        self._ending: StreamEnded | None = None
        self._slicer = _Slicer(self._opened, self._received)

    # connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open our side of the stream."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        to = escape_attribute(self._jid)
        header = f"<?xml version='1.0'?><stream:stream xmlns='{NAMESPACE}' xmlns:stream='{STREAMS}' to='{to}'>"
        transport.write(header.encode())

    def data_received(self, data: bytes) -> None:
        """Take in what the server sends."""
        if self._ending is not None:
            return
        try:
            self._slicer.feed(data)
        except StreamEnded as error:
            self._end(error)
        except expat.ExpatError as error:
            self._end(StreamEnded(f"the server sent XML that is not well-formed: {expat.ErrorString(error.code)}"))

    def eof_received(self) -> None:
        """The server says nothing more."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        ending = self._ending or StreamEnded(f"the connection was lost: {exc}" if exc else "the server closed the connection")
        self._ending = ending
        self._transport = None
        self.window.open()
        if not self.ready.done():
            self.ready.set_exception(ending)
            self.ready.exception()
        if not self.ended.done():
            self.ended.set_result(ending)

    def pause_writing(self) -> None:
        """The server does not keep up."""
        self.window.pause()

    def resume_writing(self) -> None:
        """The server keeps up again."""
        self.window.resume()

    # stanzas

    @property
    def is_open(self) -> bool:
        """Whether stanzas can be sent."""
        return self._transport is not None and self._ending is None and self.ready.done()

    def write(self, data: bytes) -> None:
        """Send a stanza, whole; up to :data:`BATCH` of one turn of the event loop go out together.

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
        elif len(outgoing) == BATCH:
            self._flush()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and outgoing:
            self._transport.write(b"".join(outgoing))

    def keep_alive(self) -> None:
        """Send a space, so that middle boxes do not forget the connection."""
        if self.is_open and self._transport is not None:
            self._transport.write(b" ")

    def close(self) -> None:
        """Close in good order: what was written is still sent."""
        self._flush()
        if self._transport is not None and self._ending is None:
            self._ending = StreamEnded("closed by us")
            self._transport.write(b"</stream:stream>")
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._ending = self._ending or StreamEnded(reason)
            self._transport.abort()

    def _end(self, reason: StreamEnded) -> None:
        self._ending = reason
        if self._transport is not None:
            self._transport.write(b"</stream:stream>")
            self._transport.close()

    def _opened(self, attributes: dict[str, str]) -> None:
        """The server has opened its side: shake hands. XEP-0114 §3"""
        assert self._transport is not None
        digest = hashlib.sha1((attributes.get("id", "") + self._secret).encode(), usedforsecurity=False).hexdigest()
        self._transport.write(f"<handshake>{digest}</handshake>".encode())

    def _received(self, child: Child) -> None:
        if child.namespace == STREAMS and child.name == "error":
            raise _stream_error(child)
        if not self.ready.done():
            if child.name == "handshake":
                self.ready.set_result(None)
        elif child.name in KINDS:
            self._on_stanza(Stanza.cut(child.name, child.attributes, child.declared, child.data))


def _stream_error(child: Child) -> StreamEnded:
    """Read a stream error. RFC 6120 §4.9"""
    error = parse(f'<x xmlns="{NAMESPACE}"{declarations(child.declared)}>'.encode() + child.data + b"</x>")[0]
    names = [split_name(child.tag)[1] for child in error]
    condition = next((name for name in names if name != "text"), "undefined-condition")
    text = next(((child.text or "").strip() for child in error if split_name(child.tag)[1] == "text"), "")
    return StreamEnded(f"the server ended the stream: {condition}{f' ({text})' if text else ''}", condition)


class Child(NamedTuple):
    """A child of the stream.

    Args:
        namespace, name: of its root.
        attributes: of its root, with names as expat gives them.
        declared: the prefixes it needs, and their namespaces.
        data: its bytes.
    """

    namespace: str
    name: str
    attributes: dict[str, str]
    declared: dict[str, str]
    data: bytes


class _Slicer:
    """Cuts the children of a stream out of its bytes.

    Args:
        opened: called with the attributes of the stream header.
        received: called with each child.
    """

    def __init__(self, opened: Callable[[dict[str, str]], None], received: Callable[[Child], None]) -> None:
        self._opened, self._received = opened, received
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.namespace_prefixes = True
        if hasattr(self._parser, "SetReparseDeferralEnabled"):  # else the end of a stanza may wait for the next one
            self._parser.SetReparseDeferralEnabled(False)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._stop
        self._parser.StartNamespaceDeclHandler = self._declare
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._depth = 0
        self._buffer = b""
        self._base = 0
        self._begin = -1
        self._end = 0
        self._child: tuple[str, dict[str, str]] = ("", {})
        self._declared: dict[str, str] = {}
        self._of_stream: dict[str, tuple[str, bytes]] = {}
        """Prefixes that the stream declares, with their namespaces, and how they look where they are used."""

    def feed(self, data: bytes) -> None:
        """Take in bytes.

        Raises:
            StreamEnded: the stream is over, or the server may not send this.
            xml.parsers.expat.ExpatError: they are not well-formed.
        """
        self._buffer += data
        self._parser.Parse(data, False)
        keep = self._begin if self._begin >= 0 else self._end
        self._buffer = self._buffer[keep - self._base :]
        if self._buffer.isspace():  # keep-alives
            keep += len(self._buffer)
            self._buffer = b""
        self._base = self._end = keep
        if len(self._buffer) > MAX_STANZA:
            raise StreamEnded(f"the server sent a stanza of more than {MAX_STANZA} bytes")

    def _declare(self, prefix: str | None, uri: str) -> None:
        if prefix is None:
            return
        if self._depth == 0:
            self._of_stream[prefix] = uri, f"{prefix}:".encode()
        elif self._depth == 1:
            self._declared[prefix] = uri

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self._opened(attributes)
        elif self._depth == 2:
            self._begin = self._parser.CurrentByteIndex
            self._child = (name, attributes)

    def _stop(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            raise StreamEnded("the server closed the stream")
        if self._depth != 1:
            return
        begin = self._begin - self._base
        end = end_of_element(self._buffer, begin, self._parser.CurrentByteIndex - self._base)
        data = self._buffer[begin:end]
        (full, attributes), declared = self._child, self._declared
        self._begin, self._end, self._declared = -1, self._base + end, {}
        namespace, _, kind = full.partition(" ")
        for prefix, (uri, used) in self._of_stream.items():
            if used in data:
                declared.setdefault(prefix, uri)
        self._received(Child(namespace, kind.partition(" ")[0], attributes, declared, data))

    def _refuse(self, *_: object) -> None:
        raise StreamEnded("the server sent a document type declaration")
