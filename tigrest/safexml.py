"""XML from strangers: checked in one pass of expat before anything is built from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from tigrest.errors import MalformedContent

MAX_DEPTH = 256
"""Deepest nesting of elements accepted in a document."""

XML_LANG = "http://www.w3.org/XML/1998/namespace"


OnRoot = Callable[[str, dict[str, str], dict[str, str], int], None]


def check(data: bytes, on_root: OnRoot | None = None, max_depth: int = MAX_DEPTH) -> int:
    """Check that a text is one well-formed, harmless XML document in UTF-8.

    Harmless means: no document type, entity, processing instruction or comment, and no deep nesting.

    Args:
        data: the document.
        on_root: called with the root's name, its attributes, the prefixes it declares (prefix to namespace) and its byte
            offset. Names are ``"namespace name prefix"``, parts that do not apply left out.
        max_depth: deepest nesting of elements allowed.

    Returns:
        How many children the root has.

    Raises:
        MalformedContent: it is not, with the line and column of the culprit.
    """
    if b"\0" in data:  # expat would take it for UTF-16
        raise MalformedContent("XML must be UTF-8 without NUL characters")
    parser = expat.ParserCreate("utf-8", " ")
    parser.namespace_prefixes = True
    depth = children = 0
    declared: dict[str, str] = {}

    def declare(prefix: str | None, uri: str) -> None:
        if prefix is not None:
            declared[prefix] = uri

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, children
        depth += 1
        if depth == 2:
            children += 1
        elif depth == 1:
            parser.StartNamespaceDeclHandler = None
            if on_root is not None:
                on_root(name, attributes, declared, parser.CurrentByteIndex)
        elif depth > max_depth:
            raise MalformedContent(f"XML elements are nested deeper than {max_depth}")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartNamespaceDeclHandler = declare
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    parser.CommentHandler = _refuse_comment
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise MalformedContent(f"XML is not well-formed: {expat.ErrorString(error.code)} at {where}") from None
    return children


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
        MalformedContent: see :func:`check`.
    """
    check(data)
    return ET.fromstring(data, ET.XMLParser(encoding="utf-8"))  # whatever it declares: that is what was checked


def serialize(element: ET.Element, namespace: str = "") -> str:
    """Write an element with default-namespace declarations where the namespace changes, as XMPP does.

    Args:
        element: what to write; names in ElementTree's ``{namespace}name`` form.
        namespace: default namespace in force around it.
    """
    out: list[str] = []
    _write(element, namespace, out.append)
    return "".join(out)


def _write(element: ET.Element, outer: str, write: Callable[[str], Any]) -> None:
    namespace, name = split_name(element.tag)
    write(f"<{name}")
    if namespace != outer:
        write(f' xmlns="{escape_attribute(namespace)}"')
    for index, (key, value) in enumerate(element.items()):
        uri, local = split_name(key)
        if uri == XML_LANG:
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


def escape(text: str) -> str:
    """Escape text for element content; characters that XML cannot carry become U+FFFD."""
    return text.translate(_TEXT)


def escape_attribute(text: str) -> str:
    """Escape text for an attribute in either kind of quotes; the rest as :func:`escape`."""
    return text.translate(_ATTRIBUTE)
