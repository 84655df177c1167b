"""Samples of what models describe, for lines to paste."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyUrl, BaseModel, Field, TypeAdapter

from tigrest.scripting.samples import sample_of
from tigrest.xmpp.jid import JID


class Colour(enum.Enum):
    RED = "red"


class Part(BaseModel):
    name: str
    weight: float = 1.5


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Chain(BaseModel):
    next: Chain | None


@dataclass
class Point:
    x: int
    y: int


class Whole(BaseModel):
    jid: JID
    part: Part
    parts: Annotated[list[Part], Field(min_length=2)]
    colour: Colour
    kind: Literal["a", "b"] | None
    when: datetime.datetime
    point: Point
    others: dict[str, int]
    pair: tuple[int, str]
    not_needed: str = "x"


class Optional(BaseModel):
    a: int = 1
    b: str | None = None


class WithExamples(BaseModel):
    model_config = {"json_schema_extra": {"examples": [{"name": "Ulysses"}]}}
    name: str


@pytest.mark.parametrize(
    "annotation",
    [
        *(str, int, float, bool, None, JID, Colour, Part, Tree, Point, Whole, Optional, Decimal, uuid.UUID, Any, AnyUrl),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, IPv4Address, IPv6Address),
        *(list[int], set[str], dict[str, Part], tuple[int, str, bool], int | None, Part | int, Chain),
        Annotated[int, Field(gt=4)],
        Annotated[int, Field(ge=5, multiple_of=4)],
        Annotated[int, Field(lt=-3)],
        Annotated[int, Field(le=0)],
        Annotated[float, Field(gt=0, lt=1.5)],
        Annotated[str, Field(min_length=10)],
        Annotated[str, Field(max_length=2)],
        Annotated[list[str], Field(min_length=3)],
    ],
)
def test_a_sample_is_valid(annotation: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    adapter.validate_python(sample_of(adapter.json_schema()))


def test_of_objects_what_is_required_is_shown_or_all_where_nothing_is() -> None:
    assert sample_of(Part.model_json_schema()) == {"name": "text"}
    assert sample_of(Optional.model_json_schema()) == {"a": 1, "b": None}
    assert sample_of(WithExamples.model_json_schema()) == {"name": "Ulysses"}
