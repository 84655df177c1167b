from xml.etree import ElementTree as ET

import pytest

from tigrest.xmpp.forms import FIELD_TYPES, FORM_TYPE, FORM_TYPES, DataForm, Field, FormTable, Media, Option

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
    assert (form.type, form.title, form.instructions, form.tables) == ("form", "Order", "First\nSecond", ())
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
    result = DataForm("result", tables=(FormTable(columns, rows),))
    assert DataForm.of(result.to_element()) == result


def test_a_form_is_found_among_other_children() -> None:
    parent = ET.fromstring('<c xmlns="urn:y"><x/><x xmlns="jabber:x:data" type="result"/></c>')
    assert DataForm.find(parent) == DataForm("result")
    assert DataForm.find(ET.fromstring("<c/>")) is None


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


def test_rows_need_no_reported_and_there_may_be_several() -> None:
    item = '<item><field var="a"><value>{}</value><value>more</value></field></item>'
    form = DataForm.of(ET.fromstring(f'<x xmlns="jabber:x:data" type="result">{item.format(1)}{item.format(2)}</x>'))
    rows = tuple((Field("a", (number, "more")),) for number in "12")
    assert form.tables == (FormTable((), rows),)
    reported = '<reported><field var="{}"/></reported>'
    several = f'<x xmlns="jabber:x:data">{reported.format("a")}{item.format(1)}{reported.format("b")}{item.format(2)}</x>'
    tables = DataForm.of(ET.fromstring(several)).tables
    assert tables == (FormTable((Field("a"),), rows[:1]), FormTable((Field("b"),), rows[1:]))
    assert DataForm.of(DataForm("result", tables=tables).to_element()).tables == tables


def test_open_lists_and_pictures_are_read_and_written() -> None:
    text = """<x xmlns="jabber:x:data" type="form"><field var="a" type="list-single"><validate xmlns="http://jabber.org/protocol/xdata-validate"
      datatype="xs:string"><open/></validate><media xmlns="urn:xmpp:media-element"><uri type="image/png"> cid:1@bob </uri></media></field></x>"""
    form = DataForm.of(ET.fromstring(text))
    assert form.fields == (Field("a", type="list-single", is_open=True, media=(Media("image/png", "cid:1@bob"),)),)
    assert DataForm.of(form.to_element()) == form


@pytest.mark.parametrize(
    ("field", "kind", "asks"),
    [
        (Field("a"), "text-single", True),
        (Field("a", type="nonsense"), "text-single", True),
        (Field("a", label="jid-multi"), "jid-multi", True),
        (Field("a", label="fixed"), "text-single", True),
        (Field("a", type="hidden"), "hidden", False),
        (Field("a", type="fixed"), "fixed", False),
        (Field(""), "text-single", False),
    ],
)
def test_an_unknown_type_is_text_single_and_hidden_and_fixed_fields_ask_for_nothing(field: Field, kind: str, asks: bool) -> None:
    assert (field.kind, field.asks) == (kind, asks)
