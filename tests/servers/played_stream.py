"""Streams of clients and components, as a played server sees them: trees in, trees out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import cast
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

CLIENT, ACCEPT, STREAMS = "jabber:client", "jabber:component:accept", "http://etherx.jabber.org/streams"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
XML = "{http://www.w3.org/XML/1998/namespace}"


class Connection:
    """A stream of a client or a component, as the server sees it.

    Args:
        reader, writer: the connection.
        namespace: default namespace of the stream; elements in it are passed on in :data:`CLIENT`.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, namespace: str) -> None:
        self._reader, self._writer, self._namespace = reader, writer, namespace
        self.jid = ""
        """Full address of a client, or the component; empty before the login."""
        self.is_available = False
        self.restart()

    def restart(self) -> None:
        """Expect a new stream. RFC 6120 §6.4.6"""
        self._parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start", "end"))
        self._depth = 0

    async def opened(self) -> dict[str, str]:
        """Wait for the stream header; return its attributes."""
        element = await self._next(wanted_depth=1, wanted_event="start")
        return dict(element.attrib) if element is not None else {}

    async def child(self) -> ET.Element | None:
        """Wait for a child of the stream; ``None`` at its end."""
        element = await self._next(wanted_depth=2, wanted_event="end")
        if element is not None:
            _rename(element, self._namespace, CLIENT)
        return element

    async def _next(self, wanted_depth: int, wanted_event: str) -> ET.Element | None:
        while True:
            try:
                for event, element in cast("Iterator[tuple[str, ET.Element]]", self._parser.read_events()):
                    depth = self._depth + (event == "start")
                    self._depth = depth - (event == "end")
                    if (event, depth) == (wanted_event, wanted_depth):
                        return element
                    if (event, depth) == ("end", 1):
                        return None
            except ET.ParseError:  # also the end of a stream that was to begin anew: a check of a password needs no more
                self.stream_error("not-well-formed")
                return None
            data = await self._reader.read(65536)
            if not data:
                return None
            self._parser.feed(data)

    def open(self, **attributes: str) -> None:
        """Send the stream header. RFC 6120 §4.7, XEP-0114 §3"""
        written = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
        self.write(f"<?xml version='1.0'?><stream:stream xmlns='{self._namespace}' xmlns:stream='{STREAMS}'{written}>")

    def write(self, text: str) -> None:
        """Send text as it is."""
        if not self._writer.is_closing():
            self._writer.write(text.encode())

    def send(self, element: ET.Element) -> None:
        """Send a stanza that is in :data:`CLIENT`."""
        self.write(written(element, self._namespace))

    def stream_error(self, condition: str) -> None:
        """Send a stream error, and close. RFC 6120 §4.9"""
        self.close(f"<stream:error><{condition} xmlns='{STREAM_ERRORS}'/></stream:error></stream:stream>")

    def close(self, last: str = "") -> None:
        """Close the connection, after a last word."""
        self.write(last)
        self._writer.close()

    async def closed(self) -> None:
        """Close, and wait until everything is written or the other side has gone."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def written(element: ET.Element, namespace: str) -> str:
    """Write an element for a stream of a default namespace; what is in :data:`CLIENT` goes out in that of the stream."""
    return _written(element, CLIENT, namespace)


def _written(element: ET.Element, outer: str, stream: str) -> str:
    own, _, name = element.tag.rpartition("}")
    own = own.removeprefix("{")
    declared = "" if own == outer else f" xmlns={quoteattr(stream if own == CLIENT else own)}"
    for number, (key, value) in enumerate(element.items()):
        uri, _, local = key.rpartition("}")
        if key.startswith(XML):
            declared += f" xml:{local}={quoteattr(value)}"
        elif uri:
            declared += f" xmlns:a{number}={quoteattr(uri[1:])} a{number}:{local}={quoteattr(value)}"
        else:
            declared += f" {local}={quoteattr(value)}"
    inside = escape(element.text or "") + "".join(_written(child, own, stream) + escape(child.tail or "") for child in element)
    return f"<{name}{declared}>{inside}</{name}>" if inside else f"<{name}{declared}/>"


def _rename(element: ET.Element, old: str, new: str) -> None:
    for each in element.iter():
        if each.tag.startswith(f"{{{old}}}"):
            each.tag = f"{{{new}}}{each.tag.rpartition('}')[2]}"
