"""Slicing of the children of a stream out of its bytes, without building trees."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.parsers import expat

from tigrest.errors import TigrestError
from tigrest.xmpp.start_tags import write_declarations
from tigrest.xmpp.xml import MAX_DEPTH, end_of_element, is_namespace_name


@dataclass(eq=False)
class StreamEnded(TigrestError):
    """The stream has ended.

    Args:
        reason: why, for people.
        condition: of the stream error that the server sent; empty when it sent none.
        is_elsewhere: whether what answers is not the port for components at all.
    """

    reason: str
    condition: str = ""
    is_elsewhere: bool = False

    def __str__(self) -> str:
        return self.reason


@dataclass(slots=True)
class StreamChild:
    """A child of the stream.

    Args:
        namespace: of its root; ``None`` for that of the stream, or when its prefix is not declared.
        name: of its root, without prefix.
        attributes: of its root as written, namespace declarations included when it is odd.
        data: its bytes.
        is_odd: whether it needs a closer check, as it has a prefix, a namespace name that is not known to be valid, a comment, or
            many levels.
        declared: the prefixes that the stream declares, and their namespaces.
    """

    namespace: str | None
    name: str
    attributes: dict[str, str]
    data: bytes
    is_odd: bool
    declared: Mapping[str, str]

    def whole(self) -> bytes:
        """Return its bytes, with a declaration for each prefix that only the stream declares."""
        missing = {prefix: uri for prefix, uri in self.declared.items() if f"{prefix}:".encode() in self.data}
        own = {name.partition(":")[2] for name in self.attributes if name.startswith("xmlns:")}
        written = write_declarations({prefix: uri for prefix, uri in missing.items() if prefix not in own})
        name = _NAME.match(self.data)
        assert name is not None
        return name.group() + written.encode() + self.data[name.end() :]


_NAME = re.compile(rb"<[^\s/>]+")
"""Beginning of a start tag."""

_PLAIN = frozenset(("from", "to", "id", "type", "xml:lang", "node", "jid", "name", "var", "label", "stamp", "status", "code"))
"""Common attributes that cannot name a namespace."""


class StreamSlicer:
    """Cuts the children of a stream out of its bytes.

    The parser does not resolve namespaces: one that does stops at the first invalid name, which strangers could send to close the
    stream. Prosody and ejabberd relay ``<x xmlns="a b"/>``, ``<x xmlns="http://www.w3.org/XML/1998/namespace"/>``, and ejabberd
    undeclared prefixes. A child with such names is marked as odd, to be parsed separately.

    Args:
        opened: called with the attributes of the stream header.
        received: called with each child.
        max_stanza: largest child, in bytes.
        parser_bytes: bytes after which the parser is replaced: expat never frees the names it has seen.
    """

    def __init__(
        self, opened: Callable[[dict[str, str]], None], received: Callable[[StreamChild], None], *, max_stanza: int, parser_bytes: int
    ) -> None:
        self._opened, self._received = opened, received
        self._max_stanza, self._parser_bytes = max_stanza, parser_bytes
        self._root = ""
        self._declared: dict[str, str] = {}
        """Prefixes that the stream declares, with their namespaces."""
        self._buffer = b""
        self._base = self._depth = self._end = 0
        self._begin = -1
        self._child: tuple[str, dict[str, str]] = ("", {})
        self._is_odd = False
        self._replace_parser()

    def feed(self, data: bytes) -> None:
        """Parse bytes.

        Raises:
            StreamEnded: the stream is over, or the server sent what is not allowed.
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
        if keep > self._parser_bytes and self._root:
            self._replace_parser()
            self._parser.Parse(self._buffer, False)
        if len(self._buffer) > self._max_stanza:
            raise StreamEnded(f"the server sent a stanza of more than {self._max_stanza} bytes")

    def _replace_parser(self) -> None:
        """Begin with a new parser: inside the stream if that is open, at the beginning of the buffer."""
        parser = self._parser = expat.ParserCreate("utf-8")
        if hasattr(parser, "SetReparseDeferralEnabled"):  # else the end of a stanza may wait for the next one
            parser.SetReparseDeferralEnabled(False)
        header = f"<{self._root}>".encode() if self._root else b""
        parser.Parse(header, False)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._stop
        parser.StartDoctypeDeclHandler = self._refuse
        parser.CommentHandler = parser.ProcessingInstructionHandler = self._notice
        self._depth = 1 if self._root else 0
        self._base = self._end = len(header)
        self._begin = -1
        self._is_odd = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth = depth = self._depth + 1
        if depth == 2:
            self._begin = self._parser.CurrentByteIndex
            self._child = (name, attributes)
            self._is_odd = "xmlns" in attributes
        elif depth == 1:
            self._root = name
            self._declared = {key[6:]: value for key, value in attributes.items() if key.startswith("xmlns:")}
            self._opened(attributes)
            return
        elif depth > MAX_DEPTH:
            self._is_odd = True
        if ":" in name:
            self._is_odd = True
        if attributes and not _PLAIN.issuperset(attributes):
            for key in attributes:
                if key == "xmlns":
                    self._is_odd = self._is_odd or not is_namespace_name(attributes[key])
                elif ":" in key and key != "xml:lang":
                    self._is_odd = True

    def _stop(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            raise StreamEnded("the server closed the stream")
        if self._depth != 1:
            return
        begin = self._begin - self._base
        end = end_of_element(self._buffer, begin, self._parser.CurrentByteIndex - self._base)
        data = self._buffer[begin:end]
        name, attributes = self._child
        self._begin, self._end = -1, self._base + end
        prefix, _, local = name.rpartition(":")
        namespace = attributes.get(f"xmlns:{prefix}", self._declared.get(prefix)) if prefix else attributes.get("xmlns")
        self._received(StreamChild(namespace, local, attributes, data, self._is_odd, self._declared))

    def _notice(self, *_: object) -> None:
        self._is_odd = True

    def _refuse(self, *_: object) -> None:
        raise StreamEnded("the server sent a document type declaration")
