from xml.etree import ElementTree as ET

import pytest

from tigrest.xmpp.forms import FIELD_TYPES, FORM_TYPE, FORM_TYPES, DataForm, Field, FormTable, Option, submit
from tigrest.xmpp.xml import serialize

FORM = """
<x xmlns="jabber:x:data" type="form">
  <title>Order</title><instructions>First</instructions><instructions>Second</instructions>
  <field var="FORM_TYPE" type="hidden"><value>urn:x</value></field>
  <field type="fixed"><value>Words</value></field>
  <field var="colour" type="list-multi" label="Colour"><desc>Of the car</desc><required/>
    <value>red</value><value/><option label="Red"><value>red</value></option><option><value>blue</value></option></field>
  <field var="none" type="text-single"/>
</x>"""


def test_a_form_is_parsed_in_full() -> None:
    form = DataForm.of(ET.fromstring(FORM))
    assert (form.type, form.title, form.instructions, form.table) == ("form", "Order", "First\nSecond", None)
    assert form.field("colour") == Field(
        "colour", ("red", ""), "list-multi", "Colour", (Option("red", "Red"), Option("blue")), required=True, desc="Of the car"
    )
    assert form.field("")  # a fixed field needs no name
    assert form.value(FORM_TYPE) == "urn:x"


def test_no_value_differs_from_an_empty_one() -> None:
    form = DataForm("submit", (Field("none"), Field("empty", ("",))))
    again = DataForm.of(form.to_element())
    assert (again.values("none"), again.values("empty"), again.values("absent")) == ((), ("",), ())
    assert (again.value("none"), again.value("absent")) == ("", "")


def test_what_is_written_is_parsed_again() -> None:
    form = DataForm.of(ET.fromstring(FORM))
    assert DataForm.of(form.to_element()) == form
    columns = (Field("jid", label="Address"), Field("name"))
    rows = ((Field("jid", ("a@b",)), Field("name", ("A",))), (Field("jid", ("c@d",)),))
    result = DataForm("result", table=FormTable(columns, rows))
    assert DataForm.of(result.to_element()) == result


def test_a_form_is_found_among_other_children() -> None:
    parent = ET.fromstring('<c xmlns="urn:y"><x/><x xmlns="jabber:x:data" type="result"/></c>')
    assert DataForm.find(parent) == DataForm("result")
    assert DataForm.find(ET.fromstring("<c/>")) is None


def test_a_submission_has_the_types_and_hidden_fields_of_the_form_that_it_answers() -> None:
    template = DataForm.of(ET.fromstring(FORM))
    filled = submit([("colour", ["blue"]), ("new", ["1"])], template)
    assert filled == DataForm(
        "submit", (Field(FORM_TYPE, ("urn:x",), "hidden"), Field("colour", ("blue",), "list-multi"), Field("new", ("1",)))
    )
    assert submit([(FORM_TYPE, ["urn:z"])], template).values(FORM_TYPE) == ("urn:z",)
    assert serialize(submit([("a", [])]).to_element()) == '<x xmlns="jabber:x:data" type="submit"><field var="a"/></x>'


@pytest.mark.parametrize(
    ("field", "is_multi"),
    [
        (Field("a", type="text-multi"), True),
        (Field("a", type="text-single", label="text-multi"), False),
        (Field("a", label="text-multi"), True),
        (Field("a", ("1", "2"), "text-single"), True),
        (Field("a"), False),
    ],
)
def test_a_field_is_multi_by_its_type_its_label_or_its_values(field: Field, is_multi: bool) -> None:
    assert field.is_multi is is_multi


def test_the_types_are_those_of_the_specification() -> None:
    assert len(FIELD_TYPES) == 10
    assert set(FORM_TYPES) == {"form", "submit", "cancel", "result"}
