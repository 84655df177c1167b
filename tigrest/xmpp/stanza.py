"""XMPP stanzas as checked bytes: what goes over the link, and what comes back.

A :class:`Stanza` is checked once, in one pass of expat, when it is made. Addresses are then changed by writing a new
start tag in front of the untouched rest; a tree is only built for those who ask for one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from tigrest.errors import InvalidStanza, MalformedContent, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.kinds import KINDS, REQUESTS
from tigrest.xmpp.namespaces import CLIENT, CONTENT_NAMESPACES, STANZA_ERRORS
from tigrest.xmpp.xml import MAX_NODES, SEPARATOR, START_TAG, check_document, escape_attribute, serialize, split_name, tree

MAX_RECEIVED_NODES = 100_000
"""Most elements and attributes of an incoming stanza: twice what callers may send, for long lists of the server."""

_CHILDREN_START = f'<x xmlns="{CLIENT}">'.encode()
"""Start tag around the children of a stanza that are checked together."""


class Stanza:
    """One ``message``, ``presence`` or ``iq``, known to be well-formed and harmless.

    Make one with :meth:`parse`, :meth:`of` or :func:`make_stanza`. Immutable: :meth:`with_` gives a changed copy.
    """

    flaw = ""
    """Why it came in without what is inside, for people: the XML that its sender wrote cannot be used. Empty for a whole stanza."""

    def __init__(self, kind: str, attributes: dict[str, str], prefixes: str, rest: bytes) -> None:
        self.kind = kind
        """``message``, ``presence`` or ``iq``."""
        self.attributes = attributes
        """Attributes of the root as written, e.g. ``from``, ``to``, ``id``, ``type``, ``xml:lang``."""
        self._prefixes = prefixes
        self._rest = rest

    @classmethod
    def parse(cls, text: bytes | str) -> Stanza:
        """Read one stanza.

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
        """Read a stanza that came in: now, if it is to be looked at closely, or before it was stored.

        Args:
            text: the stanza, with all the prefixes it needs declared.

        Raises:
            InvalidStanza: as :meth:`parse`, but an iq may have any number of children: it deserves an answer.
        """
        return cls._read(text, MAX_RECEIVED_NODES)[0]

    @classmethod
    def _read(cls, text: bytes | str, max_nodes: int) -> tuple[Stanza, int]:
        """Check a stanza; give it, and how many children it has."""
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        try:
            name, attributes, declared, start, children = check_document(data, max_nodes)
        except MalformedContent as error:
            raise InvalidStanza(str(error)) from error
        namespace, _, kind = name.rpartition(SEPARATOR)
        if SEPARATOR in namespace:  # the root itself is written with a prefix
            return cls._read(serialize(tree(data)), max_nodes)
        if kind not in KINDS or namespace not in CONTENT_NAMESPACES:
            inside = f" in namespace {namespace[:80]!r}" if namespace else ""
            raise InvalidStanza(f"<{kind[:80]}>{inside} is not a stanza: send one message, presence or iq in {CLIENT}")
        written = {_as_written(name): value for name, value in attributes.items()} if SEPARATOR in "".join(attributes) else attributes
        return cls.cut(kind, written, declarations(declared) if declared else "", data[start:].rstrip()), children

    @classmethod
    def cut(cls, kind: str, attributes: dict[str, str], prefixes: str, data: bytes) -> Stanza:
        """Make a stanza from bytes that expat has accepted.

        Args:
            kind: ``message``, ``presence`` or ``iq``.
            attributes: of its root, without namespace declarations.
            prefixes: declarations of the prefixes that it needs, written.
            data: its bytes, from ``<`` to the last ``>``.
        """
        tag = START_TAG.match(data)
        assert tag is not None
        rest = b"/>" if tag.group().endswith(b"/>") else b">" + data[tag.end() :]
        return cls(kind, attributes, prefixes, rest)

    @classmethod
    def flawed(cls, kind: str, attributes: Mapping[str, str], flaw: str) -> Stanza:
        """Make an empty stanza in place of one that cannot be used.

        Args:
            kind: ``message``, ``presence`` or ``iq``.
            attributes: of its root; only ``from``, ``to``, ``id`` and ``type`` are kept.
            flaw: why it cannot be used, for people.
        """
        stanza = cls(kind, {name: attributes[name] for name in ("from", "to", "id", "type") if name in attributes}, "", b"/>")
        stanza.flaw = flaw
        return stanza

    @classmethod
    def of(cls, value: Any) -> Stanza:
        """Make a stanza from whatever a script has: text, bytes, an ElementTree element, a slixmpp stanza, a Stanza.

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
        """The ``type`` attribute, or the empty string."""
        return self.attributes.get("type", "")

    @property
    def id(self) -> str:
        """The ``id`` attribute, or the empty string."""
        return self.attributes.get("id", "")

    @property
    def to(self) -> JID | None:
        """Whom it is for.

        Raises:
            InvalidStanza: the attribute is not an XMPP address.
        """
        return self._address("to")

    @property
    def sender(self) -> JID | None:
        """Whom it is from (the ``from`` attribute).

        Raises:
            InvalidStanza: the attribute is not an XMPP address.
        """
        return self._address("from")

    def _address(self, attribute: str) -> JID | None:
        value = self.attributes.get(attribute)
        if value is None or type(value) is JID:
            return value
        try:
            return JID(value)
        except ValueError as error:
            raise InvalidStanza(f"attribute {attribute!r}: {error}") from None

    @property
    def awaits_reply(self) -> bool:
        """Whether it is an iq of type get or set."""
        return self.kind == "iq" and self.type in REQUESTS

    @property
    def is_empty(self) -> bool:
        """Whether it has neither children nor text; known without building a tree."""
        return self._rest == b"/>" or self._rest.startswith(b"></")

    def with_(self, **attributes: str | None) -> Stanza:
        """A copy with other root attributes.

        Args:
            attributes: new values by name; ``None`` removes. Write ``sender`` for ``from``.
        """
        changed = dict(self.attributes)
        for name, value in attributes.items():
            name = "from" if name == "sender" else name
            if value is None:
                changed.pop(name, None)
            else:
                changed[name] = value
        return Stanza(self.kind, changed, self._prefixes, self._rest)

    def addressed(self, sender: JID, to: JID, id: str) -> Stanza:
        """Return a copy that is from somebody, for somebody, with an id; quicker than :meth:`with_`."""
        return Stanza(self.kind, {**self.attributes, "from": sender, "to": to, "id": id}, self._prefixes, self._rest)

    def prepared(self) -> Stanza:
        """Give it with ``from`` and ``to`` in the form that addresses are compared in; one that is no address stays as it is.

        ``X@HTTP.example.org.`` goes out as ``x@http.example.org``. RFC 7622 §3.1
        """
        attributes = self.attributes
        if type(attributes.get("from")) is JID and type(attributes.get("to")) is JID:
            return self
        changed: dict[str, str] | None = None
        for name in ("from", "to"):
            written = attributes.get(name)
            if written is None or type(written) is JID:
                continue
            try:
                address = JID(written)
            except ValueError:
                continue
            if address != written:
                changed = changed or dict(attributes)
                changed[name] = address
        return self if changed is None else Stanza(self.kind, changed, self._prefixes, self._rest)

    def to_bytes(self, namespace: str = CLIENT) -> bytes:
        """Write it.

        Args:
            namespace: default namespace to declare; empty for none, as inside a stream that declares its own.
        """
        declared = f' xmlns="{namespace}"' if namespace else ""
        attributes = "".join(
            [
                _memoised(name, value) if name in _REPEATED and len(value) <= _LONGEST_REPEATED else _written(name, value)
                for name, value in self.attributes.items()
            ]
        )
        return f"<{self.kind}{declared}{self._prefixes}{attributes}".encode() + self._rest

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def __str__(self) -> str:
        return self.to_bytes().decode()

    def __repr__(self) -> str:
        return f"<Stanza {self.kind} {' '.join(f'{k}={v!r}' for k, v in self.attributes.items())}>"

    def mentions(self, text: bytes) -> bool:
        """Whether a text, such as a namespace, stands anywhere inside: a quick look before :attr:`xml` is built."""
        return text in self._rest

    def uses_namespace(self, *beginnings: bytes) -> bool:
        """Tell whether an element inside, at any depth, is of a namespace, however that is written.

        Args:
            beginnings: of which the namespace has one; ASCII without ``&``, ``<`` and quotes.
        """
        rest = self._prefixes.encode() + self._rest if self._prefixes else self._rest
        if b"&#" not in rest and not any(text in rest for text in beginnings):
            return False  # a namespace stands there letter by letter, unless characters are written as numbers
        texts = tuple(text.decode() for text in beginnings)
        return any(split_name(element.tag)[0].startswith(texts) for element in self.xml.iter())

    @cached_property
    def xml(self) -> ET.Element:
        """The stanza as an element tree in ``jabber:client``."""
        return ET.fromstring(self.to_bytes())

    @property
    def payload(self) -> ET.Element | None:
        """First child that is not an ``error``; of an iq, its only payload."""
        return next((child for child in self.xml if child.tag != f"{{{CLIENT}}}error"), None)

    @cached_property
    def body(self) -> str:
        """Text of a message; empty when it has none. RFC 6121 §5.2.3"""
        return self.xml.findtext(f"{{{CLIENT}}}body", "") if b"body" in self._rest else ""

    @property
    def error(self) -> StanzaError | None:
        """The error it carries, or ``None`` when its type is not ``error``. RFC 6120 §8.3."""
        if self.type != "error":
            return None
        element = self.xml.find(f"{{{CLIENT}}}error")
        if element is None:
            return StanzaError("undefined-condition", source=self.attributes.get("from", ""))
        conditions = [child for child in element if split_name(child.tag)[0] == STANZA_ERRORS]
        names = [split_name(child.tag)[1] for child in conditions]
        condition = next((name for name in names if name != "text"), "undefined-condition")
        text = element.findtext(f"{{{STANZA_ERRORS}}}text", "").strip()
        return StanzaError(condition, element.get("type", "cancel"), text, self.attributes.get("from", ""))

    def raise_error(self) -> Stanza:
        """Raise the error it carries, if any; otherwise give the stanza itself.

        Raises:
            StanzaError: its type is ``error``.
        """
        if (error := self.error) is not None:
            raise error
        return self

    def reply(self, *payload: ET.Element) -> Stanza:
        """The result to this request, addresses swapped, same id."""
        return make_stanza("iq", "result", self.attributes.get("from"), *payload, sender=self.attributes.get("to"), id=self.id)

    def error_reply(self, error: StanzaError) -> Stanza:
        """The error to this stanza, addresses swapped, same id. RFC 6120 §8.3.1."""
        element = ET.Element(f"{{{CLIENT}}}error", {"type": error.type})
        ET.SubElement(element, f"{{{STANZA_ERRORS}}}{error.condition}")
        if error.text:
            ET.SubElement(element, f"{{{STANZA_ERRORS}}}text").text = error.text
        return make_stanza(self.kind, "error", self.attributes.get("from"), element, sender=self.attributes.get("to"), id=self.id)


def make_stanza(kind: str, type: str, to: str | None, *payload: ET.Element, sender: str | None = None, id: str = "") -> Stanza:
    """Build a stanza from elements.

    Args:
        kind: ``message``, ``presence`` or ``iq``.
        type: its ``type``; empty for none.
        to: whom it is for; ``None`` for no attribute.
        payload: children, in order.
        sender: the ``from`` attribute; ``None`` for no attribute.
        id: its ``id``; empty for none.

    Raises:
        InvalidStanza: the payload has something that XML cannot carry or that may not go out, see :meth:`Stanza.parse`.
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


def _written(name: str, value: str) -> str:
    return f' {name}="{escape_attribute(value)}"'


_memoised = lru_cache(maxsize=4096)(_written)
"""Addresses and types come again and again; others do not, and long ones would fill the memory."""

_REPEATED, _LONGEST_REPEATED = frozenset({"from", "to", "type", "xml:lang"}), 256


def _as_written(name: str) -> str:
    """``xml:lang`` for the namespace of XML, ``lang`` and ``xml``, as expat gives them."""
    return ":".join(reversed(name.split(SEPARATOR)[1:])) if SEPARATOR in name else name


def declarations(declared: Mapping[str, str]) -> str:
    """Write namespace declarations, each with a space before it.

    Args:
        declared: prefixes and their namespaces.
    """
    return "".join([f' xmlns:{prefix}="{escape_attribute(uri)}"' for prefix, uri in declared.items()])
