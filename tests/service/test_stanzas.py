"""Nobody builds XML by hand: messages by their parts, stanzas as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tigrest import JID, InvalidStanza, Principal
from tigrest.auth.principal import USER
from tigrest.errors import InvalidJID, MalformedContent, NotPermitted, ScriptSenderInvalid, ScriptStanzaInvalid, SenderNotAllowed
from tigrest.service.stanzas import message_of
from tigrest.testing import TestGateway, serving

ALICE = Principal(JID("alice@localhost"), USER)

SCRIPT = """
from tigrest import Handler, Match

class Ways(Handler):
    regex = "/ways/(def|async)"
    def exec_get(self, service, way):
        service.send({"to": "bob@localhost", "body": "sent"})
        return service.message("bob@localhost", "a & b", subject="s")

class Waits(Handler):
    regex = "/waits"
    async def exec_get(self, service):
        return (await service.request({"to": service.domain, "ping": True})).type

class Bot(Handler):
    match = Match(local="bot")
    async def on_message(self, service, sender, body):
        await service.message(sender, body.upper(), from_=f"bot@{service.jid}")
"""

SCRIPT += """
class Clumsy(Handler):
    match = Match(local="clumsy")
    async def on_iq(self, service): await service.send("<message>")
    async def on_message(self, service): await service.message("bob@localhost", "x", from_="bob@elsewhere.org")
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    folder: Path = tmp_path_factory.mktemp("scripts")
    (folder / "ways.py").write_text(SCRIPT)
    with serving(folder) as running:
        yield running


def blocking(gateway: TestGateway) -> Any:
    """Return the service as a thread has it, whose methods block."""
    return gateway.service


@pytest.mark.parametrize(
    ("body", "parts", "attributes", "children"),
    [
        ("a <b> & c", {}, {"type": "chat"}, "<body>a &lt;b&gt; &amp; c</body>"),
        ("x", {"type": "groupchat", "subject": None}, {"type": "groupchat"}, "<body>x</body>"),
        ("x", {"type": "normal", "lang": "de", "id": "m1"}, {"type": "normal", "xml:lang": "de", "id": "m1"}, "<body>x</body>"),
        ("", {"subject": "s", "thread": "t"}, {"type": "chat"}, "<subject>s</subject><thread>t</thread>"),
        ("x", {"from_": "a@http.localhost"}, {"type": "chat", "from": "a@http.localhost"}, "<body>x</body>"),
        ("", {"url": "https://x.example/a"}, {"type": "chat"}, "<body>https://x.example/a</body><x xmlns='jabber:x:oob'><url>https://x.example/a</url></x>"),
        ("look", {"url": "https://x.example/a"}, {"type": "chat"}, "<body>look</body><x xmlns='jabber:x:oob'><url>https://x.example/a</url></x>"),
        ("x", {"replace": "m1"}, {"type": "chat"}, "<body>x</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"),
        ("", {"state": "composing"}, {"type": "chat"}, "<state xmlns='http://jabber.org/protocol/chatstates'/>"),
    ],
)  # fmt: skip
def test_a_message_is_made_of_its_parts(body: str, parts: dict[str, Any], attributes: dict[str, str], children: str) -> None:
    stanza = message_of(JID("bob@localhost"), body, parts)
    assert (stanza.kind, dict(stanza.attributes)) == ("message", {"to": "bob@localhost", **attributes})
    written = stanza.to_bytes("").decode().replace('"', "'")
    for child in re.findall(r"<\w+[^>]*/>|<(?:body|subject|thread)>.*?</\w+>|<x.*?</x>", children):
        assert child.replace("<state", "<composing") in written
    assert written.count("<body>") == children.count("<body>")


@pytest.mark.parametrize(
    ("to", "body", "parts", "kind", "problem"),
    [
        ("bob@localhost", "", {}, InvalidStanza, "a message has a body, a subject, or something else to say"),
        ("", "x", {}, InvalidStanza, "a message has a recipient"),
        ("@@", "x", {}, InvalidJID, "to: '@@' is not an XMPP address"),
        (3, "x", {}, MalformedContent, "to: found the number 3, wanted an XMPP address"),
        ("bob@localhost", "x", {"subjct": "s"}, MalformedContent, 'subjct: is not a key here; did you mean "subject"?'),
        ("bob@localhost", 3, {}, MalformedContent, "body: found the number 3, wanted text"),
        ("bob@localhost", "x", {"type": "cat"}, InvalidStanza, "type: 'cat' is not a type of a message"),
        ("bob@localhost", "x", {"from_": "@@"}, InvalidJID, "from: '@@' is not an XMPP address"),
        ("bob@localhost", "\x01", {}, MalformedContent, "body: XML cannot carry the character U+0001"),
        ("bob@localhost", "x", {"html": "<p>"}, MalformedContent, "html"),
    ],
)
def test_a_part_that_is_wrong_is_named(to: Any, body: Any, parts: Any, kind: type[Exception], problem: str, gateway: TestGateway) -> None:
    with pytest.raises(kind, match=re.escape(problem)):
        message_of(to, body, parts)
    with pytest.raises(ScriptStanzaInvalid, match=re.escape(problem)):
        blocking(gateway).message(to, body, **parts)


