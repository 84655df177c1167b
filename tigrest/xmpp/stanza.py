"""XMPP stanzas as checked bytes.

A :class:`Stanza` is checked once, in one pass of expat, when it is made. Attributes of its root are then changed by writing a new start
tag in front of the untouched bytes; an element tree is built only on demand.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidStanza, MalformedContent, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import REQUESTS, STANZA_ATTRIBUTES
from tigrest.xmpp.namespaces import CLIENT
from tigrest.xmpp.occupant import Occupant
from tigrest.xmpp.stanza_errors import error_element, read_error
from tigrest.xmpp.stanza_roots import read_root
from tigrest.xmpp.start_tags import with_prepared_addresses, write_attributes
from tigrest.xmpp.xml import MAX_NODES, START_TAG, check_document, serialize, split_name

MAX_RECEIVED_NODES = 100_000
"""Limit of elements and attributes in an incoming stanza: twice that for callers, since servers send long lists."""

_CHILDREN_START = f'<x xmlns="{CLIENT}">'.encode()
"""Start tag of the element around the children of a stanza, to check them as one document."""


class Stanza:
    """One ``message``, ``presence`` or ``iq`` that has passed :func:`~tigrest.xmpp.xml.check_document`.

    Made by :meth:`parse`, :meth:`of` or :func:`make_stanza`. Immutable: :meth:`with_` returns a changed copy.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        attributes: attributes of the root, without namespace declarations.
        prefixes: declarations of the namespace prefixes used inside, as written by :func:`~tigrest.xmpp.start_tags.write_declarations`.
        rest: bytes of the stanza after the attributes of its start tag.
    """

    flaw = ""
    """Error message for the sender when the payload was dropped because its XML cannot be used; empty for a complete stanza."""

    occupant: Occupant | None = None
    """The occupant of a room that sent it, where it came in for an occupant of ours."""

    is_duplicate = False
    """True for a message of a room that has come in for another occupant of ours as well, who counts."""

    is_entitled = False
    """True when the rights that the server grants to the gateway may be used for it; set by :meth:`entitled`, and lost by every copy."""

    def __init__(self, kind: str, attributes: dict[str, str], prefixes: str, rest: bytes) -> None:
        self.kind = kind
        """``message``, ``presence`` or ``iq``."""
        self.attributes = attributes
        """Attributes of the root by their names, e.g. ``from``, ``to``, ``id``, ``type``, ``xml:lang``."""
        self._prefixes = prefixes
        self._rest = rest

    @classmethod
    def parse(cls, text: bytes | str) -> Stanza:
        """Parse a stanza that a caller wants sent.

        Args:
            text: the stanza in UTF-8, in the default namespace ``jabber:client`` or none.

        Raises:
            InvalidStanza: it is not exactly one well-formed stanza, contains a document type, entity, processing
                instruction or comment, is nested too deeply, has too many elements or a namespace that is no URI reference,
                or is an iq of type get or set without exactly one child (RFC 6120 §8.2.3).
        """
        stanza, children = cls._read(text, MAX_NODES)
        if stanza.awaits_reply and children != 1:
            raise InvalidStanza(f"an iq of type {stanza.type} has exactly one child, this one has {children}")
        return stanza

    @classmethod
    def received(cls, text: bytes | str) -> Stanza:
        """Parse an incoming stanza: one that needs the full check, or that was stored.

        Args:
            text: the stanza; every prefix that it uses is declared in it.

        Raises:
            InvalidStanza: as for :meth:`parse`, but an iq may have any number of children, so that it can be answered with an error.
        """
        return cls._read(text, MAX_RECEIVED_NODES)[0]

    @classmethod
    def _read(cls, text: bytes | str, max_nodes: int) -> tuple[Stanza, int]:
        """Parse a stanza.

        Returns:
            The stanza, and the number of its children.
        """
        kind, attributes, prefixes, data, children = read_root(text, max_nodes)
        return cls.cut(kind, attributes, prefixes, data), children

    @classmethod
    def cut(cls, kind: str, attributes: dict[str, str], prefixes: str, data: bytes) -> Stanza:
        """Make a stanza of bytes that expat has accepted.

        Args:
            kind: ``message``, ``presence`` or ``iq``.
            attributes: attributes of its root, without namespace declarations.
            prefixes: declarations of the namespace prefixes used inside, as written by :func:`~tigrest.xmpp.start_tags.write_declarations`.
            data: its bytes, from the first ``<`` to the last ``>``.
        """
        tag = START_TAG.match(data)
        assert tag is not None
        end = tag.end()
        return cls(kind, attributes, prefixes, b"/>" if data.startswith(b"/>", end - 2) else data[end - 1 :])

    @classmethod
    def flawed(cls, kind: str, attributes: Mapping[str, str], flaw: str) -> Stanza:
        """Make a stanza without payload in place of one that cannot be used.

        Args:
            kind: ``message``, ``presence`` or ``iq``.
            attributes: attributes of its root; only ``from``, ``to``, ``id`` and ``type`` are kept.
            flaw: error message for its sender.
        """
        stanza = cls(kind, {name: attributes[name] for name in ("from", "to", "id", "type") if name in attributes}, "", b"/>")
        stanza.flaw = flaw
        return stanza

    @classmethod
    def of(cls, value: Any) -> Stanza:
        """Make a stanza of any object that scripts use for one.

        Args:
            value: a Stanza, text, bytes, an ElementTree element or a slixmpp stanza.

        Raises:
            InvalidStanza: see :meth:`parse`.
        """
        if isinstance(value, Stanza):
            return value
        if isinstance(value, str | bytes | bytearray | memoryview):
            return cls.parse(value if isinstance(value, str) else bytes(value))
        element = value if isinstance(value, ET.Element) else getattr(value, "xml", None)
        if not isinstance(element, ET.Element):
            raise InvalidStanza(f"{type(value).__name__} is not a stanza: give text, bytes, an Element or a slixmpp stanza")
        try:
            return cls.parse(serialize(element))
        except InvalidStanza:
            raise
        except MalformedContent as error:
            raise InvalidStanza(str(error)) from None

    @property
    def type(self) -> str:
        """Return the attribute ``type``; empty when there is none."""
        return self.attributes.get("type", "")

    @property
    def id(self) -> str:
        """Return the attribute ``id``; empty when there is none."""
        return self.attributes.get("id", "")

    @property
    def to(self) -> JID | None:
        """Return the address in the attribute ``to``; ``None`` when there is none.

        Raises:
            InvalidStanza: the attribute is not an XMPP address.
        """
        value = self.attributes.get("to")
        return value if value is None or type(value) is JID else self._prepared("to", value)

    @property
    def sender(self) -> JID | None:
        """Return the address in the attribute ``from``; ``None`` when there is none.

        Raises:
            InvalidStanza: the attribute is not an XMPP address.
        """
        value = self.attributes.get("from")
        return value if value is None or type(value) is JID else self._prepared("from", value)

    def _prepared(self, attribute: str, value: str) -> JID:
        try:
            return JID(value)
        except ValueError as error:
            raise InvalidStanza(f"attribute {attribute!r}: {error}") from None

    @property
    def awaits_reply(self) -> bool:
        """Return whether the stanza is an iq of type get or set. RFC 6120 §8.2.3"""
        return self.kind == "iq" and self.type in REQUESTS

    @property
    def is_empty(self) -> bool:
        """Return whether the stanza has neither children nor text, without building a tree."""
        return self._rest == b"/>" or self._rest.startswith(b"></")

    def with_(self, **attributes: str | None) -> Stanza:
        """Return a copy with other attributes of the root.

        Args:
            attributes: new values by name; ``None`` removes an attribute. Write ``sender`` for ``from``.
        """
        changed = dict(self.attributes)
        for name, value in attributes.items():
            name = "from" if name == "sender" else name
            if value is None:
                changed.pop(name, None)
            else:
                changed[name] = value
        return Stanza(self.kind, changed, self._prefixes, self._rest)

    def addressed(self, sender: JID, to: JID, id: str, *, is_entitled: bool = False) -> Stanza:
        """Return a copy with these addresses and this id; faster than :meth:`with_`.

        Args:
            sender: its new ``from``.
            to: its new ``to``.
            id: its new id.
            is_entitled: whether the gateway's rights may be used for it; see :meth:`entitled`.
        """
        copy = Stanza(self.kind, {**self.attributes, "from": sender, "to": to, "id": id}, self._prefixes, self._rest)
        if is_entitled:
            copy.is_entitled = True
        return copy

    def extended(self, *children: ET.Element) -> Stanza:
        """Return a copy with further children behind those that it has.

        Args:
            children: elements whose XML is known to be valid.
        """
        return self.extended_by("".join([serialize(child, CLIENT) for child in children]))

    def extended_by(self, xml: str) -> Stanza:
        """Return a copy with further children, written as XML, which is known to be valid."""
        added = xml.encode()
        end = f"</{self.kind}>".encode()
        if self._rest == b"/>":
            return Stanza(self.kind, self.attributes, self._prefixes, b">" + added + end)
        start = self._rest.rindex(b"</")
        return Stanza(self.kind, self.attributes, self._prefixes, self._rest[:start] + added + self._rest[start:])

    def heard_from(self, occupant: Occupant | None, *, is_duplicate: bool = False, told: ET.Element | None = None) -> Stanza:
        """Return a copy of a message that a room has sent to an occupant of ours.

        Args:
            occupant: who has said it.
            is_duplicate: see :attr:`is_duplicate`.
            told: a further child, which says more about him; ``None`` for none.
        """
        copy = Stanza(self.kind, self.attributes, self._prefixes, self._rest) if told is None else self.extended(told)
        copy.occupant, copy.is_duplicate = occupant, is_duplicate
        return copy

    def entitled(self) -> Stanza:
        """Return a copy for which the gateway's rights may be used: whoever calls this has asked the policy, or is trusted."""
        copy = Stanza(self.kind, self.attributes, self._prefixes, self._rest)
        copy.is_entitled = True
        return copy

    def without_unknown_attributes(self) -> Stanza:
        """Return the stanza without attributes that no standard knows, such as servers use inside; those with a prefix stay."""
        if STANZA_ATTRIBUTES.issuperset(self.attributes):
            return self
        known = {name: value for name, value in self.attributes.items() if name in STANZA_ATTRIBUTES or ":" in name}
        return Stanza(self.kind, known, self._prefixes, self._rest)

    def prepared(self) -> Stanza:
        """Return the stanza with prepared ``from`` and ``to``; a value that is no address stays as it is.

        ``X@HTTP.example.org.`` becomes ``x@http.example.org``. RFC 7622 §3.1
        """
        attributes = self.attributes
        if type(attributes.get("from")) is JID and type(attributes.get("to")) is JID:
            return self
        prepared = with_prepared_addresses(attributes)
        return self if prepared is None else Stanza(self.kind, prepared, self._prefixes, self._rest)

    def to_bytes(self, namespace: str = CLIENT) -> bytes:
        """Serialize the stanza.

        Args:
            namespace: default namespace to declare; empty for none, as inside a stream, whose header has declared it.
        """
        declared = f' xmlns="{namespace}"' if namespace else ""
        return f"<{self.kind}{declared}{self._prefixes}{write_attributes(self.attributes)}".encode() + self._rest

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def __str__(self) -> str:
        return self.to_bytes().decode()

    def __repr__(self) -> str:
        return f"<Stanza {self.kind} {' '.join(f'{k}={v!r}' for k, v in self.attributes.items())}>"

    def mentions(self, text: bytes) -> bool:
        """Return whether a text, such as a namespace, occurs in the payload: a cheap test before :attr:`xml` is built."""
        return text in self._rest

    def uses_namespace(self, *beginnings: bytes) -> bool:
        """Return whether an element of the payload, at any depth, has a namespace that starts with one of some prefixes.

        Args:
            beginnings: the prefixes, in ASCII without ``&``, ``<`` and quotes.
        """
        rest = self._prefixes.encode() + self._rest if self._prefixes else self._rest
        if b"&#" not in rest and not any(text in rest for text in beginnings):
            return False  # only character references can hide a namespace from a search in the bytes
        texts = tuple(text.decode() for text in beginnings)
        return any(split_name(element.tag)[0].startswith(texts) for element in self.xml.iter())

    @cached_property
    def xml(self) -> ET.Element:
        """Return the stanza as an element tree in ``jabber:client``."""
        return ET.fromstring(self.to_bytes())

    @property
    def payload(self) -> ET.Element | None:
        """Return the first child that is no ``error``: the payload of an iq; ``None`` when there is none."""
        return next((child for child in self.xml if child.tag != f"{{{CLIENT}}}error"), None)

    @property
    def payload_namespace(self) -> str:
        """Return the namespace of the payload; empty without one."""
        payload = self.payload
        return "" if payload is None else split_name(payload.tag)[0]

    @cached_property
    def body(self) -> str:
        """Return the text of a message; empty when it has none. RFC 6121 §5.2.3"""
        return self.xml.findtext(f"{{{CLIENT}}}body", "") if b"body" in self._rest else ""

    @property
    def error(self) -> StanzaError | None:
        """Return the error of a stanza of type ``error``; ``None`` for other types. RFC 6120 §8.3"""
        if self.type != "error":
            return None
        return read_error(self.xml, self.attributes.get("from", ""))

    def raise_error(self) -> Stanza:
        """Return the stanza itself unless it is an error.

        Raises:
            StanzaError: it is of type ``error``.
        """
        if (error := self.error) is not None:
            raise error
        return self

    def reply(self, *payload: ET.Element) -> Stanza:
        """Build the result for this iq: addresses swapped, same id. RFC 6120 §8.2.3

        Args:
            payload: at most one child.
        """
        return make_stanza("iq", "result", self.attributes.get("from"), *payload, sender=self.attributes.get("to"), id=self.id)

    def error_reply(self, error: StanzaError) -> Stanza:
        """Build the error reply to this stanza: addresses swapped, same id. RFC 6120 §8.3.1"""
        payload = error_element(error)
        return make_stanza(self.kind, "error", self.attributes.get("from"), payload, sender=self.attributes.get("to"), id=self.id)


def make_stanza(kind: str, type: str, to: str | None, *payload: ET.Element, sender: str | None = None, id: str = "") -> Stanza:
    """Build a stanza from elements.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        type: its attribute ``type``; empty for none.
        to: its attribute ``to``; ``None`` for none.
        payload: its children, in order.
        sender: its attribute ``from``; ``None`` for none.
        id: its attribute ``id``; empty for none.

    Raises:
        InvalidStanza: the payload cannot be written as XML, or does not pass the check, see :meth:`Stanza.parse`.
    """
    attributes = {"type": type, "to": to, "from": sender, "id": id}
    rest = b"/>"
    if payload:
        try:
            children = "".join([serialize(child, CLIENT) for child in payload]).encode()
            check_document(_CHILDREN_START + children + b"</x>", sys.maxsize)
        except MalformedContent as error:
            raise InvalidStanza(str(error)) from None
        rest = b">" + children + f"</{kind}>".encode()
    return Stanza(kind, {k: v for k, v in attributes.items() if v}, "", rest)
