"""Safe XML: documents from strangers are checked in one pass of expat before anything is built of them.

Parsers differ at the edges of "Namespaces in XML", such as a separator inside a namespace name or a reserved namespace bound to another
prefix. The check accepts only what every parser on the way accepts: ElementTree, and expat in Prosody, ejabberd and clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from tigrest.errors import InvalidValue, MalformedContent
from tigrest.xmpp.namespaces import XML_NAMESPACE, XMLNS_NAMESPACE

MAX_DEPTH = 256
"""Limit of the nesting of elements. ejabberd 23.01 as a whole crashes at about 3,500."""

MAX_NODES = 50_000
"""Limit of elements, attributes and namespace declarations in a document that a caller sends."""

MIN_NODE = 4
"""Length of the shortest element, ``<a/>``, in bytes: shorter documents need no counting."""

SEPARATOR = "\x01"
"""Separator in names that expat reports. No XML document can contain it, so no part of a name can."""

START_TAG = re.compile(rb"""<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""")
"""A start tag, in bytes that are known to be well-formed."""

MAX_READ = 256 * 1024
"""Discard a pooled parser after this many bytes: expat never frees the names it has seen."""

_URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""Characters of a URI reference. RFC 3986 §2"""

_CACHE_SIZE, _MAX_CACHED_LENGTH = 1024, 128
"""Entries of the cache of valid namespace names, and the length of the longest in characters."""

_valid_names: set[str] = set()
"""Cache of valid namespace names. Cleared when it is full: real traffic uses some dozens."""


def is_namespace_name(text: str) -> bool:
    """Return whether a text may name a namespace: it has only characters of a URI reference, and is not reserved.

    Relative references such as ``vcard-temp`` pass: namespaces are compared "as strings" and never resolved ("Namespaces in
    XML" §2.3). Other texts do not: "An XML namespace is identified by a URI reference" (§2.2).
    """
    if text in _valid_names:
        return True
    if _URI_REFERENCE.fullmatch(text) is None or text in RESERVED:
        return False
    if len(text) <= _MAX_CACHED_LENGTH:
        if len(_valid_names) >= _CACHE_SIZE:
            _valid_names.clear()
        _valid_names.add(text)
    return True


RESERVED = frozenset({XML_NAMESPACE, XMLNS_NAMESPACE})
"""Namespaces of the prefixes ``xml`` and ``xmlns``; no other prefix may be bound to them. "Namespaces in XML" §3"""

_XML_ATTRIBUTES = ("xml:lang", "xml:space", "xml:base", "xml:id")

_XML_PREFIX = re.compile(rb"xml:(?!(?:lang|space|base|id)[\s=])")
"""The prefix ``xml`` before other names than its four attributes: Prosody and ejabberd relay them in a form that clients refuse."""


@dataclass(slots=True)
class Root:
    """The root element of a document, as expat reports it.

    Args:
        name: namespace, name and prefix with :data:`SEPARATOR` between them; those that it lacks are left out.
        attributes: attributes by their names, in the same form.
        declared: namespaces by the prefixes that it declares.
        start: offset of its start tag in bytes.
        children: number of its child elements.
    """

    name: str
    attributes: dict[str, str]
    declared: dict[str, str]
    start: int
    children: int


def check_document(data: bytes, max_nodes: int = MAX_NODES) -> Root:
    """Check that bytes are one well-formed and safe XML document in UTF-8.

    Safe means: no document type, entity, processing instruction or comment, no nesting deeper than :data:`MAX_DEPTH`, and
    every namespace name passes :func:`is_namespace_name`.

    Args:
        data: the document.
        max_nodes: limit of elements, attributes and namespace declarations.

    Returns:
        Its root.

    Raises:
        MalformedContent: it is not such a document; the message names the culprit, with line and column of a syntax error.
    """
    if b"\0" in data:  # expat would guess that it is UTF-16
        raise MalformedContent("XML must be UTF-8 without NUL characters")
    reader = _readers.pop() if _readers else _Reader(b"<d>")
    try:
        root = reader.read(data, max_nodes)
    except expat.ExpatError:
        root = None
    if root is None:
        root = _check_alone(data, max_nodes)
    elif reader.fed < MAX_READ:
        _readers.append(reader)
    if b"xml:" in data and (b"<xml:" in data or _XML_PREFIX.search(data) is not None):
        _refuse_xml_prefix(data)
    return root


