"""Bodies: XML, JSON, forms and text, one stanza or several."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tigrest.errors import InvalidJID, InvalidStanza, MalformedContent, TigrestError, UnsupportedContent
from tigrest.formats.stanza_json.reading import from_json
from tigrest.formats.stanza_json.representations import read, read_query, write, write_all
from tigrest.xmpp.stanza import Stanza

XML, JSON, FORM, TEXT = "application/xmpp+xml", "application/json", "application/x-www-form-urlencoded", "text/plain"

HELLO = '<message to="a@b" type="chat"><body>Hello &amp; välkommen</body></message>'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (XML, f" {HELLO}\n"),
        ("application/xml; charset=utf-8", f'<?xml version="1.0"?>{HELLO}'),
        ("Text/XML", HELLO.replace("<message", "<message xmlns='jabber:client' foo='bar'").replace("a@b", "A@B")),
        (JSON, '{"type": "chat", "to": "a@b", "body": "Hello & välkommen"}'),
        ("application/json; charset=utf-8", '{"type": "chat", "to": "A@B", "body": "Hello & välkommen"}'),
        (FORM, "type=normal&type=chat&to=a%40b&body=Hello+%26+v%C3%A4lkommen"),
    ],
)
def test_one_stanza_in_every_representation(content_type: str, body: str) -> None:
    assert read(content_type, body.encode()).to_bytes("").decode() == HELLO


@pytest.mark.parametrize(
    ("content_type", "body", "overrides", "xml"),
    [
        (TEXT, "Hi", {}, '<message type="chat"><body>Hi</body></message>'),
        (FORM, "helloworld", {}, '<message type="chat"><body>helloworld</body></message>'),
        (TEXT, "Hi", {"kind": "message", "type": "groupchat", "to": "r@m"}, '<message to="r@m" type="groupchat"><body>Hi</body></message>'),
        (TEXT, "Hi", {"kind": "message"}, "<message><body>Hi</body></message>"),
        (TEXT, "away\n", {"kind": "presence", "to": "a@b"}, '<presence to="a@b"><show>away</show></presence>'),
        (JSON, "{}", {"kind": "message", "type": "chat", "to": "a@b"}, '<message to="a@b" type="chat"/>'),
        (FORM, "", {"kind": "presence", "type": "unavailable"}, '<presence type="unavailable"/>'),
        ("", "", {"kind": "message", "to": "a@b"}, '<message to="a@b"/>'),
        (FORM, "ping=", {"kind": "iq", "type": "get"}, '<iq type="get"><ping xmlns="urn:xmpp:ping"/></iq>'),
        (XML, "<presence/>", {"kind": "message", "to": "a@b"}, "<presence/>"),
    ],
)
def test_what_the_path_says(content_type: str, body: str, overrides: dict[str, str], xml: str) -> None:
    assert read(content_type, body.encode(), **overrides).to_bytes("").decode() == xml


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        (XML, b"<message>", MalformedContent),
        (XML, b"", MalformedContent),
        (XML, b"<!DOCTYPE x><message/>", MalformedContent),
        (XML, b"<message/><message/>", MalformedContent),
        (XML, b"<stream/>", InvalidStanza),
        (XML, b"<message xmlns='urn:x'/>", InvalidStanza),
        (XML, b"<iq type='get'/>", InvalidStanza),
        (XML, b"<message to='@@'/>", InvalidStanza),
        (XML, b"<message from='@@'/>", InvalidStanza),
        (JSON, b"", MalformedContent),
        (JSON, b"{", MalformedContent),
        (JSON, b"{}", MalformedContent),
        (JSON, b"\xef\xbb\xbf{}", MalformedContent),
        (JSON, b"[]", MalformedContent),
        (JSON, b'{"to": "@@"}', InvalidJID),
        (JSON, b'{"kind": "iq"}', InvalidStanza),
        (FORM, b"", MalformedContent),
        (FORM, b"body=%FF", MalformedContent),
        (FORM, b"x=y", MalformedContent),
        (TEXT, b"\xff", MalformedContent),
        (TEXT, b"\0", MalformedContent),
        ("application/octet-stream", b"x", UnsupportedContent),
        ("text/html", b"<message/>", UnsupportedContent),
        ("", b"x", UnsupportedContent),
        ("", b"", UnsupportedContent),
    ],
)
def test_what_cannot_be_read(content_type: str, body: bytes, error: type[TigrestError]) -> None:
    with pytest.raises(error) as refused:
        read(content_type, body)
    assert type(refused.value) is error


def test_plain_text_is_no_iq() -> None:
    with pytest.raises(MalformedContent, match="plain text cannot be an iq"):
        read(TEXT, b"x", kind="iq")
    with pytest.raises(MalformedContent, match="show: found the text 'busy'"):
        read(TEXT, b"busy", kind="presence")


def test_an_unsupported_type_is_named_with_those_that_are() -> None:
    with pytest.raises(
        UnsupportedContent, match=r"content of type image/png is not read here; send application/xmpp\+xml, application/json"
    ):
        read("image/png", b"")
    with pytest.raises(UnsupportedContent, match="content without Content-Type is not read here"):
        read("", b"x")


@pytest.mark.parametrize(
    ("body", "types"),
    [
        (b'{"body": "Hi"}', "application/json"),
        (b"<message/>", "application/xml"),
        (b"Hello", "text/plain"),
        (b"<3 you", "application/xml or text/plain"),
        (b"{name}, hello", "application/json or text/plain"),
        (b"[FIRING:1] disk full", "application/json or text/plain"),
    ],
)
def test_the_type_to_declare_is_one_with_which_it_can_be_read(body: bytes, types: str) -> None:
    with pytest.raises(UnsupportedContent) as refused:
        read("", body)
    assert str(refused.value).endswith(f"add the header Content-Type: {types}")


@pytest.mark.parametrize(
    ("content_type", "body", "query", "xml"),
    [
        (JSON, "{}", "version", '<iq to="x.y" type="get"><query xmlns="jabber:iq:version"/></iq>'),
        (JSON, "5", "ping", '<iq to="x.y" type="get"><ping xmlns="urn:xmpp:ping"/></iq>'),
        (JSON, '["a@b"]', "block", '<iq to="x.y" type="set"><block xmlns="urn:xmpp:blocking"><item jid="a@b"/></block></iq>'),
        (JSON, '{"node": "n"}', "command", '<iq to="x.y" type="set"><command xmlns="http://jabber.org/protocol/commands" node="n"/></iq>'),
        (FORM, "node=n", "items", '<iq to="x.y" type="get"><query xmlns="http://jabber.org/protocol/disco#items" node="n"/></iq>'),
        ("", "", "lastactivity", '<iq to="x.y" type="get"><query xmlns="jabber:iq:last"/></iq>'),
    ],
)
def test_the_value_of_a_query(content_type: str, body: str, query: str, xml: str) -> None:
    assert read_query(content_type, body.encode(), query, "x.y").to_bytes("").decode() == xml


def test_a_query_is_asked_for_in_json_or_a_form() -> None:
    with pytest.raises(UnsupportedContent):
        read_query(XML, b"<iq/>", "version")
    with pytest.raises(InvalidStanza, match="did you mean 'version'"):
        read_query("", b"", "versoin")


STANZA: dict[str, Any] = {"kind": "message", "type": "chat", "body": "Hi", "markable": True, "reply": {"id": "m1"}}


def test_what_is_written() -> None:
    stanza = from_json(STANZA)
    assert write(stanza, XML) == write(stanza, "text/xml") == stanza.to_bytes("")
    assert json.loads(write(stanza, JSON)) == STANZA
    assert write(stanza, FORM) == b"kind=message&type=chat&body=Hi&markable="
    for media in (TEXT, "text/html"):
        with pytest.raises(UnsupportedContent):
            write(stanza, media)


def test_xml_has_no_declaration_and_no_default_namespace() -> None:
    stanza = Stanza.parse("<message xmlns='jabber:client' xmlns:x='urn:x'><body>Hi</body><x:y/></message>")
    assert write(stanza, XML) == b'<message xmlns:x="urn:x"><body>Hi</body><x:y/></message>'


def test_several_stanzas_are_wrapped_and_one_is_not() -> None:
    one, other = from_json(STANZA), from_json({"kind": "iq", "type": "result", "result": {}})
    assert write_all([one], JSON) == write(one, JSON)
    assert [stanza["kind"] for stanza in json.loads(write_all([one, other], JSON))["xmpp"]] == ["message", "iq"]
    assert write_all([one, other], XML) == b"<xmpp>" + one.to_bytes("") + other.to_bytes("") + b"</xmpp>"
    assert write_all([one, other], FORM) == b"kind=iq&type=result"
    assert json.loads(write_all([], JSON)) == {"xmpp": []}
    assert write_all([], XML) == b"<xmpp></xmpp>"
    assert write_all([], FORM) == b""


@pytest.mark.parametrize("media", [XML, JSON])
def test_what_is_written_can_be_read(media: str) -> None:
    stanza = from_json(STANZA)
    assert read(media, write(stanza, media)).to_bytes() == stanza.to_bytes()
