import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import InvalidValue
from tigrest.xmpp.form_filling import Values, fill, submission
from tigrest.xmpp.forms import FIELD_TYPES, FORM_TYPE, DataForm, Field, Option

COLOURS = (Option("red"), Option("green"), Option("blue"))
FORM = DataForm(
    "form",
    (
        Field(FORM_TYPE, ("urn:x",), "hidden"),
        Field("", ("Some words",), "fixed"),
        Field("words", ("Other words",), "fixed"),
        Field("name", ("Romeo",), "text-single"),
        Field("text", ("one", "", "three"), "text-multi"),
        Field("on", ("true",), "boolean"),
        Field("colour", ("red",), "list-single", options=COLOURS),
        Field("colours", ("red", "blue"), "list-multi", options=COLOURS),
        Field("who", ("a@b", "c@d"), "jid-multi"),
        Field("empty", (), "text-single"),
        Field("untyped", ("x",)),
    ),
)


def filled(**given: list[str] | None) -> dict[str, tuple[str, ...]]:
    form = fill(FORM, given)
    assert form.type == "submit"
    return {field.var: field.values for field in form.fields}


def test_what_the_form_has_goes_back_unless_it_is_changed_and_in_its_order() -> None:
    answer = fill(FORM, {"untyped": ["y"], "name": ["Juliet"]})
    assert [(f.var, f.values, f.type) for f in answer.fields] == [
        (FORM_TYPE, ("urn:x",), "hidden"),
        ("name", ("Juliet",), "text-single"),
        ("text", ("one", "", "three"), "text-multi"),
        ("on", ("true",), "boolean"),
        ("colour", ("red",), "list-single"),
        ("colours", ("red", "blue"), "list-multi"),
        ("who", ("a@b", "c@d"), "jid-multi"),
        ("untyped", ("y",), ""),
    ]


def test_a_field_is_cleared_by_no_value_and_left_by_none() -> None:
    assert filled(name=[])["name"] == ()
    assert filled(name=[""])["name"] == ("",)
    assert filled(name=None)["name"] == ("Romeo",)
    assert "empty" not in filled()
    assert filled(empty=[])["empty"] == ()


@pytest.mark.parametrize(
    ("var", "given", "sent"),
    [
        ("text", ["a\nb\r\nc\rd"], ("a", "b", "c", "d")),
        ("text", ["a\n\nb\n"], ("a", "", "b", "")),
        ("text", ["a", "", "b"], ("a", "", "b")),
        ("who", ["a@b\nc@d\n"], ("a@b", "c@d")),
        ("colours", ["green\nred"], ("red", "green")),
        (FORM_TYPE, ["a\nb"], ("a\nb",)),
    ],
)
def test_lines_are_values_where_a_field_may_have_several(var: str, given: list[str], sent: tuple[str, ...]) -> None:
    assert filled(**{var: given})[var] == sent


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": ["a\nb"]}, "'name' takes one line (text-single)"),
        ({"name": ["a\rb"]}, "one line"),
        ({"untyped": ["a\nb"]}, "'untyped' takes one line (text-single)"),
        ({"colour": ["red\nblue"]}, "one line"),
        ({"name": ["a", "b"]}, "'name' takes one value (text-single), not 2"),
        ({"on": ["ture"]}, "'on' is a boolean, not 'ture': use true or false"),
        ({"colour": ["rde"]}, "'colour' does not offer 'rde'; it has 'red', 'green', 'blue'"),
        ({"colours": ["red", "yellow"]}, "does not offer 'yellow'"),
        ({"words": ["mine"]}, "fixed"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused(given: Values, told: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        fill(FORM, given)
    assert told in str(caught.value)


def test_a_form_may_be_sent_back_as_it_came() -> None:
    as_it_came: Values = {field.var: list(field.values) for field in FORM.fields}
    assert fill(FORM, as_it_came) == DataForm(
        "submit", (*fill(FORM, {}).fields[:-1], Field("empty", (), "text-single"), Field("untyped", ("x",)))
    )
    odd = DataForm("form", (Field("a", ("x\ny",), "text-single"), Field("b", ("1", "2"), "text-single"), Field("c", ("no",), "boolean")))
    assert [field.values for field in fill(odd, {"a": ["x\ny"], "b": ["1", "2"], "c": ["no"]}).fields] == [("x\ny",), ("1", "2"), ("no",)]


FIELDS = st.lists(
    st.builds(
        Field,
        var=st.sampled_from(["a", "b", "c", "d", "e", ""]),
        values=st.lists(st.text(), max_size=3).map(tuple),
        type=st.sampled_from(["", "nonsense", *FIELD_TYPES]),
        options=st.lists(st.builds(Option, st.text()), max_size=2).map(tuple),
    ),
    unique_by=lambda field: field.var,
)


@given(FIELDS)
def test_of_any_form_nothing_is_lost_or_moved(fields: list[Field]) -> None:
    form = DataForm("form", tuple(fields))
    kept = [(field.var, field.values) for field in fields if field.var and field.type != "fixed"]
    assert [(field.var, field.values) for field in fill(form, {}).fields] == [(var, values) for var, values in kept if values]
    assert [(field.var, field.values) for field in fill(form, {field.var: field.values for field in fields}).fields] == kept


def test_options_keep_the_order_of_the_form() -> None:
    assert filled(colours=["blue", "green", "red"])["colours"] == ("red", "green", "blue")


def test_an_open_list_takes_other_values() -> None:
    form = DataForm("form", (Field("a", (), "list-multi", options=COLOURS, is_open=True),))
    assert fill(form, {"a": ["pink", "red"]}).values("a") == ("red", "pink")


def test_a_required_field_needs_a_value_of_the_form_or_the_caller() -> None:
    form = DataForm("form", (Field("a", (), "text-single", required=True), Field("b", ("x",), "text-single", required=True)))
    assert fill(form, {"a": ["1"]}).values("b") == ("x",)
    with pytest.raises(InvalidValue, match="requires a value of 'a'"):
        fill(form, {"b": ["1"]})


def test_without_the_form_lines_are_values() -> None:
    assert submission({"a": ["1\n2"], "b": None, "": ["x"]}) == DataForm("submit", (Field("a", ("1", "2")),))
