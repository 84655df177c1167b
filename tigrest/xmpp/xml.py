"""XML from strangers: checked in one pass of expat before anything is built from it.

XML parsers differ at the edges of "Namespaces in XML": a separator inside a namespace name, a reserved namespace under another
prefix. What passes here passes every parser on its way: ElementTree here, expat in Prosody, ejabberd and clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat

from tigrest.errors import MalformedContent
from tigrest.xmpp.namespaces import XML_NAMESPACE, XMLNS_NAMESPACE

MAX_DEPTH = 256
"""Deepest nesting of elements accepted in a document. ejabberd 23.01 as a whole ends at about 3,500."""

MAX_NODES = 50_000
"""Most elements, attributes and namespace declarations accepted in a document."""

MIN_NODE = 4
"""Bytes that one of them has at least: ``<a/>``."""

SEPARATOR = "\x01"
"""Stands between the parts of a name as expat gives it: no XML document can have it, so no part of a name can."""

START_TAG = re.compile(rb"""<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""")
"""A start tag, in bytes known to be well-formed."""

MAX_READ = 256 * 1024
"""Discard a pooled parser after this many bytes: expat never frees the names it has seen."""

_URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""Characters of a URI reference. RFC 3986 §2"""

_MAX_KNOWN, _MAX_KNOWN_LENGTH = 1024, 128
"""Most namespace names remembered as sound, and the length of the longest."""

_known: set[str] = set()
"""Namespace names that were found to be sound."""


def is_namespace_name(text: str) -> bool:
    """Tell whether a text may name a namespace: it has the characters of a URI reference, and is not reserved.

    Relative references such as ``vcard-temp`` pass: namespaces are compared "as strings" and never resolved ("Namespaces in
    XML" §2.3). What is no URI reference at all does not: "An XML namespace is identified by a URI reference" (§2.2).
    """
    if text in _known:
        return True
    if _URI_REFERENCE.fullmatch(text) is None or text in RESERVED:
        return False
    if len(text) <= _MAX_KNOWN_LENGTH:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known.add(text)
    return True


RESERVED = frozenset({XML_NAMESPACE, XMLNS_NAMESPACE})
"""Namespaces of the prefixes ``xml`` and ``xmlns``; nothing else may be bound to them. "Namespaces in XML" §3"""

_XML_ATTRIBUTES = ("xml:lang", "xml:space", "xml:base", "xml:id")

_XML_PREFIX = re.compile(rb"xml:(?!(?:lang|space|base|id)[\s=])")
"""The prefix ``xml``, but for the attributes there are: Prosody and ejabberd write the others so that clients break off."""


class Root(NamedTuple):
    """The root of a document, as expat tells it.

    Args:
        name: namespace, name and prefix with :data:`SEPARATOR` between, parts that do not apply left out.
        attributes: by their names, written alike.
        declared: the prefixes it declares, and their namespaces.
        start: where it begins, in bytes.
        children: how many it has.
    """

    name: str
    attributes: dict[str, str]
    declared: dict[str, str]
    start: int
    children: int


