"""Conversion of Python values into the types of JSON. Each type has one spelling, the same in JSON and XML."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import orjson
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticSerializationError

from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import serialize

ROOT_PATH = "$"
"""JSONPath of the whole value. RFC 9535 §2.2"""

NO_DATA = "_no_data"
"""Attribute of dataclasses that are no data, with the reason and the cure: a ``Result`` inside of a dict would look like one."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGE = 1 << 63
_OTHER: TypeAdapter[Any] = TypeAdapter(Any)
"""Converts the types that pydantic knows: URLs, IP addresses, paths, durations, and secrets, which it masks."""


class Unencodable(TypeError):
    """A value, or a part of it, has no spelling in JSON and XML.

    Args:
        reason: culprit and cure, without the path.
        culprit: the part.
        path: its JSONPath, e.g. ``$.items[3].when``; empty while it is not known.
    """

    def __init__(self, reason: str, culprit: object = None, path: str = "") -> None:
        super().__init__(f"{path or ROOT_PATH} is {reason}")
        self.reason, self.culprit, self.path = reason, culprit, path


def is_document(value: object) -> bool:
    """Return whether a value is an object or a list in JSON, so that it can be a document on its own."""
    return isinstance(value, Mapping | list | tuple | AbstractSet | ValuesView | BaseModel) or (
        is_dataclass(value) and not isinstance(value, type)
    )


def simplify(value: Any) -> Any:
    """Convert a value of a type that JSON lacks, without the parts of the value.

    Dates and times become text in ISO 8601, decimals and UUIDs text, dataclasses objects of the fields that do not begin with ``_``.

    Raises:
        Unencodable: the type has no spelling.
    """
    if hasattr(type(value), "__dataclass_fields__"):  # is_dataclass, in a third of its time
        if (reason := getattr(value, NO_DATA, None)) is not None:
            raise Unencodable(reason, value)
        return {field.name: getattr(value, field.name) for field in fields(value) if field.name[0] != "_"}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | Stanza):
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | KeysView | ValuesView | ItemsView):
        return list(value)
    if isinstance(value, AbstractSet):
        return _ordered(value)
    if isinstance(value, ET.Element):
        return serialize(value)
    return _as_pydantic(value)


def _ordered(value: AbstractSet[Any]) -> list[Any]:
    """Return the members of a set in an order that does not depend on their hashes."""
    members = [plain(member) for member in value]
    try:
        return sorted(members)
    except TypeError:
        if len({type(member) for member in members}) == 1:
            return sorted(members, key=lambda member: orjson.dumps(member, option=orjson.OPT_SORT_KEYS))
    raise Unencodable("a set of mixed types, which has no order: make a list of it", value)


def _as_pydantic(value: object) -> Any:
    if (reason := _refused(value)) is None:
        try:
            return _OTHER.dump_python(value, mode="json")
        except PydanticSerializationError:
            cure = "make a list of it" if isinstance(value, Iterable) else "make a dict or a text of it"
            reason = f"an object of type {type(value).__qualname__}: {cure}"
    raise Unencodable(reason, value)


def _refused(value: object) -> str | None:
    """Return why a value is refused although pydantic could convert it, or with a hint for a common mistake; ``None`` if it is not."""
    if isinstance(value, type):
        return f"the class {value.__qualname__}: make an object of it, {value.__name__}(…)"
    if inspect.isroutine(value):
        return f"the function {value.__name__}: call it, {value.__name__}(…)"
    if isinstance(value, BaseException):
        return f"an exception, {type(value).__qualname__}: raise it"
    if inspect.isawaitable(value):
        return f"{_kind(value)} that was not awaited: write await"
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes: decode them to text"
    if hasattr(value, "read"):
        return f"{_kind(value)}: read it"
    if hasattr(value, "__next__") or hasattr(value, "__anext__"):
        return f"{_kind(value)}: make a list of it"
    return None


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def key_text(key: object) -> str:
    """Convert the key of a mapping into text.

    Raises:
        Unencodable: its type has no spelling as text.
    """
    if isinstance(key, str) and not isinstance(key, enum.Enum):
        return str(key)
    if key is None or isinstance(key, bool | float):
        return orjson.dumps(key).decode()
    if isinstance(key, int) and not isinstance(key, enum.Enum):
        return str(int(key))
    simple = simplify(key)
    if isinstance(simple, dict | list):
        raise Unencodable(f"a key of type {type(key).__qualname__}: use text", key)
    return key_text(simple)


def plain(value: object, path: str = ROOT_PATH) -> Any:
    """Convert a value and all its parts into the types of JSON.

    Slower than the encoders, which call :func:`simplify` for single parts: used where they fail, to find the culprit.

    Args:
        value: the value.
        path: its JSONPath.

    Raises:
        Unencodable: a part has no spelling; has the path of that part.
    """
    if value is None or isinstance(value, bool | float | orjson.Fragment):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, path)
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, int):
        return int(value) if -_LARGE <= value < _LARGE else orjson.Fragment(_at(path, str, int(value)))
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", _at(path, key_text, key)): plain(item, path + _step(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return plain(_at(path, simplify, value), path)


def _at(path: str, convert: Callable[[Any], Any], value: object) -> Any:
    """Convert a part of a value; an error gets the path of the part."""
    try:
        return convert(value)
    except Unencodable as error:
        raise Unencodable(error.reason, error.culprit, path + error.path.removeprefix(ROOT_PATH)) from None
    except ValueError:  # Python writes numbers of up to 4300 digits
        raise Unencodable("a number of too many digits", value, path) from None


def _step(key: object) -> str:
    text = str(key)
    return f".{text}" if _IDENTIFIER.fullmatch(text) else f"[{text!r}]"


def endless(value: object) -> Unencodable:
    """Return the error for a value in which an encoder found no end.

    Args:
        value: the value.
    """
    path = _path_of_own_part(value)
    return Unencodable("nested too deeply" if path is None else "an object that holds itself", value, path or ROOT_PATH)


def _path_of_own_part(value: object) -> str | None:
    """Return the path of the first dict or list that is a part of itself; ``None`` where there is none."""
    done: set[int] = set()
    way: dict[int, None] = {id(value): None}
    steps = [(value, ROOT_PATH, _parts(value))]
    while steps:
        whole, path, parts = steps[-1]
        for step, part in parts:
            if id(part) in way:
                return path + step
            if isinstance(part, dict | list | tuple) and id(part) not in done:
                way[id(part)] = None
                steps.append((part, path + step, _parts(part)))
                break
        else:
            done.add(id(whole))
            del way[id(whole)]
            steps.pop()
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((_step(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