def test_scripts_send_messages_and_json_from_both_kinds_of_methods(gateway: TestGateway) -> None:
    with gateway.recording() as sent:
        id = gateway.get("/rest/ways/def").text
    json, message = sent
    assert (json.kind, json.to, json.body, json.sender) == ("message", "bob@localhost", "sent", gateway.service.jid)
    assert (message.id, message.body, message.type, message.xml.findtext("{jabber:client}subject")) == (id, "a & b", "chat", "s")
    assert gateway.get("/rest/waits").text == "result"


def test_a_bot_answers_by_a_message_of_its_own(gateway: TestGateway) -> None:
    [reply] = gateway.receive({"to": "bot@http.localhost", "body": "quietly"})
    assert (reply.body, reply.to, reply.sender) == ("QUIETLY", "alice@localhost/test", "bot@http.localhost")


def test_each_message_has_an_id_of_its_own(gateway: TestGateway) -> None:
    ids = [blocking(gateway).message("bob@localhost", "x") for _ in range(3)]
    assert len({*ids}) == 3
    assert blocking(gateway).message("bob@localhost", "x", id="mine") == "mine"


@pytest.mark.parametrize(
    ("stanza", "problem"),
    [
        ({}, "found an empty object, wanted an object with the keys of a stanza"),
        ({"to": "bob@localhost", "bdy": "x"}, 'bdy: is not a key here; did you mean "body"?'),
        ({"kind": "massage", "to": "bob@localhost"}, "kind: 'massage' is not a kind of stanza; did you mean 'message'?"),
        ({"to": "@@", "body": "x"}, "to: '@@' is not an XMPP address"),
    ],
)
def test_json_that_is_no_stanza_names_the_key(stanza: dict[str, Any], problem: str, gateway: TestGateway) -> None:
    service = blocking(gateway)
    for send in (service.send, service.request, service.request_all, service.sendPacket):
        with pytest.raises(ScriptStanzaInvalid, match=re.escape(problem)):
            send(stanza)


def test_a_caller_sends_messages_from_himself_and_within_his_rights(gateway: TestGateway) -> None:
    caller = blocking(gateway).for_(ALICE)
    with gateway.recording() as sent:
        id = caller.message("bob@localhost", "Hi", subject="s")
        caller.send({"to": "bob@localhost", "body": "there"})
    assert [(one.sender and one.sender.bare, one.body) for one in sent] == [("alice@localhost", "Hi"), ("alice@localhost", "there")]
    assert sent[0].id == id
    with pytest.raises(SenderNotAllowed):
        caller.message("bob@localhost", "x", from_="bob@localhost")
    with pytest.raises(NotPermitted):
        caller.message("localhost", "to everybody")
    with pytest.raises(MalformedContent, match="subjct") as refused:
        caller.message("bob@localhost", "x", subjct="s")
    assert not isinstance(refused.value, ScriptStanzaInvalid)
    assert caller.addressed({"ping": True, "to": "localhost"}).type == "get"


def test_a_script_that_sends_from_elsewhere_made_a_mistake(gateway: TestGateway) -> None:
    with pytest.raises(ScriptSenderInvalid):
        blocking(gateway).message("bob@localhost", "x", from_="bob@elsewhere.org")


def test_whoever_wrote_to_a_script_is_not_blamed_for_its_own_stanzas(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    [reply] = gateway.receive({"kind": "iq", "to": "clumsy@http.localhost", "ping": True, "id": "i1"})
    assert reply.error is not None
    assert reply.error.condition == "internal-server-error"
    assert gateway.receive({"to": "clumsy@http.localhost", "body": "x"}) == []
    assert re.search(r"Clumsy\.on_iq failed(\n.*)+ScriptStanzaInvalid", caplog.text)
    assert re.search(r"Clumsy\.on_message failed(\n.*)+ScriptSenderInvalid", caplog.text)
