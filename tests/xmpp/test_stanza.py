"""Stanzas from strangers, checked and readdressed."""

from typing import cast
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.errors import InvalidStanza, StanzaError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza, make_stanza
from tigrest.xmpp.start_tags import _memoised
from tigrest.xmpp.xml import MAX_NODES, escape, escape_attribute, serialize


def test_addresses_are_changed_and_the_rest_stays_to_the_byte() -> None:
    body = '\n <body>1 &lt; 2</body><q:x xmlns:r="urn:r" r:b="2"/>\n'
    stanza = Stanza.parse(f'<message xmlns="jabber:client" xmlns:q="urn:q" type="chat" q:a="1" xml:lang="en">{body}</message>')
    sent = stanza.with_(to="a@b", sender="http.localhost", id="1").to_bytes("")
    assert (
        sent.decode()
        == f'<message xmlns:q="urn:q" type="chat" q:a="1" xml:lang="en" to="a@b" from="http.localhost" id="1">{body}</message>'
    )


def test_attributes_cannot_break_out_of_their_quotes() -> None:
    stanza = Stanza.parse("<iq id='1'/>").with_(id="\"'<>&\n\x00")
    assert ET.fromstring(stanza.to_bytes()).get("id") == "\"'<>&\n\ufffd"


def test_a_prefixed_root_is_rewritten() -> None:
    stanza = Stanza.parse('<c:message xmlns:c="jabber:client"><c:a/><p xmlns="urn:p"/></c:message>')
    assert str(stanza) == '<message xmlns="jabber:client"><a/><p xmlns="urn:p"/></message>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no element"),
        (b"<a/>", "not a stanza"),
        (b'<message xmlns="urn:x"/>', "not a stanza"),
        (b"<!DOCTYPE m [<!ENTITY e 'x'>]><message>&e;</message>", "document type"),
        (b"<message><!-- c --></message>", "comment"),
        (b"<message/><!-- c -->", "comment"),
        (b"<message><?p i?></message>", "processing instruction"),
        (b"<message>&e;</message>", "undefined entity"),
        (b"<q:message/>", "unbound prefix"),
        (b"<message><q:a/></message>", "unbound prefix"),
        (b"<message/><message/>", "junk"),
        (b"<message></stream:stream>", "mismatched tag"),
        (b"<message a='1' a='2'/>", "duplicate attribute"),
        (b"<message>\x00</message>", "NUL"),
        (b"<message>\x01</message>", "invalid token"),
        (b"<message>\xff</message>", "invalid token"),
        (b"<message>\xef\xbf\xbf</message>", "invalid token"),
        (b"<message>&#xFFFF;</message>", "invalid character"),
        (b"<message>&#1;</message>", "invalid character"),
        ("<message>\ud800</message>", "invalid token"),
        ("<message/>".encode("utf-16"), "NUL"),
        (b"<message>" * 20_000 + b"</message>" * 20_000, "deeper"),
    ],
)
def test_what_would_close_the_stream_is_refused(text: bytes | str, reason: str) -> None:
    with pytest.raises(InvalidStanza, match=reason):
        Stanza.parse(text)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "euc-jp", "nonsense"])
