"""Request bodies as Python values, and Python values as response bodies: XML and JSON alike.

XML and values correspond like this: a mapping is child elements; a list is ``<item>`` children, except under ``value``, where
it is repeated ``<value>`` elements; ``None`` is an empty element; ``true`` and ``false`` are booleans, on the way out.

Tigase HTTP API guide §2.1.2 and §2.2
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from typing import Any

import orjson
import xmltodict

from tigrest.errors import MalformedContent
from tigrest.safexml import check, escape, escape_attribute, serialize

JSON = "application/json"
XML = "application/xml"

_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


def read_json(data: bytes) -> Any:
    """Read JSON.

    Raises:
        MalformedContent: it is not JSON in UTF-8, or nested too deeply.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedContent(f"JSON cannot be read: {error}") from None


def read_xml(data: bytes) -> dict[str, Any]:
    """Read XML as ``{root: value}``; leaves are strings, attributes and namespaces do not matter.

    ``<item>`` lists and repeated elements both become lists; an empty element is the empty string.

    Raises:
        MalformedContent: it is not well-formed UTF-8, has a document type, entity, processing instruction or comment, or is
            nested too deeply.
    """
    check(data)
    parsed: dict[str, Any] = xmltodict.parse(
        data,
        encoding="utf-8",
        xml_attribs=False,
        strip_whitespace=False,
        postprocessor=_clean,
        force_list=("item",),
    )
    return {name: _settled(value) for name, value in parsed.items()}


def _clean(path: Any, key: str, value: Any) -> Any:
    """Make one element plain: local name, no text between children, ``item`` children as a list.

    That list is a tuple until its parent is done, so that it is not taken for repeated elements.
    """
    if key == "#text":
        return None
    name = key.rpartition(":")[2]
    if isinstance(value, dict):
        settled = {child: _settled(content) for child, content in value.items()}
        if len(settled) == 1 and "item" in settled:
            return name, tuple(settled["item"])
        if len(settled.get("item", ())) == 1:
            settled["item"] = settled["item"][0]
        return name, settled
    return name, "" if value is None or not value.strip() else value


def _settled(value: Any) -> Any:
    if isinstance(value, list):
        return [_settled(item) for item in value]
    return list(value) if isinstance(value, tuple) else value


def write_json(value: Any) -> bytes:
    """Write a value as JSON.

    Raises:
        TypeError: it has a part that JSON cannot carry.
    """
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def write_xml(value: Any) -> bytes:
    """Write a value as one XML document.

    A mapping with a single key gives the root element its name; everything else is wrapped in ``<result>``.
    """
    out: list[str] = []
    value = _plain(value) if is_dataclass(value) else value
    if isinstance(value, Mapping) and len(value) == 1:
        [(name, content)] = value.items()
        if str(name) not in ("item", "value"):
            _element(str(name), content, out.append)
            return "".join(out).encode()
    _element("result", value, out.append)
    return "".join(out).encode()


def _element(name: str, value: Any, write: Callable[[str], Any]) -> None:
    start, end = _tags(name)
    if value is None:
        write(start[:-1] + "/>")
    elif isinstance(value, str):
        write(f"{start}{escape(value)}{end}")
    elif value is True or value is False:
        write(f"{start}{'true' if value else 'false'}{end}")
    elif isinstance(value, (dict, Mapping)):
        _children(start, end, [(str(key), item) for key, item in value.items()], write)
    elif isinstance(value, (list, tuple)):
        _children(start, end, [("item", item) for item in value], write)
    elif isinstance(value, (int, float)):
        write(f"{start}{value}{end}")
    else:
        _element(name, _plain(value), write)


def _children(start: str, end: str, children: list[tuple[str, Any]], write: Callable[[str], Any]) -> None:
    if not children:
        write(start[:-1] + "/>")
        return
    write(start)
    for name, value in children:
        if name == "value" and isinstance(value, (list, tuple)):
            for item in value:
                _element("value", item, write)
        else:
            _element(name, value, write)
    write(end)


@lru_cache(maxsize=1024)
def _tags(name: str) -> tuple[str, str]:
    """Start and end tag of a key; one that is no XML name becomes ``<entry name="…">``."""
    if _XML_NAME.fullmatch(name):
        return f"<{name}>", f"</{name}>"
    return f'<entry name="{escape_attribute(name)}">', "</entry>"


def _plain(value: Any) -> Any:
    """Values of other types as plain ones."""
    if isinstance(value, enum.Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if hasattr(value, "tag") and hasattr(value, "iter"):  # an ElementTree element
        return serialize(value)
    return str(value)


def media_type(header: str) -> str:
    """The media type of a ``Content-Type``, lower-case and without parameters."""
    return header.partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type is JSON: ``application/json``, ``text/json`` or ``…+json``."""
    return media.endswith(("/json", "+json"))


def is_xml(media: str) -> bool:
    """Whether a media type is XML: ``application/xml``, ``text/xml`` or ``…+xml``."""
    return media.endswith(("/xml", "+xml"))