def check_document(data: bytes, max_nodes: int = MAX_NODES) -> Root:
    """Check that a text is one well-formed, harmless XML document in UTF-8.

    Harmless means: no document type, entity, processing instruction or comment, no nesting deeper than :data:`MAX_DEPTH`, and
    every namespace has a name that :func:`is_namespace_name`.

    Args:
        data: the document.
        max_nodes: most elements, attributes and namespace declarations.

    Returns:
        Its root.

    Raises:
        MalformedContent: it is not, with the line and column of the culprit, or its name.
    """
    if b"\0" in data:  # expat would take it for UTF-16
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
    """Check a document with a parser of its own: it may have a declaration, and tells where it is wrong."""
    try:
        root = _Reader().read(data, max_nodes, is_all=True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise MalformedContent(f"XML is not well-formed: {expat.ErrorString(error.code)} at {where}") from None
    assert root is not None
    return root


def _refuse_xml_prefix(data: bytes) -> None:
    """Refuse names with the prefix ``xml`` that XML has not defined.

    Args:
        data: a document that is well-formed.

    Raises:
        MalformedContent: there is one, in markup rather than in text.
    """

    def start(name: str, attributes: dict[str, str]) -> None:
        for found in (name, *attributes):
            if found.startswith("xml:") and (found is name or found not in _XML_ATTRIBUTES):
                raise MalformedContent(f"XML has no name {found[:80]!r}: the prefix xml is reserved")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    parser.Parse(data, True)


class _Reader:
    """A parser, and what it tells of a document.

    Making one costs as much as a short document. So one reads many, as children of an element that nobody sees, until one of
    them is not sound.

    Args:
        around: start tag of that element; empty for none, and one document only.
    """

    def __init__(self, around: bytes = b"") -> None:
        parser = self._parser = expat.ParserCreate("utf-8", SEPARATOR)
        parser.namespace_prefixes = True
        if hasattr(parser, "SetReparseDeferralEnabled"):  # else it may wait for more
            parser.SetReparseDeferralEnabled(False)
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.ProcessingInstructionHandler = _refuse_instruction
        parser.CommentHandler = _refuse_comment
        parser.Parse(around, False)
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        self.fed = len(around)
        """Bytes taken in so far."""

    def read(self, data: bytes, max_nodes: int, is_all: bool = False) -> Root | None:
        """Read a document.

        Args:
            data: the document.
            max_nodes: most elements, attributes and namespace declarations.
            is_all: whether nothing stands around it.

        Returns:
            Its root; ``None`` when there is not exactly one, from the first byte on, and nothing but space behind it.

        Raises:
            xml.parsers.expat.ExpatError: it is not well-formed.
            MalformedContent: it is not harmless.
        """
        began = self.fed
        self.fed += len(data)
        self._depth = self._roots = self._children = 0
        self._declared: dict[str, str] = {}
        if len(data) > MIN_NODE * max_nodes and data.count(b"<") - data.count(b"</") + data.count(b"=") > max_nodes:
            self._parse_counting(data, max_nodes, is_all)  # it may have too many, or text that looks like them
        else:
            self._parser.Parse(data, is_all)
        if not is_all and (self._depth or self._roots != 1 or self._begin != began or _rest(data, self._close - began)):
            return None
        return Root(self._name, self._attributes, self._declared, self._begin - began, self._children)

    def _parse_counting(self, data: bytes, max_nodes: int, is_all: bool) -> None:
        """Parse a document that may have too many elements and attributes."""
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
        if uri and uri not in _known and prefix != "xml" and not is_namespace_name(uri):
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
"""Parsers that nobody uses now; taking one out and putting it back is safe in any thread."""


def end_of_element(data: bytes, begin: int, close: int) -> int:
    """Find where an element ends, in bytes that expat has accepted.

    Args:
        data: the bytes.
        begin: where its start tag begins.
        close: where expat says that its end tag is; of an empty element that is its begin, or the place behind it.
    """
    if close > begin:
        return data.index(b">", close) + 1 if data.startswith(b"</", close) else close
    tag = START_TAG.match(data, begin)
    assert tag is not None
    return tag.end()


def _rest(data: bytes, close: int) -> bytes:
    """What stands behind the root, space left out."""
    return data[end_of_element(data, 0, close) :].strip()


def _refuse(what: str) -> Callable[..., None]:
    def handler(*_: Any) -> None:
        raise MalformedContent(f"XML may not contain {what}")

    return handler


_refuse_doctype = _refuse("a document type declaration")
_refuse_instruction = _refuse("a processing instruction")
_refuse_comment = _refuse("a comment")


def parse(data: bytes) -> ET.Element:
    """Build the element tree of a document after checking it.

    Raises:
        MalformedContent: see :func:`check_document`.
    """
    check_document(data)
    return tree(data)


def tree(data: bytes) -> ET.Element:
    """Build the element tree of a document that was checked."""
    return ET.fromstring(data, ET.XMLParser(encoding="utf-8"))  # whatever it declares: that is what was checked


def serialize(element: ET.Element, namespace: str = "") -> str:
    """Write an element with default-namespace declarations where the namespace changes, as XMPP does.

    Args:
        element: what to write; names in ElementTree's ``{namespace}name`` form.
        namespace: default namespace in force around it.

    Raises:
        MalformedContent: it holds something else than elements and text, or is nested too deeply. Names are written as they are.
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


_UNCARRIABLE = {chr(code): "\ufffd" for code in (*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
_TEXT = str.maketrans(_UNCARRIABLE | {"\t": "\t", "\n": "\n", "\r": "&#13;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = str.maketrans(
    _UNCARRIABLE | {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
)


_SPECIAL = re.compile("[^\t\n -%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL_IN_ATTRIBUTE = re.compile("[^ -!#-%(-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    """Escape text for element content; characters that XML cannot carry become U+FFFD."""
    return text.translate(_TEXT) if _SPECIAL.search(text) else text


def escape_attribute(text: str) -> str:
    """Escape text for an attribute in either kind of quotes; the rest as :func:`escape`."""
    return text.translate(_ATTRIBUTE) if _SPECIAL_IN_ATTRIBUTE.search(text) else text
