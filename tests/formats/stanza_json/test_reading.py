"""JSON as stanzas: what is found out, what is refused, and that nothing breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tigrest.errors import InvalidJID, InvalidStanza, MalformedContent
from tigrest.formats.stanza_json.reading import from_json, from_parameters, from_query, from_texts
from tigrest.formats.stanza_json.table import ROWS, VOCABULARIES
from tigrest.formats.stanza_json.writing import to_json
from tigrest.inbound.webhooks.answers import WebhookResponse
from tigrest.xmpp.stanza import Stanza


def xml(value: dict[str, Any], **overrides: Any) -> str:
    return from_json(value, **overrides).to_bytes("").decode()


def refusal(value: Any, **overrides: Any) -> str:
    with pytest.raises(MalformedContent) as refused:
        from_json(value, **overrides)
    return str(refused.value)


# Kind and type


@pytest.mark.parametrize(
    ("value", "kind", "type"),
    [
        ({"body": "x"}, "message", ""),
        ({"dataform": {}}, "message", ""),
        ({"to": "a@b"}, "message", ""),
        ({"nick": "x"}, "message", ""),
        ({"type": "groupchat"}, "message", "groupchat"),
        ({"type": "error", "error": {}}, "message", "error"),
        ({"show": "away"}, "presence", ""),
        ({"type": "available"}, "presence", ""),
        ({"type": "subscribe"}, "presence", "subscribe"),
        ({"muc": {}}, "presence", ""),
        ({"caps": {}}, "presence", ""),
        ({"ping": True}, "iq", "get"),
        ({"disco": None}, "iq", "get"),
        ({"stats": True}, "iq", "get"),
        ({"lastactivity": {}}, "iq", "get"),
        ({"type": "set", "dataform": {}}, "iq", "set"),
        ({"command": "n"}, "iq", "set"),
        ({"archive": {}}, "iq", "set"),
        ({"block": ["a@b"]}, "iq", "set"),
        ({"type": "get", "archive": {}}, "iq", "get"),
        ({"archive": {"forward": {"message": {}}}}, "message", ""),
        ({"kind": None, "type": None, "show": None, "body": "x"}, "message", ""),
    ],
    ids=str,
)
def test_kind_and_type_are_found_out(value: dict[str, Any], kind: str, type: str) -> None:
    stanza = from_json(value)
    assert (stanza.kind, stanza.type) == (kind, type)


def test_an_error_makes_the_type() -> None:
    assert from_json({"kind": "iq", "type": "get", "error": {}}).type == "error"
    assert from_json({"error_code": 404}).error is not None


@pytest.mark.parametrize("code", [302, 404, 431, 500, 502, 503, 510])
def test_an_error_code_means_what_the_same_status_of_a_webhook_does(code: int) -> None:
    error, told = from_json({"error_code": code}).error, WebhookResponse(code).error
    assert error is not None
    assert (error.type, error.condition) == (told.type, told.condition)


def test_the_path_takes_the_place_of_what_the_body_says() -> None:
    value = {"kind": "presence", "type": "unavailable", "to": "x@y", "body": "hi"}
    assert xml(value, kind="message", type="chat", to="a@b/C") == '<message to="a@b/C" type="chat"><body>hi</body></message>'
    assert from_json({"body": "hi", "to": "x@y"}, kind="message", to="").to == "x@y"


def test_an_empty_object_is_enough_when_the_path_says_the_kind() -> None:
    assert xml({}, kind="message", type="chat", to="a@b") == '<message to="a@b" type="chat"/>'
    assert xml({}, kind="presence", type="available") == "<presence/>"


def test_the_attributes_of_a_stanza() -> None:
    value = {"kind": "message", "type": "chat", "to": "A@B.example/Res", "from": "C@d", "id": "1\n<'>", "lang": "sv"}
    stanza = from_json(value)
    assert stanza.attributes == {"to": "a@b.example/Res", "from": "c@d", "id": "1\n<'>", "type": "chat", "xml:lang": "sv"}
    assert Stanza.parse(bytes(stanza)).attributes == stanza.attributes


# What does not fit


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "found an empty list, wanted an object with the keys of a stanza"),
        ("x", "found the text 'x', wanted an object with the keys of a stanza"),
        (None, "found null, wanted an object with the keys of a stanza"),
        ({"kind": 5}, "kind: found the number 5, wanted message, presence or iq"),
        ({"body": "x", "type": 5}, "type: found the number 5, wanted text"),
        ({"body": "x", "id": 5}, "id: found the number 5, wanted text"),
        ({"body": "x", "to": 5}, "to: found the number 5, wanted an XMPP address"),
        ({"body": "x", "zebra": True}, "zebra: is not a key here; there are archive, "),
        ({"kind": "iq", "body": "x", "ping": True}, "body: is not a key of an iq, but of a message"),
        ({"type": "chat", "disco": True}, "disco: is not a key of a message, but of an iq"),
        ({"kind": "iq", "occupant_id": "x"}, "occupant_id: is not a key of an iq, but of a message and a presence"),
        ({"state": "sleeping"}, "state: found the text 'sleeping', wanted one of active, inactive, gone, composing, paused"),
        ({"priority": 128}, "priority: found the number 128, wanted a whole number from -128 to 127"),
        ({"priority": "high"}, "priority: found the text 'high', wanted a whole number from -128 to 127"),
        ({"priority": True}, "priority: found true, wanted a whole number from -128 to 127"),
        ({"ping": "yes"}, "ping: found the text 'yes', wanted true"),
        ({"disco": 5}, "disco: found the number 5, wanted true, text or an object"),
        ({"disco": {"features": ["urn:a", 5]}}, "disco.features[1]: found the number 5, wanted text"),
        ({"disco": {"identities": [{"type": "bot"}]}}, "disco.identities[0].category: is missing"),
        ({"items": ["a@b", {"node": "n"}]}, "items[1].jid: is missing"),
        ({"items": 5}, "items: found the number 5, wanted true, text or a list"),
        ({"command": {"nod": "n"}}, 'command.nod: is not a key here; did you mean "node"?'),
        ({"command": {}}, "command.node: is missing"),
        ({"command": {"node": "n", "data": {"a": {}}}}, "command.data.a: found an empty object, wanted text, a number, "),
        ({"dataform": {"fields": {}}}, "dataform.fields: found an empty object, wanted a list"),
        (
            {"dataform": {"fields": [{"value": ["x", None]}]}},
            "dataform.fields[0].value[1]: found null, wanted text, a number, true or false",
        ),
        (
            {"dataform": {"fields": [{"value": "\0"}]}},
            "dataform.fields[0].value: XML cannot carry the character U+0000, at 0; leave it out",
        ),
        (
            {"dataform": {"fields": [{"value": "1", "values": []}]}},
            'dataform.fields[0].values: is given beside "value"; give one of the two',
        ),
        (
            {"dataform": {"items": [{"a": {}}]}},
            "dataform.items[0].a: found an empty object, wanted text, a number, true or false, or a list",
        ),
        ({"dataform": {"items": [1]}}, "dataform.items[0]: found the number 1, wanted an object"),
        ({"formdata": {"a": ["x", {}]}}, "formdata.a[1]: found an empty object, wanted text, a number, true or false"),
        ({"disco": {"extensions": {"urn:x": {"a": "\ud800"}}}}, "disco.extensions.urn:x.a: XML cannot carry the character U+D800, at 0"),
        ({"stats": [{"name": "a", "unit": "x", "units": "y"}]}, 'stats[0].units: differs from "unit"; give one of the two'),
        ({"stats": [{"name": "a", "value": float("nan")}]}, "stats[0].value: found the number nan, wanted a number or text"),
        ({"upload_request": {"filename": "f", "size": -1}}, "upload_request.size: found the number -1, wanted a whole number from 0"),
        ({"error": {"condition": "foo-bar"}}, "error.condition: found the text 'foo-bar', wanted one of bad-request, "),
        ({"payload": {"datatype": "urn:x"}}, "payload.data: is missing"),
        ({"payload": {"datatype": "urn:x", "data": {1, 2}}}, "payload.data: JSON cannot carry this: "),
        ({"html": "plain"}, "html: has no element; write <body>…</body>"),
        ({"html": "<body/></html><evil/><html>"}, "html: XML is not well-formed: junk after document element; write <body>…</body>"),
        ({"html": "<!DOCTYPE x><body/>"}, "html: XML is not well-formed"),
        ({"html": "<body><!-- x --></body>"}, "html: XML may not contain a comment; write <body>…</body>"),
        ({"archive": {"with": ["a@b"]}}, "archive.with: found a list, wanted text"),
        ({"archive": {"ids": ["a", "\x01"]}}, "archive.ids[1]: XML cannot carry the character U+0001, at 0; leave it out"),
        ({"archive": {"max": "ten"}}, "archive.page.max: found the text 'ten', wanted a whole number from 0"),
        ({"forwarded": {"message": {"bdy": "x"}}}, 'forwarded.message.bdy: is not a key here; did you mean "body"?'),
        ({"forwarded": {"message": {"kind": "iq"}}}, "forwarded.message.kind: found the text 'iq', wanted message"),
        ({"stanza_ids": {"id": "1"}}, "stanza_ids: found an object, wanted a list"),
        ({"nick": "a" * 100 + "\x0b"}, "nick: XML cannot carry the character U+000B, at 100; leave it out"),
        ({"nick": ["a" * 100]}, "nick: found a list, wanted text"),
        ({"id": "\uffff", "body": ""}, "id: XML cannot carry the character U+FFFF, at 0; leave it out"),
        ({"x\ud800": 1}, "x\\ud800: is not a key here; there are "),
    ],
    ids=str,
)
def test_a_refusal_names_place_culprit_and_cure(value: Any, message: str) -> None:
    assert refusal(value).startswith(message)


@pytest.mark.parametrize(
    "value", [{"kind": "stream"}, {"type": "weird"}, {"kind": "presence", "type": "chat"}, {"kind": "iq"}, {"type": "get"}]
)
def test_what_is_no_stanza_is_another_error(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidStanza):
        from_json(value)


def test_an_iq_that_asks_has_exactly_one_payload() -> None:
    with pytest.raises(InvalidStanza, match="exactly one payload; this one has 2: ping, version"):
        from_json({"kind": "iq", "ping": True, "version": True})
    with pytest.raises(InvalidStanza, match="has 0: ping"):
        from_json({"kind": "iq", "ping": False})
    with pytest.raises(InvalidStanza, match="at most one payload"):
        from_json({"kind": "iq", "type": "result", "ping": True, "version": {}})
    assert xml({"kind": "iq", "type": "result"}) == '<iq type="result"/>'


@pytest.mark.parametrize("address", ["", "@@@", "a@", "a@b@c", "a@b/"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    for key in ("to", "from"):
        with pytest.raises(InvalidJID, match=f"^{key}: "):
            from_json({"body": "x", key: address})


def test_messages_nested_too_deeply_are_refused() -> None:
    value: dict[str, Any] = {"body": "x"}
    for _ in range(2000):
        value = {"forwarded": {"message": value}}
    assert refusal(value) == "the stanza is nested too deeply"
    value = {"body": "x"}
    for _ in range(40):
        value = {"forwarded": {"message": value}}
    assert refusal(value).endswith(".forwarded.message: has messages forwarded in each other more than 32 times over")


# Both generations, and what mod_rest gets wrong


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"thread": "t1"}, {"thread": {"id": "t1"}}),
        ({"priority": "5"}, {"priority": 5}),
        ({"kind": "iq", "version": True}, {"kind": "iq", "version": {}}),
        ({"join": True}, {"muc": {}}),
        ({"oob_url": "http://x/"}, {"oob": {"url": "http://x/"}}),
        ({"stats": [{"name": "a", "value": "3054635", "unit": "s"}]}, {"stats": [{"name": "a", "value": 3054635, "units": "s"}]}),
        ({"stats": True}, {"stats": []}),
        ({"items": ["a@b"]}, {"items": [{"jid": "a@b"}]}),
        ({"items": "n"}, {"items": {"node": "n"}}),
        ({"disco": "n"}, {"disco": {"node": "n"}}),
        ({"command": "n"}, {"command": {"node": "n"}}),
        ({"archive": {"ids": "a,b"}}, {"archive": {"ids": ["a", "b"]}}),
        ({"archive": {"max": "10"}}, {"archive": {"page": {"max": 10}}}),
        ({"dataform": {"fields": [{"var": "a", "value": ["x"]}]}}, {"dataform": {"fields": [{"var": "a", "values": ["x"]}]}}),
        ({"dataform": {"fields": [{"var": "a", "value": True}]}}, {"formdata": {"a": "1"}}),
        ({"dataform": {"type": "submit", "fields": [{"var": "a", "value": None}]}}, {"formdata": {"a": None}}),
        ({"command": {"node": "n", "form": {}, "data": {"a": "1"}}}, {"command": {"node": "n", "form": {"type": "submit"}}}),
    ],
    ids=str,
)
def test_two_ways_to_say_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert xml(one) == xml(other)


def test_numbers_are_exact() -> None:
    assert 'value="3054635"' in xml({"stats": [{"name": "a", "value": 3054635}]})
    assert 'value="0.1"' in xml({"stats": [{"name": "a", "value": 0.1}]})
    assert 'value="9007199254740993"' in xml({"stats": [{"name": "a", "value": 9007199254740993}]})
    assert "<count>9007199254740993</count>" in xml({"kind": "message", "rsm": {"count": 9007199254740993}})


def test_fields_and_items_are_siblings() -> None:
    form = from_json({"dataform": {"fields": [{"var": "a"}, {"var": "b"}]}}).xml[0]
    assert [field.get("var") for field in form] == ["a", "b"]
    items = from_json({"kind": "iq", "type": "result", "items": [{"jid": "a"}, {"jid": "b"}]}).xml[0]
    assert [item.get("jid") for item in items] == ["a", "b"]


def test_each_line_is_a_value_of_a_field_of_several_lines() -> None:
    field = {"var": "a", "type": "text-multi", "value": "l1\nl2"}
    assert "<value>l1</value><value>l2</value>" in xml({"dataform": {"fields": [field]}})


def test_options_may_be_texts() -> None:
    assert "<option><value>x</value></option>" in xml({"dataform": {"fields": [{"var": "a", "options": ["x"]}]}})


def test_the_payload_is_the_json_of_its_xep_whatever_it_is() -> None:
    written = xml({"payload": {"datatype": "urn:x", "data": None}})
    assert (
        written
        == '<message><payload xmlns="urn:xmpp:json-msg:0" datatype="urn:x"><json xmlns="urn:xmpp:json:0">null</json></payload></message>'
    )
    assert to_json(from_json({"payload": {"datatype": "urn:x", "data": "\ufffe\0<"}}))["payload"]["data"] == "\ufffe\0<"


# One query, parameters, forms


def test_a_query_has_the_whole_body_for_its_value() -> None:
    assert from_query("version", {}, "x.y").to_bytes("") == b'<iq to="x.y" type="get"><query xmlns="jabber:iq:version"/></iq>'
    assert from_query("ping", {"any": "thing"}).to_bytes("") == b'<iq type="get"><ping xmlns="urn:xmpp:ping"/></iq>'
    assert from_query("command", {"node": "uptime"}, "x.y").type == "set"
    assert from_query("disco", None).to_bytes("").endswith(b'disco#info"/></iq>')


@pytest.mark.parametrize(
    ("query", "parameters", "value"),
    [
        ("ping", {"x": "y"}, True),
        ("version", {}, {}),
        ("disco", {}, True),
        ("disco", {"node": "n"}, {"node": "n"}),
        ("items", {"node": "http://jabber.org/protocol/commands"}, "http://jabber.org/protocol/commands"),
        ("stats", {}, []),
        ("lastactivity", {}, {}),
        ("extdisco", {"type": "turn"}, {"type": "turn"}),
        ("archive", {"with": "a@b", "max": "10", "ids": "a,b"}, {"with": "a@b", "max": 10, "ids": ["a", "b"]}),
        ("upload_request", {"filename": "f", "size": "5", "content-type": "a/b"}, {"filename": "f", "size": 5, "content-type": "a/b"}),
        ("oob", {"url": "http://x"}, {"url": "http://x"}),
        ("payload", {"datatype": "urn:x", "data": "1"}, {"datatype": "urn:x", "data": "1"}),
        ("register", {"username": "u", "remove": ""}, {"username": "u", "remove": True}),
        ("result", {"complete": "1"}, {"complete": True}),
    ],
)
def test_parameters_become_what_the_key_wants(query: str, parameters: dict[str, str], value: Any) -> None:
    assert from_parameters(query, parameters, "a@b").to_bytes() == from_query(query, value, "a@b").to_bytes()


def test_a_parameter_that_does_not_fit_is_named() -> None:
    with pytest.raises(MalformedContent, match=r'^disco.nod: is not a key here; did you mean "node"\?'):
        from_parameters("disco", {"nod": "n"})
    with pytest.raises(MalformedContent, match="^upload_request.size: found the text 'big', wanted a whole number from 0"):
        from_parameters("upload_request", {"filename": "f", "size": "big"})


@pytest.mark.parametrize("query", ["verson", "body", "uptime", ""])
def test_a_query_that_does_not_exist_is_named(query: str) -> None:
    with pytest.raises(InvalidStanza, match=r"is not a query; (did you mean 'version'\?|there are archive, block)"):
        from_query(query, {})
    with pytest.raises(InvalidStanza):
        from_parameters(query, {})


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        ({"kind": "iq", "ping": ""}, {"kind": "iq", "ping": True}),
        ({"kind": "iq", "ping": "True"}, {"kind": "iq", "ping": True}),
        ({"version": ""}, {"version": {}}),
        ({"disco": "node"}, {"disco": "node"}),
        ({"disco": ""}, {"disco": True}),
        ({"items": "node"}, {"items": "node"}),
        ({"command": "node"}, {"command": "node"}),
        ({"stats": "true"}, {"stats": True}),
        ({"show": "away", "priority": "5"}, {"show": "away", "priority": 5}),
        ({"join": "0", "to": "a@b"}, {"kind": "presence", "to": "a@b"}),
        ({"body": "5", "to": "a@b"}, {"body": "5", "to": "a@b"}),
    ],
)
def test_fields_of_a_form_become_what_the_keys_want(texts: dict[str, str], value: dict[str, Any]) -> None:
    assert from_texts(texts).to_bytes() == from_json(value).to_bytes()


def test_a_field_of_a_form_that_does_not_fit_is_named() -> None:
    with pytest.raises(MalformedContent, match="^oob: found the text 'x', wanted an object"):
        from_texts({"oob": "x"})


# Anything at all

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["", "<", "form", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["node", "fields", "value", "type", "form", "url", "id", "message", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.hypothesis
@pytest.mark.parametrize("kind", VOCABULARIES)
def test_whatever_is_sent_is_refused_or_becomes_a_stanza(kind: str) -> None:
    keys = sorted(VOCABULARIES[kind].keys | {"to", "from", "id", "lang", "type"})

    @settings(max_examples=settings().max_examples * 3, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(keys), ANY, max_size=3))
    def check(value: dict[str, Any]) -> None:
        message = ""
        try:
            stanza = from_json(value, kind=kind)
            json.dumps(to_json(Stanza.parse(bytes(stanza))))
        except (MalformedContent, InvalidJID) as error:
            message = str(error)
        message.encode()

    check()


def test_each_key_refuses_a_value_of_another_type_by_name() -> None:
    for row in ROWS:
        if row.key != "payload":
            assert refusal({row.key: [[object()]]}, kind=row.kinds[0]).startswith(row.key)


def test_what_a_get_may_ask_changes_nothing() -> None:
    """GET /rest/{query}/{to} is for these keys; an archive is asked by a set (XEP-0313 §4.1), which only reads."""
    iq = VOCABULARIES["iq"]
    assert iq.changing == {"block", "command"}
    types = {key: from_json({key: iq.rows[key].example}, kind="iq").type for key in iq.keys - iq.changing}
    assert {key for key, type in types.items() if type == "set"} == {"archive"}
