"""Models read the same object in each form that it may come in."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict

from tigrest.errors import MalformedContent, UnprocessableContent
from tigrest.formats.content import read_json, read_xml, write_json, write_xml
from tigrest.scripting.models import Body, Model, ModelError, is_model
from tigrest.xmpp.jid import JID


@dataclass
class Step:
    days: set[int] = field(default_factory=set)
    next: "Step | None" = None


class Plan(BaseModel):
    id: int
    price: Decimal
    size: Literal["s", "m"]
    texts: list[str]
    steps: list[Step]
    lists: list[list[int]]
    owner: JID | None = None
    when: date | None = None
    first: Step | None = None
    is_new: bool = Field(False, alias="new")


texts = st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=5)
steps = st.recursive(
    st.builds(Step, days=st.sets(st.integers(0, 9), max_size=3)),
    lambda inner: st.builds(Step, days=st.sets(st.integers(0, 9), max_size=3), next=inner),
    max_leaves=3,
)
plans = st.fixed_dictionaries(
    {
        "id": st.integers(-(2**53), 2**53),
        "price": st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-9999, max_value=9999),
        "size": st.sampled_from(["s", "m"]),
        "texts": st.lists(texts, max_size=3),
        "steps": st.lists(steps, max_size=3),
        "lists": st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3),
        "owner": st.none() | st.just(JID("a@b")),
        "when": st.none() | st.dates(),
        "first": st.none() | steps.filter(lambda step: step != Step()),
        "new": st.booleans(),
    }
)


@given(plans)
def test_json_and_xml_are_the_same_object(values: dict[str, object]) -> None:
    model = Model(Plan)
    in_json, in_xml = write_json(values), write_xml({"plan": values})
    by_json = model.read_body(Body("application/json", in_json, read_json(in_json)))
    assert by_json == Plan.model_validate(values)
    assert model.read_body(Body("application/xml", in_xml, read_xml(in_xml))) == by_json


@given(st.dictionaries(st.sampled_from(["id", "price", "texts", "when", "x"]), st.text(max_size=3) | st.lists(st.text(max_size=3))))
def test_nothing_that_is_sent_makes_it_fail_otherwise(values: dict[str, object]) -> None:
    for body in (Body("application/x-www-form-urlencoded", b"", values), Body("application/xml", b"", {"plan": values})):
        with pytest.raises(UnprocessableContent, match="content: "):
            Model(Plan).read_body(body)


def test_the_root_of_xml_is_a_field_where_the_model_has_one() -> None:
    class Inner(BaseModel):
        id: int

    class Outer(BaseModel):
        inner: Inner = Field(alias="plan")

    document = read_xml(b"<plan><id>5</id></plan>")
    body = Body("text/xml", b"", document)
    assert Model(Outer).read_body(body).inner.id == 5
    assert Model(Inner).read_body(body).id == 5
    assert Model(list[Inner]).read_body(Body("text/xml", b"", read_xml(b"<all><item><id>5</id></item></all>"))) == [Inner(id=5)]
    assert Model(list[Inner]).read_body(Body("text/xml", b"", read_xml(b"<all/>"))) == []


def test_what_is_nested_too_deeply_is_refused() -> None:
    document: object = "x"
    for _ in range(2000):
        document = {"next": document}
    with pytest.raises(MalformedContent, match="nested too deeply"):
        Model(Step).read_body(Body("text/xml", b"", {"step": document}))


@pytest.mark.parametrize("annotation", [Plan, Plan | None, list[Plan], dict[str, Plan], Step, RootModel[list[int]]])
def test_models_are_known_wherever_they_are(annotation: object) -> None:
    assert is_model(annotation)


@pytest.mark.parametrize("annotation", [dict, list[str], int | None, str, object])
def test_other_annotations_are_no_models(annotation: object) -> None:
    assert not is_model(annotation)


def test_names_for_other_types_and_mappings_are_read_like_these() -> None:
    for annotation in (RootModel[list[int]], RootModel[dict[str, list[int]]]):
        assert Model(annotation).is_mapping is False
    assert Model(RootModel[list[int]]).read_body(Body("text/xml", b"", read_xml(b"<all>5</all>"))).root == [5]
    lists = Model(RootModel[dict[str, list[int]]]).read_body(Body("text/xml", b"", read_xml(b"<all><a>5</a><b/></all>")))
    assert lists.root == {"a": [5], "b": []}


def test_what_pydantic_cannot_compile_is_said_in_one_line() -> None:
    class Thing:
        pass

    class Odd(TypedDict):
        thing: Thing

    with pytest.raises(ModelError, match=r"^Unable to generate pydantic-core schema for [^\n]*$"):
        Model(Odd)