def test_a_declared_encoding_does_not_matter(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><c:presence xmlns:c="jabber:client"><c:status>é</c:status></c:presence>'
    assert Stanza.parse(text).xml.findtext("{jabber:client}status") == "é"


@pytest.mark.parametrize("children", ["", "<a/><b/>", "text"])
def test_an_iq_that_asks_has_one_child(children: str) -> None:
    with pytest.raises(InvalidStanza, match="exactly one child"):
        Stanza.parse(f"<iq type='get'>{children}</iq>")
    assert Stanza.parse("<iq type='result'/>").kind == "iq"


def test_an_xml_declaration_is_left_behind() -> None:
    assert str(Stanza.parse('\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<presence/>\n')) == '<presence xmlns="jabber:client"/>'


def test_a_bad_address_is_refused_when_asked_for() -> None:
    with pytest.raises(InvalidStanza, match="attribute 'to'"):
        _ = Stanza.parse("<message to='a b@c'/>").to


def test_elements_and_slixmpp_stanzas_are_stanzas() -> None:
    from slixmpp.stanza import Message

    message = Message()  # type: ignore[no-untyped-call]
    message["to"] = "a@b"
    message["body"] = "hi"
    assert Stanza.of(message).xml.findtext("{jabber:client}body") == "hi"
    assert Stanza.of(ET.fromstring('<message xmlns="jabber:client" to="a@b"/>')).to == "a@b"
    with pytest.raises(InvalidStanza, match="int is not a stanza"):
        Stanza.of(5)


def test_of_the_text_of_an_error_not_more_is_read_than_people_do() -> None:
    text = f"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{'x' * 100_000}</text>"
    error = Stanza.parse(
        f"<iq type='error' id='7'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>{text}</error></iq>"
    )
    assert len(str(error.error)) < 5000


def test_an_error_is_read_and_written() -> None:
    request = Stanza.parse("<iq type='get' id='7' from='a@b' to='c'><q xmlns='urn:q'/></iq>")
    reply = Stanza.parse(str(request.error_reply(StanzaError("item-not-found", "cancel", "no <such> thing"))))
    assert (reply.attributes["to"], reply.attributes["from"], reply.id, reply.type) == ("a@b", "c", "7", "error")
    with pytest.raises(StanzaError, match="item-not-found from c: no <such> thing"):
        reply.raise_error()


def test_an_error_is_read_where_it_stands_and_with_the_condition_of_a_command() -> None:
    condition = '<bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
    commands = 'xmlns="http://jabber.org/protocol/commands"'

    def read(payload: str) -> tuple[str, str, str]:
        error = Stanza.received(f'<iq type="error" id="1">{payload}</iq>').error
        assert error is not None
        return error.condition, error.type, error.command_condition

    assert read(f'<error type="modify">{condition}<bad-action {commands}/></error>') == ("bad-request", "modify", "bad-action")
    as_biboumi_writes_it = f'<command {commands}><error type="wait">{condition}</error></command>'
    assert read(as_biboumi_writes_it) == ("bad-request", "wait", "")
    assert read('<q xmlns="urn:q"/>') == ("undefined-condition", "cancel", "")


@given(st.text())
def test_escaped_text_comes_back_or_is_replaced(text: str) -> None:
    stanza = Stanza.parse(f'<message id="{escape_attribute(text)}"><body>{escape(text)}</body></message>')
    expected = "".join(
        "\ufffd" if ord(c) in {*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF} else c for c in text
    )
    assert (stanza.xml.findtext("{jabber:client}body") or "") == expected
    assert stanza.id == expected


def test_namespaces_survive_serialization() -> None:
    source = '<a xmlns="urn:a" xmlns:b="urn:b" b:x="1" xml:lang="de"><b:c><d xmlns=""/></b:c>tail</a>'
    element = ET.fromstring(source)
    again = ET.fromstring(serialize(element))
    assert ET.canonicalize(ET.tostring(again)) == ET.canonicalize(ET.tostring(element))


def test_a_built_stanza_carries_its_payload() -> None:
    ping = ET.Element("{urn:xmpp:ping}ping")
    assert str(make_stanza("iq", "get", "b", ping, sender="a", id="1")) == (
        '<iq xmlns="jabber:client" type="get" to="b" from="a" id="1"><ping xmlns="urn:xmpp:ping"/></iq>'
    )


@pytest.mark.parametrize(
    "namespace", ["a b", "a&#10;b", "a&#9;b", "a}b", "{a", "&lt;", "&quot;", "a|b", "a^b", "a`b", "a\\b", "urn:é", "\u2028"]
)
@pytest.mark.parametrize("inside", ["<x xmlns='{}'/>", "<y><p:x xmlns:p='{}'/></y>", "<x xmlns:p='{}' p:y='1'/>", "<x xmlns:p='{}'/>"])
def test_a_namespace_that_is_no_uri_reference_is_refused(namespace: str, inside: str) -> None:
    with pytest.raises(InvalidStanza, match="namespace .* is not a URI reference"):
        Stanza.parse(f"<message>{inside.format(namespace)}</message>")
    with pytest.raises(InvalidStanza, match="namespace .* is not a URI reference"):
        Stanza.parse(f"<message xmlns:p='{namespace}'/>")


@pytest.mark.parametrize(
    "namespace", ["vcard-temp", "", "urn:x:y", "http://[::1]/a?b#c", "urn:%20", "../a", "a" * 5000, "jabber:iq:a&amp;b"]
)
def test_any_uri_reference_may_name_a_namespace(namespace: str) -> None:
    stanza = Stanza.parse(f"<message><x xmlns='{namespace}'/></message>")
    assert stanza.xml[0].tag == (f"{{{namespace.replace('&amp;', '&')}}}x" if namespace else "x")


@pytest.mark.parametrize(
    "inside", ["<xml:x/>", "<xml:lang/>", "<xml:lang a='1'/>", "<x xml:foo='1'/>", "<x a='1'\nxml:langx='1'/>", "<x xml:xml='1'/>"]
)
def test_the_prefix_xml_is_for_what_xml_defines(inside: str) -> None:
    with pytest.raises(InvalidStanza, match="the prefix xml is reserved"):
        Stanza.parse(f"<message>{inside}</message>")


@pytest.mark.parametrize(
    "inside", ["<x xml:lang = 'a' xml:space='b' xml:id='c' xml:base='d'/>", "<b> xml:foo &lt;xml:x</b>", "<b a=' xml:x=1'/>"]
)
def test_what_only_looks_like_the_prefix_xml_passes(inside: str) -> None:
    assert inside in str(Stanza.parse(f"<message>{inside}</message>"))


def test_there_is_a_most_of_elements_and_attributes() -> None:
    def message(count: int, node: str = "<a/>", text: str = "") -> str:
        return f"<message>{node * count}{text}</message>"

    assert Stanza.parse(message(MAX_NODES - 1)).kind == "message"
    for text in (message(MAX_NODES), message(MAX_NODES // 2, "<a b=''/>"), message(MAX_NODES // 2, "<a xmlns=''/>")):
        with pytest.raises(InvalidStanza, match="more than 50000 elements and attributes"):
            Stanza.parse(text)
    assert Stanza.parse(message(MAX_NODES - 1, text=f"<![CDATA[{'<a b=' * 100}]]>")).kind == "message"
    assert Stanza.received(message(MAX_NODES)).kind == "message"


def test_elements_that_scripts_build_are_checked() -> None:
    for payload in (
        ET.Element("{a b}x"),
        ET.Element("{http://www.w3.org/XML/1998/namespace}x"),
        ET.Element("{urn:x}a b"),
        ET.Element("{urn:x}a:b"),
        ET.Element("x", {"{a}b}c": "1"}),
        ET.Element("x", {"a b": "1"}),
        ET.Element("x", {"xmlns": "a\nb"}),
        ET.Element("x", {"a": 1}),  # type: ignore[dict-item]
        cast("ET.Element", ET.Comment("no")),
        cast("ET.Element", ET.ProcessingInstruction("no")),
    ):
        message = ET.Element("{jabber:client}message")
        message.append(payload)
        with pytest.raises(InvalidStanza):
            Stanza.of(message)
        with pytest.raises(InvalidStanza):
            make_stanza("message", "", "a@b", payload)
    deep = element = ET.Element("x")
    for _ in range(5000):
        element = ET.SubElement(element, "x")
    with pytest.raises(InvalidStanza, match="nested"):
        make_stanza("message", "", "a@b", deep)


def test_addresses_are_prepared() -> None:
    stanza = Stanza.parse("<message from='X@HTTP.Example.org./A' to='\uff41lice@example.org' id='X'/>").prepared()
    assert stanza.attributes == {"from": "x@http.example.org/A", "to": "alice@example.org", "id": "X"}
    for same in ("<message/>", "<message from='a@b' to='c/D'/>", "<message from='@' to=''/>"):
        stanza = Stanza.parse(same)
        assert stanza.prepared() is stanza


def test_long_attributes_are_not_remembered() -> None:
    before = _memoised.cache_info().currsize
    for number in range(100):
        Stanza.parse(f"<message to='a@b/{'x' * 300}{number}' n{number}='1' id='{number}'/>").to_bytes()
    assert _memoised.cache_info().currsize == before


def test_unknown_attributes_are_dropped_and_those_with_a_prefix_stay() -> None:
    known = Stanza.parse("<message to='a@b' from='c@d' id='1' type='chat' xml:lang='de'><body>x</body></message>")
    assert known.without_unknown_attributes() is known
    more = Stanza.parse("<message to='a@b' perm='ADMIN' xmlns:x='urn:x' x:perm='1' Type='set'><x:y/></message>")
    assert more.without_unknown_attributes().attributes == {"to": "a@b", "x:perm": "1"}
    assert Stanza.parse(bytes(more.without_unknown_attributes())).xml.find("{urn:x}y") is not None


def test_a_copy_of_an_entitled_stanza_has_no_rights() -> None:
    own = Stanza.parse("<iq type='get' to='a@b'><x/></iq>").entitled()
    assert own.is_entitled
    for copy in (own.with_(id="1"), own.without_unknown_attributes().with_(), own.addressed(JID("a@b"), JID("c@d"), "1")):
        assert not copy.is_entitled
    assert own.addressed(JID("a@b"), JID("c@d"), "1", is_entitled=True).is_entitled


def test_bytes_behind_the_start_tag_stay_as_they_are() -> None:
    texts = ("<message/>", "<message to='a/>b' />", "<message id='/'></message>", '<message id=">"> <body/></message >')
    assert [Stanza.parse(f"{text}\n").to_bytes("") for text in texts] == [
        b"<message/>",
        b'<message to="a/&gt;b"/>',
        b'<message id="/"></message>',
        b'<message id="&gt;"> <body/></message >',
    ]