def _check_alone(data: bytes, max_nodes: int) -> Root:
    """Check a document with a parser of its own, which accepts an XML declaration and reports the position of errors."""
    try:
        root = _Reader().read(data, max_nodes, is_all=True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise MalformedContent(f"XML is not well-formed: {expat.ErrorString(error.code)} at {where}") from None
    assert root is not None
    return root


def _refuse_xml_prefix(data: bytes) -> None:
    """Refuse names with the prefix ``xml`` other than its four attributes.

    Args:
        data: a well-formed document.

    Raises:
        MalformedContent: it has such a name, in markup rather than in text.
    """

    def start(name: str, attributes: dict[str, str]) -> None:
        for found in (name, *attributes):
            if found.startswith("xml:") and (found is name or found not in _XML_ATTRIBUTES):
                raise MalformedContent(f"XML has no name {found[:80]!r}: the prefix xml is reserved")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    parser.Parse(data, True)


class _Reader:
    """An expat parser that checks documents.

    Creating a parser costs as much as parsing a short document. Therefore one parser reads many documents, as children of an element
    around them, until a document is refused.

    Args:
        around: start tag of the element around the documents; empty for a parser of one document.
    """

    def __init__(self, around: bytes = b"") -> None:
        parser = self._parser = expat.ParserCreate("utf-8", SEPARATOR)
        parser.namespace_prefixes = True
        if hasattr(parser, "SetReparseDeferralEnabled"):  # expat 2.6 may otherwise hold back the end of a document
            parser.SetReparseDeferralEnabled(False)
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.ProcessingInstructionHandler = _refuse_instruction
        parser.CommentHandler = _refuse_comment
        parser.Parse(around, False)
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self.fed = len(around)
        """Bytes parsed so far."""

    def read(self, data: bytes, max_nodes: int, is_all: bool = False) -> Root | None:
        """Parse a document.

        Args:
            data: the document.
            max_nodes: limit of elements, attributes and namespace declarations.
            is_all: whether the parser has no element around the document.

        Returns:
            Its root; ``None`` unless there is exactly one, from the first byte on, with only space behind it.

        Raises:
            xml.parsers.expat.ExpatError: it is not well-formed.
            MalformedContent: it is not safe.
        """
        began = self.fed
        self.fed += len(data)
        self._depth = self._roots = self._children = 0
        self._declared: dict[str, str] = {}
        if len(data) > MIN_NODE * max_nodes and data.count(b"<") - data.count(b"</") + data.count(b"=") > max_nodes:
            self._parse_counting(data, max_nodes, is_all)  # it has too many nodes, or text that looks like them
        else:
            self._parser.Parse(data, is_all)
        if not is_all and (self._depth or self._roots != 1 or self._begin != began or _rest(data, self._close - began)):
            return None
        return Root(self._name, self._attributes, self._declared, self._begin - began, self._children)

    def _parse_counting(self, data: bytes, max_nodes: int, is_all: bool) -> None:
        """Parse a document, counting its nodes."""
        left = max_nodes

        def count(more: int) -> None:
            nonlocal left
            left -= more
            if left < 0:
                raise MalformedContent(f"XML has more than {max_nodes} elements and attributes")

        def start(name: str, attributes: dict[str, str]) -> None:
            count(1 + len(attributes))
            self._start(name, attributes)

        def declare(prefix: str | None, uri: str | None) -> None:
            count(1)
            self._declare(prefix, uri)

        self._parser.StartElementHandler, self._parser.StartNamespaceDeclHandler = start, declare
        self._parser.Parse(data, is_all)
        self._parser.StartElementHandler, self._parser.StartNamespaceDeclHandler = self._start, self._declare

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        if uri and uri not in _valid_names and prefix != "xml" and not is_namespace_name(uri):
            raise MalformedContent(f"namespace {uri[:80]!r} is not a URI reference")
        if prefix is not None and self._roots == 0:
            self._declared[prefix] = uri or ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth = depth = self._depth + 1
        if depth == 1:
            self._roots += 1
            self._name, self._attributes, self._begin = name, attributes, self._parser.CurrentByteIndex
        elif depth == 2:
            self._children += 1
        elif depth > MAX_DEPTH:
            raise MalformedContent(f"XML elements are nested deeper than {MAX_DEPTH}")

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._close = self._parser.CurrentByteIndex


_readers: list[_Reader] = []
"""Idle parsers. Threads share the list without a lock: ``pop`` and ``append`` of a list are atomic."""


def end_of_element(data: bytes, begin: int, close: int) -> int:
    """Find the end of an element, in bytes that expat has accepted.

    Args:
        data: the bytes.
        begin: offset of its start tag.
        close: offset of its end tag as expat reports it; for an empty element that is ``begin``, or the byte behind the element.

    Returns:
        Offset of the byte behind the element.
    """
    if close > begin:
        return data.index(b">", close) + 1 if data.startswith(b"</", close) else close
    tag = START_TAG.match(data, begin)
    assert tag is not None
    return tag.end()


def _rest(data: bytes, close: int) -> bytes:
    """Return the bytes behind the root, stripped of space."""
    return data[end_of_element(data, 0, close) :].strip()


def _refuse(what: str) -> Callable[..., None]:
    def handler(*_: Any) -> None:
        raise MalformedContent(f"XML may not contain {what}")

    return handler


_refuse_doctype = _refuse("a document type declaration")
_refuse_instruction = _refuse("a processing instruction")
_refuse_comment = _refuse("a comment")


def parse(data: bytes) -> ET.Element:
    """Check a document and build its element tree.

    Raises:
        MalformedContent: see :func:`check_document`.
    """
    check_document(data)
    return tree(data)


def tree(data: bytes) -> ET.Element:
    """Build the element tree of a document that has passed :func:`check_document`."""
    return ET.fromstring(data, ET.XMLParser(encoding="utf-8"))  # not the declared one: the check has read UTF-8


def serialize(element: ET.Element, namespace: str = "") -> str:
    """Write an element, with a default-namespace declaration wherever the namespace changes, as XMPP does.

    Args:
        element: the element; names in ElementTree's ``{namespace}name`` form.
        namespace: default namespace in force around it.

    Raises:
        MalformedContent: it contains something else than elements and text, or is nested too deeply. Names are not checked.
    """
    out: list[str] = []
    try:
        _write(element, namespace, out.append)
    except RecursionError:
        raise MalformedContent("the element tree is nested too deeply") from None
    except TypeError as error:  # a comment, a processing instruction, a number
        raise MalformedContent(f"the element tree may hold nothing but elements and text: {error}") from None
    return "".join(out)


def _write(element: ET.Element, outer: str, write: Callable[[str], Any]) -> None:
    namespace, name = split_name(element.tag)
    write(f"<{name}")
    if namespace != outer:
        write(f' xmlns="{escape_attribute(namespace)}"')
    for index, (key, value) in enumerate(element.items()):
        uri, local = split_name(key)
        if uri == XML_NAMESPACE:
            local = f"xml:{local}"
        elif uri:
            write(f' xmlns:n{index}="{escape_attribute(uri)}"')
            local = f"n{index}:{local}"
        write(f' {local}="{escape_attribute(value)}"')
    if not len(element) and not element.text:
        write("/>")
        return
    write(">")
    if element.text:
        write(escape(element.text))
    for child in element:
        _write(child, namespace, write)
        if child.tail:
            write(escape(child.tail))
    write(f"</{name}>")


def split_name(name: str) -> tuple[str, str]:
    """Split ``{namespace}name``; the namespace is empty when there is none."""
    if name[:1] == "{":
        namespace, _, local = name[1:].partition("}")
        return namespace, local
    return "", name


UNCARRIABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML has no way to write, not even as character references. XML 1.0 §2.2"""


def check_carriable(text: str, what: str) -> None:
    """Refuse text that would not arrive as it is, since XML cannot carry it.

    Args:
        text: the text.
        what: what it is, for people.

    Raises:
        InvalidValue: it has a character that XML cannot carry.
    """
    if (culprit := UNCARRIABLE.search(text)) is not None:
        raise InvalidValue(f"{what}: XML cannot carry the character U+{ord(culprit[0]):04X}, at {culprit.start()}; leave it out")


_SPECIAL = re.compile("[^\t\n -%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL_IN_ATTRIBUTE = re.compile("[^ -!#-%(-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that need escaping. Most texts have none."""


def escape(text: str) -> str:
    """Escape text for element content; characters that XML cannot carry become U+FFFD. A text that needs none of it is returned itself."""
    return _escaped(text) if _SPECIAL.search(text) else text


def escape_attribute(text: str) -> str:
    """Escape text for an attribute in single or double quotes; otherwise like :func:`escape`."""
    if not _SPECIAL_IN_ATTRIBUTE.search(text):
        return text
    quoted = _escaped(text).replace('"', "&quot;").replace("'", "&apos;")
    return quoted.replace("\t", "&#9;").replace("\n", "&#10;")


def _escaped(text: str) -> str:
    """Escape text: one replacement after the other, since ``str.translate`` takes ten times as long."""
    if UNCARRIABLE.search(text):
        text = UNCARRIABLE.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
