"""Stanzas as JSON: seed shapes, newer keys in addition, and that no stanza breaks it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tigrest.formats.stanza_json.reading import from_json
from tigrest.formats.stanza_json.table import ROWS
from tigrest.formats.stanza_json.vocabulary import Row
from tigrest.formats.stanza_json.writing import to_json
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import serialize


def of_message(inside: str, attributes: str = "") -> dict[str, Any]:
    value = to_json(Stanza.parse(f"<message {attributes}>{inside}</message>"))
    assert value.pop("kind") == "message"
    return value


def of_iq(inside: str) -> dict[str, Any]:
    value = to_json(Stanza.parse(f"<iq type='result'>{inside}</iq>"))
    return {key: item for key, item in value.items() if key not in ("kind", "type")}


def test_the_attributes_of_a_stanza() -> None:
    stanza = Stanza.parse("<message from='a@b/c' to='d@e' id='1' type='chat' xml:lang='sv' foo='bar'/>")
    assert to_json(stanza) == {"kind": "message", "type": "chat", "to": "d@e", "from": "a@b/c", "id": "1", "lang": "sv"}


def test_a_presence_without_type_is_available() -> None:
    assert to_json(Stanza.parse("<presence/>")) == {"kind": "presence", "type": "available"}
    assert to_json(Stanza.parse("<message></message>")) == {"kind": "message"}


def test_a_stanza_without_children_needs_no_tree() -> None:
    stanza = Stanza.parse("<iq type='result' id='1'/>")
    to_json(stanza)
    assert "xml" not in vars(stanza)


def test_a_thread_is_text_unless_it_has_a_parent() -> None:
    assert of_message("<thread>t1</thread>") == {"thread": "t1"}
    assert of_message("<thread/>") == {"thread": ""}
    assert of_message("<thread parent='t0'>t1</thread>") == {"thread": {"id": "t1", "parent": "t0"}}


def test_priority_is_text() -> None:
    assert to_json(Stanza.parse("<presence><priority> 5 </priority></presence>"))["priority"] == "5"
    assert "priority" not in to_json(Stanza.parse("<presence><priority>high</priority></presence>"))


def test_a_body_is_that_in_the_language_of_the_stanza() -> None:
    bodies = "<body xml:lang='de'>Hallo</body><body xml:lang='en'>Hello</body>"
    assert of_message(bodies, "xml:lang='en'")["body"] == "Hello"
    assert of_message(bodies, "xml:lang='fr'")["body"] == "Hallo"
    assert of_message(bodies + "<body>Bonjour</body>", "xml:lang='fr'")["body"] == "Bonjour"
    assert of_message("<subject xml:lang='de'>Hallo</subject><subject>Hi</subject>")["subject"] == "Hi"


def test_both_spellings_of_the_unit_are_read_as_that_of_the_seed() -> None:
    stats = "<query xmlns='http://jabber.org/protocol/stats'><stat name='a' units='x' value='1'/><stat name='b' unit='y'/></query>"
    assert of_iq(stats) == {"stats": [{"name": "a", "unit": "x", "value": "1"}, {"name": "b", "unit": "y"}]}


def test_an_attached_file_has_both_keys_of_both_namespaces() -> None:
    both = {"oob_url": "u", "oob": {"url": "u"}}
    assert of_message("<x xmlns='jabber:x:oob'><url>u</url></x>") == both
    assert of_message("<query xmlns='jabber:iq:oob'><url>u</url></query>") == both
    assert of_iq("<x xmlns='jabber:x:oob'><url>u</url></x>") == both


def test_json_of_both_generations_is_read() -> None:
    inner = "<payload xmlns='urn:xmpp:json-msg:0' datatype='urn:x'><json xmlns='urn:xmpp:json:0'>[1]</json></payload>"
    text = "<payload xmlns='urn:xmpp:json-msg:0' datatype='urn:x'>[1]</payload>"
    assert of_message(inner) == of_message(text) == {"payload": {"datatype": "urn:x", "data": [1]}}
    assert of_message(text.replace("[1]", "[1")) == {}


def test_a_note_beside_actions_is_kept() -> None:
    command = "<command xmlns='http://jabber.org/protocol/commands' node='n'><actions><next/></actions><note>x</note></command>"
    assert of_iq(command) == {"command": {"node": "n", "actions": {"next": True}, "note": {"text": "x"}}}


def test_several_notes_are_kept() -> None:
    command = "<command xmlns='http://jabber.org/protocol/commands' node='n'><note>x</note><note type='warn'>y</note></command>"
    notes = [{"text": "x"}, {"type": "warn", "text": "y"}]
    assert of_iq(command)["command"] == {"node": "n", "note": notes[0], "notes": notes}


def test_a_field_without_type_keeps_all_its_values() -> None:
    form = "<x xmlns='jabber:x:data' type='form'><field var='e'><value>x</value><value>y</value></field></x>"
    assert of_message(form)["dataform"]["fields"] == [{"var": "e", "value": ["x", "y"]}]


def test_a_table_of_results_is_kept() -> None:
    form = (
        "<x xmlns='jabber:x:data' type='result'><reported><field var='a' type='list-multi'/><field var='b' label='B'/></reported>"
        "<item><field var='a'><value>1</value></field><field var='b'><value>2</value></field></item><item><field var='a'/></item></x>"
    )
    assert of_message(form)["dataform"] == {
        "type": "result",
        "fields": [],
        "reported": [{"var": "a", "type": "list-multi"}, {"var": "b", "label": "B"}],
        "items": [{"a": ["1"], "b": "2"}, {"a": None}],
    }


@pytest.mark.parametrize(
    ("form", "extensions"),
    [
        ("<field var='FORM_TYPE' type='hidden'><value>t</value></field><field var='a'><value>1</value></field>", {"t": {"a": ["1"]}}),
        ("<field var='FORM_TYPE'><value>t</value></field>", {"t": {}}),
        ("<field var='FORM_TYPE'/><field var='a' type='boolean'><value>1</value></field>", {"": {"a": True}}),
        ("<field var='a' type='text-single'/><field type='fixed'><value>x</value></field>", {"": {"a": None}}),
        ("<field var='a' type='text-multi'><value>1</value><value>2</value></field>", {"": {"a": "1\n2"}}),
        ("<field var='a' type='list-single'><value>1</value></field>", {"": {"a": ["1"]}}),
    ],
)
def test_forms_in_disco_replies_need_no_form_type(form: str, extensions: dict[str, Any]) -> None:
    disco = f"<query xmlns='http://jabber.org/protocol/disco#info'><x xmlns='jabber:x:data' type='result'>{form}</x></query>"
    assert of_iq(disco) == {"disco": {"identities": [], "features": [], "extensions": extensions}}


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
def test_errors_come_back_as_they_are_written(kind: str) -> None:
    value = {"kind": kind, "type": "error", "error": {"type": "cancel", "condition": "item-not-found", "text": "nope", "by": "x.y"}}
    assert to_json(from_json(value)) == value


def test_an_error_keeps_what_bounced() -> None:
    value = {"kind": "message", "type": "error", "body": "hi", "error": {"type": "cancel", "condition": "service-unavailable"}}
    assert to_json(from_json(value)) == value


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ("", {}),
        ("<error code='404'>Not Found</error>", {"condition": "undefined-condition"}),
        ("<error type='odd'/>", {"condition": "undefined-condition"}),
        (
            "<error type='wait'><app xmlns='urn:x'/><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:x</gone></error>",
            {"type": "wait", "condition": "gone"},
        ),
    ],
)
def test_errors_that_say_little(inside: str, error: dict[str, Any]) -> None:
    assert of_message(inside, "type='error'") == {"type": "error", "error": error}


def test_what_looks_like_an_error_is_none_without_the_type() -> None:
    assert of_message("<error type='cancel'/>") == {}


def test_html_without_an_element_is_left_out() -> None:
    assert of_message("<html xmlns='http://jabber.org/protocol/xhtml-im'/>") == {}


def test_html_in_several_languages_is_kept() -> None:
    body = "<body xmlns='http://www.w3.org/1999/xhtml' xml:lang='{}'>x</body>"
    html = of_message(f"<html xmlns='http://jabber.org/protocol/xhtml-im'>{body.format('en')}{body.format('de')}</html>")["html"]
    assert html == '<body xml:lang="en">x</body><body xml:lang="de">x</body>'
    assert of_message(from_json({"html": html}).to_bytes("").decode()[9:-10]) == {"html": html}


def test_messages_forwarded_in_each_other_are_read_to_the_bottom() -> None:
    inner = "<body>x</body>"
    for _ in range(100):
        inner = f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>{inner}</message></forwarded>"
    value = of_message(inner)
    for _ in range(100):
        value = value["forwarded"]["message"]
    assert value == {"body": "x"}


def without_attributes(element: ET.Element) -> None:
    for inner in element.iter():
        inner.attrib.clear()


def without_children(element: ET.Element) -> None:
    for inner in list(element):
        element.remove(inner)


def with_other_text(element: ET.Element) -> None:
    for inner in element.iter():
        inner.text = inner.tail = "x"
        inner.attrib.update(dict.fromkeys(inner.attrib, "x"))


def with_children_twice(element: ET.Element) -> None:
    for inner in list(element.iter()):
        inner.extend([deepcopy(child) for child in inner])


@pytest.mark.parametrize("damage", [without_attributes, without_children, with_other_text, with_children_twice])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_an_element_that_is_not_as_it_should_be_breaks_nothing(row: Row, damage: Any) -> None:
    for place in (row.element, *row.also):
        element = ET.fromstring(row.shape.writer(place)(row.example))
        damage(element)
        for kind in row.kinds:
            json_again = to_json(Stanza.parse(f"<{kind} type='error'>{serialize(element, 'jabber:client')}</{kind}>"))
            assert json_again["kind"] == kind
