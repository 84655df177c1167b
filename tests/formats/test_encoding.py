"""Python values have one spelling, the same in JSON and XML; what has none is named by its path."""

import asyncio
import enum
import zoneinfo
from collections import OrderedDict, deque, namedtuple
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import orjson
import pytest
from pydantic import BaseModel, Field, RootModel, SecretStr

from tigrest.formats.content import write_json, write_xml
from tigrest.formats.encoding import Unencodable
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza


class Colour(enum.Enum):
    RED = "red"


class Name(str, enum.Enum):  # noqa: UP042 - its format differs from that of StrEnum
    BOB = "b&b"


class Level(int, enum.Enum):
    HIGH = 3


@dataclass(frozen=True)
class Point:
    x: int
    when: date | None = None
    _hidden: int = 5


class Order(BaseModel):
    id: int
    price: Decimal = Decimal("1.10")
    at: datetime = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    size: Colour = Colour.RED
    note: str | None = Field(None, validation_alias="remark")


Pair = namedtuple("Pair", "a b")
ID = UUID("6f1b1f0e-0000-4000-8000-000000000001")
MESSAGE = Stanza.parse(b"<message to='a@b'/>")


class Text(str):
    pass


class Items(list[object]):
    pass


@pytest.mark.parametrize(
    ("value", "simple"),
    [
        (date(2026, 11, 26), "2026-11-26"),
        (datetime(2026, 11, 26, 9, 30), "2026-11-26T09:30:00"),
        (datetime(2026, 11, 26, 9, 30, 1, 5, tzinfo=UTC), "2026-11-26T09:30:01.000005+00:00"),
        (datetime(2026, 7, 1, 9, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), "2026-07-01T09:00:00+02:00"),
        (time(9, 30), "09:30:00"),
        (time(9, 30, tzinfo=UTC), "09:30:00+00:00"),
        (timedelta(minutes=90), "PT1H30M"),
        (Decimal("1.10"), "1.10"),
        (ID, str(ID)),
        (Colour.RED, "red"),
        (Name.BOB, "b&b"),
        (Level.HIGH, 3),
        (JID("a@b"), "a@b"),
        (Text("x"), "x"),
        (Items([1]), [1]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": Decimal(1)}), {"a": "1"}),
        ((1, "x"), [1, "x"]),
        (Pair(1, "x"), [1, "x"]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({3, 1.5}), [1.5, 3]),
        ({Colour.RED}, ["red"]),
        ({Point(2), Point(1)}, [{"x": 1, "when": None}, {"x": 2, "when": None}]),
        (deque([1]), [1]),
        (Point(1, date(2026, 1, 1)), {"x": 1, "when": "2026-01-01"}),
        (Order.model_validate({"id": 1}), {"id": 1, "price": "1.10", "at": "2026-11-26T09:30:00+00:00", "size": "red", "note": None}),
        (RootModel[list[Colour]]([Colour.RED]), ["red"]),
        (SecretStr("hidden"), "**********"),
        (Path("/a"), "/a"),
        (ET.Element("a"), "<a/>"),
        (MESSAGE, str(MESSAGE)),
        (float("nan"), None),
        (1e-7, 1e-7),
        (2**70, 2**70),
        ("a\ud800", "a\ufffd"),
    ],
)
def test_values_have_one_spelling(value: object, simple: Any) -> None:
    assert write_json({"r": {"v": value}}) == orjson.dumps({"r": {"v": simple}}) if simple != 2**70 else True
    assert write_xml({"r": {"v": value}}) == write_xml({"r": {"v": simple}})
    assert write_json({"l": [value, value]}) == write_json({"l": [simple, simple]})


def test_large_numbers_stay_whole() -> None:
    assert write_json({"n": 2**70}) == b'{"n":1180591620717411303424}'


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *[(5, "5"), (True, "true"), (None, "null"), (1.5, "1.5"), (2**70, str(2**70)), (Text("x"), "x"), ("a\ud800", "a\ufffd")],
        *[
            (Colour.RED, "red"),
            (Level.HIGH, "3"),
            (date(2026, 1, 1), "2026-01-01"),
            (ID, str(ID)),
            (Decimal("1.0"), "1.0"),
            (JID("a@b"), "a@b"),
        ],
    ],
)
def test_keys_have_one_spelling(key: object, text: str) -> None:
    assert write_json({"r": {key: 1}}) == write_json({"r": {text: 1}})
    assert write_xml({"r": {key: 1}}) == write_xml({"r": {text: 1}})
    assert write_xml({key: 1}) == write_xml({text: 1})


def test_a_dataclass_or_model_is_a_document_like_its_dict() -> None:
    assert write_xml(Point(1)) == b"<result><x>1</x><when/></result>"
    assert write_xml(RootModel[dict[str, int]]({"a": 1})) == b"<a>1</a>"
    assert write_json(Point(1)) == b'{"x":1,"when":null}'


def generate() -> Iterator[int]:
    yield 1


async def generate_slowly() -> AsyncIterator[int]:
    yield 1


class Thing:
    pass


@dataclass
class Box:
    content: object = field(default_factory=Thing)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"items": [1, 2, 3, {"when": Thing()}]}, "$.items[3].when is an object of type Thing: make a dict or a text of it"),
        ({"a b": (1, Thing)}, "$['a b'][1] is the class Thing: make an object of it, Thing(…)"),
        ({"data": b"\0"}, "$.data is bytes: decode them to text"),
        ({"n": generate()}, "$.n is a generator: make a list of it"),
        ({"n": generate_slowly()}, "$.n is an async_generator: make a list of it"),
        ({"n": iter([1])}, "$.n is a list_iterator: make a list of it"),
        ({"s": {1, "a"}}, "$.s is a set of mixed types, which has no order: make a list of it"),
        ({"s": {Thing()}}, "$.s is an object of type Thing"),
        ([{"k": {(1,): 2}}], "$[0].k is a key of type tuple: use text"),
        ({b"x": 1}, "$ is bytes"),
        (Box(), "$.content is an object of type Thing"),
        ({"r": Box([Thing()])}, "$.r.content[0] is an object"),
        ({"m": RootModel[Any]([Thing()])}, "$.m[0] is an object"),
        ({"n": 10**5000}, "$.n is a number of too many digits"),
        ({"e": ValueError("x")}, "$.e is an exception, ValueError: raise it"),
        ({"k": {"a": 1}.keys() | {None}}, "$.k is a set of mixed types"),
    ],
)
@pytest.mark.parametrize("write", [write_json, write_xml])
def test_what_cannot_be_written_is_named(value: object, problem: str, write: Callable[[object], bytes]) -> None:
    with pytest.raises(Unencodable) as refused:
        write(value)
    assert problem in str(refused.value)


def test_a_coroutine_is_named_and_handed_over_to_be_closed() -> None:
    waiting = asyncio.sleep(0)
    with pytest.raises(Unencodable, match=r"^\$\.r\.x is a coroutine that was not awaited: write await$") as refused:
        write_json({"r": {"x": waiting}})
    assert refused.value.culprit is waiting
    waiting.close()
