"""Request bodies as Python values, and Python values as response bodies: XML and JSON alike.

XML and values correspond like this: a mapping is child elements; a list is ``<item>`` children, except under ``value``, where
it is repeated ``<value>`` elements; ``None`` is an empty element; ``true`` and ``false`` are booleans, on the way out.

Tigase HTTP API guide §2.1.2 and §2.2
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

import orjson

from tigrest.errors import MalformedContent
from tigrest.formats.encoding import Unencodable, endless, key_text, plain, simplify
from tigrest.xmpp.xml import MAX_DEPTH, escape, escape_attribute, parse

JSON = "application/json"
XML = "application/xml"
URLENCODED = "application/x-www-form-urlencoded"
PLAIN_TEXT = "text/plain"
HTML = "text/html"

TYPE_NAMES = {"json": JSON, "xml": XML, "html": HTML}
"""Short names of media types, for the query parameter ``type``."""

_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


MAX_CONTAINERS = 50_000
"""Limit of objects and arrays in a JSON document: each costs time and memory that the size of the document does not tell."""

_JSON_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
"""A JSON string; an unterminated one reaches to the end of the document. Possessive, so that no input makes it backtrack."""


def read_json(data: bytes, max_values: int | None = None) -> Any:
    """Parse JSON.

    Args:
        data: the document.
        max_values: limit of values, objects and arrays included; ``None`` for no limit.

    Raises:
        MalformedContent: it is not JSON in UTF-8, nested too deeply, or has more than :data:`MAX_CONTAINERS` objects and arrays,
            or more than ``max_values`` values: parsing them would block the event loop.
    """
    if _has_more(data, b"[{", MAX_CONTAINERS):
        raise MalformedContent(f"JSON has more than {MAX_CONTAINERS} objects and arrays")
    if max_values is not None and _has_more(data, b"[{,", max_values):
        raise MalformedContent(f"JSON has more than {max_values} values")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedContent(f"JSON cannot be read: {error}") from None
    if _is_too_deep(data):
        raise MalformedContent(f"JSON is nested more than {MAX_DEPTH} deep")
    return value


_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _is_too_deep(data: bytes) -> bool:
    """Return whether a well-formed JSON document is nested deeper than :data:`MAX_DEPTH`, the limit for XML too."""
    if len(data) <= 2 * MAX_DEPTH or data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _JSON_TEXT.sub(b"", data).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):  # each turn removes the innermost level
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _has_more(data: bytes, marks: bytes, limit: int) -> bool:
    """Return whether some characters occur more than ``limit`` times in a JSON document, outside of strings."""

    def count(text: bytes) -> int:
        return sum(text.count(mark) for mark in marks)

    return len(data) > limit and count(data) > limit and count(_JSON_TEXT.sub(b"", data)) > limit


_JSON_KEY = re.compile(_JSON_TEXT.pattern + rb"(\s*+:)?", re.DOTALL)


def doubled_key(data: bytes, value: object) -> str | None:
    """Return a key that an object of a JSON document has twice; ``None`` where there is none. RFC 8259 §4

    Parsers keep one of the two, and not all the same one: what another program checked may not be what counts here.

    Args:
        data: a well-formed document.
        value: the same, parsed.
    """
    if isinstance(value, dict) and data.count(b":") == len(value):
        return None  # there are not even colons for more keys
    kept = Counter(_keys(value))
    if _JSON_TEXT.sub(b"", data).count(b":") == kept.total():
        return None
    given = Counter(orjson.loads(match[0][: -len(match[1])]) for match in _JSON_KEY.finditer(data) if match[1])
    return str(next(iter(given - kept)))


def _keys(value: object) -> Iterator[str]:
    """Find the keys of all objects in a JSON value."""
    values = [value]
    while values:
        match values.pop():
            case dict(members):
                yield from members
                values += members.values()
            case list(items):
                values += items


def read_xml(data: bytes) -> dict[str, Any]:
    """Parse XML as ``{root: value}``; leaves are strings, attributes and namespaces are ignored.

    ``<item>`` lists and repeated elements both become lists; an empty element is the empty string.

    Raises:
        MalformedContent: it is not well-formed UTF-8, has a document type, entity, processing instruction or comment, or is
            nested too deeply.
    """
    root = parse(data)
    return {_local_name(root): _value(root)}


def _value(element: ET.Element) -> Any:
    """Return the value of an element: text, a list of ``item`` children, or a mapping; text between children is ignored."""
    if not len(element):
        text = element.text
        return text if text and not text.isspace() else ""
    values: dict[str, list[Any]] = {}
    for child in element:
        values.setdefault(_local_name(child), []).append(_value(child))
    if len(values) == 1 and "item" in values:
        return values["item"]
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def _local_name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


def write_json(value: Any) -> bytes:
    """Write a value as JSON.

    Raises:
        Unencodable: it has a part that JSON cannot carry.
    """
    try:
        return orjson.dumps(value, default=simplify, option=_OPTIONS)
    except orjson.JSONEncodeError:
        pass
    try:
        return orjson.dumps(_in_pieces(plain(value), 0), option=_OPTIONS)
    except RecursionError:
        raise endless(value) from None


LEVELS_AT_A_TIME = 200
"""Levels of nesting written at a time: orjson writes 254 at most, but documents of :data:`MAX_DEPTH` levels come in."""


def _in_pieces(value: Any, depth: int) -> Any:
    """Replace the parts that lie :data:`LEVELS_AT_A_TIME` levels deep in a value by their JSON."""
    if isinstance(value, dict | list) and depth == LEVELS_AT_A_TIME:
        return orjson.Fragment(write_json(value))
    if isinstance(value, dict):
        return {name: _in_pieces(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_pieces(item, depth + 1) for item in value]
    return value


def write_xml(value: Any) -> bytes:
    """Write a value as one XML document.

    A mapping with a single key gives the root element its name; everything else is wrapped in ``<result>``.

    Raises:
        Unencodable: it has a part that XML cannot carry.
    """
    try:
        return _document(value)
    except (Unencodable, ValueError):
        plain(value)  # raises with the path of the culprit
        raise
    except RecursionError:
        raise endless(value) from None


_SIMPLE = (dict, list, str, int, float, type(None))
"""Types that are written as they are. A tuple: a union would be built anew for each document."""


def _document(value: Any) -> bytes:
    out: list[str] = []
    if not isinstance(value, _SIMPLE):
        value = simplify(value)
    if isinstance(value, dict) and len(value) == 1:
        [(key, content)] = value.items()
        name = key_text(key)
        if name not in ("item", "value"):
            _element(name, content, out.append)
            return "".join(out).encode()
    _element("result", value, out.append)
    return "".join(out).encode()


def _element(name: str, value: Any, write: Callable[[str], Any]) -> None:
    start, end = _tags(name)
    kind = type(value)
    if kind is str:
        write(f"{start}{escape(value)}{end}")
    elif value is None:
        write(start[:-1] + "/>")
    elif kind is dict:
        _children(start, end, value.items(), write)
    elif kind is list:
        _children(start, end, [("item", item) for item in value], write)
    elif value is True or value is False:
        write(f"{start}{'true' if value else 'false'}{end}")
    elif kind is int:
        write(f"{start}{value}{end}")
    elif kind is float:
        text = orjson.dumps(value).decode()  # null for infinity and NaN, which JSON lacks
        write(start[:-1] + "/>" if text == "null" else f"{start}{text}{end}")
    elif isinstance(value, str) and not isinstance(value, enum.Enum):  # a JID, usually
        write(f"{start}{escape(str.__str__(value))}{end}")
    else:
        _element(name, _exact(value), write)


def _exact(value: Any) -> Any:
    """Convert a value into a type of JSON, from which its own may be derived; its parts stay as they are."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, list) else simplify(value)


def _children(start: str, end: str, children: Collection[tuple[Any, Any]], write: Callable[[str], Any]) -> None:
    if not children:
        write(start[:-1] + "/>")
        return
    write(start)
    for key, value in children:
        name = key if type(key) is str else key_text(key)
        if type(value) is str:  # most are
            opening, closing = _tags(name)
            write(f"{opening}{escape(value)}{closing}")
        elif name == "value" and isinstance(value, (list, tuple, set, frozenset)):
            for item in value if isinstance(value, list) else simplify(value):
                _element("value", item, write)
        else:
            _element(name, value, write)
    write(end)


_MAX_CACHED_LENGTH = 64
"""Longest key whose tags are cached, in characters: callers choose keys, and must not fill the memory with them."""


def _tags(name: str) -> tuple[str, str]:
    """Return start and end tag of a key; a key that is no XML name becomes ``<entry name="…">``."""
    return _memoised_tags(name) if len(name) <= _MAX_CACHED_LENGTH else _written_tags(name)


def _written_tags(name: str) -> tuple[str, str]:
    if _XML_NAME.fullmatch(name):
        return f"<{name}>", f"</{name}>"
    return f'<entry name="{escape_attribute(name)}">', "</entry>"


_memoised_tags = lru_cache(maxsize=1024)(_written_tags)


def media_type(header: str) -> str:
    """Return the media type of a ``Content-Type``, in lower case and without parameters. RFC 9110 §8.3.1"""
    return header.partition(";")[0].strip().lower()


def named_type(parameter: str) -> str:
    """Return the media type that a query parameter ``type`` names; empty when it is neither a media type nor one of :data:`TYPE_NAMES`.

    Args:
        parameter: its value.
    """
    named = media_type(parameter)
    return TYPE_NAMES.get(named, named if "/" in named else "")


def is_json(media: str) -> bool:
    """Return whether a media type is JSON: ``application/json``, ``text/json`` or ``…+json``. RFC 6839 §3.1"""
    return media.endswith(("/json", "+json"))


def is_xml(media: str) -> bool:
    """Return whether a media type is XML: ``application/xml``, ``text/xml`` or ``…+xml``. RFC 7303 §4.2"""
    return media.endswith(("/xml", "+xml"))
