"""What mod_rest offers, in front of each server: a Flask bot behind a webhook, and the requests of clients that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from tests.servers.client import Client, online
from tests.servers.newer import NewerEjabberd
from tests.servers.process import XmppServer
from tests.servers.raw import raw_client
from tests.servers.webhook import flask_bot, gateway_process

NEWER_TOO = True

JSON, XML = "application/json", "application/xmpp+xml"
COMMANDS = "http://jabber.org/protocol/commands"
MUC_OWNER = "http://jabber.org/protocol/muc#owner"
INFO = "http://jabber.org/protocol/disco#info"
STANZA_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
GATEWAY = "http.localhost"
ALICE = ("alice", "alicepw")


@dataclass
class World:
    """A gateway with the Flask bot, its HTTP, and bob, who is online.

    Args:
        http: client of the gateway.
        bob: an XMPP client.
        send_as: of the gateway.
        bot_log: has a line for each request that the bot got.
    """

    http: httpx2.Client
    bob: Client
    send_as: str
    bot_log: Path

    @property
    def alice(self) -> str:
        """From where alice's messages are."""
        return f"alice@{'localhost' if self.send_as == 'user' else GATEWAY}"


@pytest.fixture(scope="module", params=["gateway", "user"])
def world(server: XmppServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("dialect")
    with ExitStack() as stack:
        bot = stack.enter_context(flask_bot(folder))
        stanzas = ("message", "presence", "iq") if request.param == "gateway" else ("message", "iq")
        process, base = stack.enter_context(gateway_process(server, folder, bot, stanzas, send_as=request.param))
        http = stack.enter_context(httpx2.Client(base_url=base, timeout=30))
        yield World(http, stack.enter_context(online(server, "bob")), request.param, folder / "receiver.log")
        process.terminate()
        assert process.wait(15) == 0
        assert "Traceback" not in (folder / "log").read_text()


def post(world: World, path: str = "/rest", login: tuple[str, str] = ALICE, **options: Any) -> Any:
    return world.http.post(path, auth=login, **options)


def error_of(stanza: Any) -> tuple[str, str]:
    """Condition and text."""
    conditions = {child.tag.partition("}")[2]: child.text for child in stanza.xml.iter() if child.tag.startswith(STANZA_ERRORS)}
    text = conditions.pop("text", "") or ""
    return next(iter(conditions)), text


# The bot


@pytest.mark.parametrize("to", [f"bot@{GATEWAY}", GATEWAY, f"bot@{GATEWAY}/desk"])
def test_the_bot_answers_a_client(world: World, to: str) -> None:
    bob = world.bob
    bob.send(f"<message to='{to}' type='chat'><body>hello {to}</body></message>")
    said = bob.message(f"You said: hello {to}")
    assert (said["from"], said["type"]) == (to, "chat")

    info = bob.ask(f"type='get' to='{to}'", f"<query xmlns='{INFO}'/>").xml[0]
    assert info.find(f"{{{INFO}}}identity").attrib == {"category": "client", "type": "bot", "name": "Flask bot"}
    assert "urn:xmpp:ping" in {feature.get("var") for feature in info.findall(f"{{{INFO}}}feature")}
    items = bob.ask(f"type='get' to='{to}'", "<query xmlns='http://jabber.org/protocol/disco#items'/>").xml[0]
    assert [item.attrib for item in items] == [{"jid": "example.org", "name": "Example"}]
    version = bob.ask(f"type='get' to='{to}'", "<query xmlns='jabber:iq:version'/>").xml[0]
    assert [child.text for child in version] == ["flask_bot.py", "1"]
    pong = bob.ask(f"type='get' to='{to}'", "<ping xmlns='urn:xmpp:ping'/>")
    assert (pong["type"], pong["from"], len(pong.xml)) == ("result", to, 0)

    for payload in ("<query xmlns='jabber:iq:last'/>", "<unknown xmlns='urn:unknown'/>"):
        assert error_of(bob.ask(f"type='get' to='{to}'", payload)) == ("feature-not-implemented", "501 Not Implemented")
    bob.send(f"<message to='{to}' type='chat' id='empty'><active xmlns='http://jabber.org/protocol/chatstates'/></message>")
    refused = bob.expect(lambda stanza: stanza["id"] == "empty")
    assert error_of(refused) == ("feature-not-implemented", "501 Not Implemented")
    if world.send_as == "gateway":  # presence is for the bot there
        bob.send(f"<presence to='{to}'/>")
        refused = bob.expect(lambda stanza: stanza.name == "presence" and stanza["type"] == "error" and stanza["from"] == to)
        assert error_of(refused) == ("feature-not-implemented", "501 Not Implemented")


def test_the_commands_of_the_gateway_are_still_there(world: World, server: XmppServer) -> None:
    with online(server, "admin") as admin:
        listed = admin.ask(f"type='get' to='{GATEWAY}'", f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>")
        assert "reload-handlers" in {item.get("node") for item in listed.xml[0]}
        done = admin.ask(f"type='set' to='{GATEWAY}'", f"<command xmlns='{COMMANDS}' node='reload-handlers'/>")
        assert "Script handlers reloaded" in str(done)
    refused = world.bob.ask(f"type='set' to='{GATEWAY}'", f"<command xmlns='{COMMANDS}' node='reload-handlers'/>")
    assert error_of(refused)[0] == "forbidden"


def test_anybody_runs_the_commands_of_a_client(world: World, server: XmppServer) -> None:
    with raw_client(server, "bob", "tool") as tool, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(world.http.get, "/rest/adhoc/bob@localhost/tool", auth=ALICE, headers={"Accept": "application/json"})
        found = re.search(rb"<iq [^>]*type='get'.*</iq>", tool.read(b"</iq>"))
        assert found is not None
        question = ET.fromstring(found[0])
        assert question.get("from") == f"alice@{GATEWAY}"  # a reply to her own address would not come back
        item = "<item jid='bob@localhost/tool' node='uptime' name='Uptime'/>"
        tool.send(
            f"<iq type='result' to='{question.get('from')}' id='{question.get('id')}'>"
            f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'>{item}</query></iq>"
        )
        answer = asked.result(10)
    assert answer.json() == {"items": [{"jid": "bob@localhost/tool", "node": "uptime", "name": "Uptime"}]}


# Users


@pytest.mark.parametrize("login", ["alice", "alice@localhost"])
def test_a_user_sends(world: World, login: str) -> None:
    who = (login, ALICE[1])
    sent = post(world, login=who, json={"to": "bob@localhost", "type": "chat", "body": "in JSON"})
    assert (sent.status_code, sent.content) == (202, b"")
    assert world.bob.message("in JSON")["from"] == world.alice
    stanza = "<message to='bob@localhost' type='chat' foo='bar'><body>in XML</body><store xmlns='urn:xmpp:hints'/></message>"
    assert post(world, login=who, content=stanza, headers={"Content-Type": XML}).status_code == 202
    said = world.bob.message("in XML")
    assert (said["from"], said.xml.find("{urn:xmpp:hints}store") is not None) == (world.alice, True)
    assert post(world, login=who, json={"to": "bob@localhost", "body": "phone", "from": f"{world.alice}/phone"}).status_code == 202
    assert world.bob.message("phone")["from"] == f"{world.alice}/phone"
    assert post(world, login=who, json={"to": "bob@localhost", "body": "x", "from": "bob@localhost"}).status_code == 403
    assert post(world, login=("alice", "wrong"), json={"to": "bob@localhost", "body": "x"}).status_code == 401


def test_a_user_asks_the_server(world: World) -> None:
    for key in ("ping", "version", "disco", "items"):
        reply = post(world, json={"to": "localhost", "id": "mine", key: True})
        assert reply.status_code == 200
        stanza = reply.json()
        # the reply to an iq comes to her address at the gateway, whoever messages are from
        assert (stanza["type"], stanza["id"], stanza["to"]) == ("result", "mine", f"alice@{GATEWAY}")
    assert stanza["items"][0]["jid"]
    reply = post(world, content="<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", headers={"Content-Type": XML})
    assert (ET.fromstring(reply.content).get("type"), reply.headers["content-type"]) == ("result", XML)
    refused = post(world, json={"to": "localhost", "stats": True})
    assert (refused.status_code, refused.json()["type"]) == (200, "error")
    assert refused.json()["error"]["condition"] in ("service-unavailable", "feature-not-implemented")
    refused = post(world, "/rest?errors=http", json={"to": "localhost", "stats": True})
    assert refused.status_code in (404, 501)


def test_who_is_not_there_is_404(world: World) -> None:
    for to in ("nobody@localhost/phone", "bob@localhost/nowhere"):
        answer = world.http.get(f"/rest/ping/{to}?errors=http", auth=ALICE, headers={"Accept": JSON})
        assert (answer.status_code, answer.json().get("condition")) == (404, "service-unavailable"), (to, answer.text)


@pytest.mark.parametrize(("condition", "kind"), [("not-authorized", "auth"), ("not-allowed", "cancel"), ("registration-required", "auth")])
def test_the_refusal_of_a_client_is_403_without_a_challenge(world: World, server: XmppServer, condition: str, kind: str) -> None:
    with raw_client(server, "bob", "tool") as tool, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(world.http.get, "/rest/adhoc/bob@localhost/tool", auth=ALICE, headers={"Accept": JSON})
        found = re.search(rb"<iq [^>]*type='get'.*</iq>", tool.read(b"</iq>"))
        assert found is not None
        question = ET.fromstring(found[0])
        namespace = STANZA_ERRORS.strip("{}")
        tool.send(
            f"<iq type='error' to='{question.get('from')}' id='{question.get('id')}'><error type='{kind}'>"
            f"<{condition} xmlns='{namespace}'/><text xmlns='{namespace}'>not you</text></error></iq>"
        )
        answer = asked.result(10)
    told = answer.json()
    assert (answer.status_code, told["condition"], told["text"]) == (403, condition, "not you")
    assert not {"www-authenticate", "proxy-authenticate", "allow"} & set(answer.headers)


def test_a_client_is_asked(world: World) -> None:
    world.bob.xmpp.register_plugin("xep_0199")
    reply = world.http.get("/rest/ping/bob@localhost/phone", auth=ALICE, headers={"Accept": JSON})
    assert (reply.status_code, reply.json()["type"], reply.json()["from"]) == (200, "result", "bob@localhost/phone")


def test_an_admin_sends_as_the_gateway(world: World) -> None:
    who = ("admin", "adminpw")
    assert post(world, login=who, json={"to": "bob@localhost", "body": "from above"}).status_code == 202
    assert world.bob.message("from above")["from"] == GATEWAY
    assert post(world, login=who, json={"to": "bob@localhost", "body": "as bot", "from": f"bot@{GATEWAY}"}).status_code == 202
    assert world.bob.message("as bot")["from"] == f"bot@{GATEWAY}"


# Clients that there are


def test_snikket_web_portal(world: World) -> None:
    questions: list[dict[str, Any]] = [{"ping": True}, {"version": {}}]
    for question in questions:
        reply = post(world, json={"kind": "iq", "type": "get", "to": "localhost", "id": "x1"} | question, headers={"Accept": JSON})
        assert (reply.status_code, reply.json()["type"]) == (200, "result")
    nick = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='http://jabber.org/protocol/nick'/></pubsub>"
    for payload in (nick, "<vCard xmlns='vcard-temp'/>"):
        stanza = f"<iq type='get' to='bob@localhost' id='x2'>{payload}</iq>"
        reply = post(world, content=stanza, headers={"Content-Type": XML, "Accept": XML})
        assert (reply.status_code, ET.fromstring(reply.content).get("id")) == (200, "x2")  # errors too


def test_prose_pod_server(world: World) -> None:
    stanza = "<iq xmlns='jabber:client' type='get' to='localhost' id='p1'><query xmlns='jabber:iq:version'/></iq>"
    reply = post(world, content=stanza, headers={"Content-Type": XML, "Accept": XML})
    wrapper = ET.fromstring(f"<wrapper xmlns='jabber:client'>{reply.text}</wrapper>")
    iq = wrapper.find("{jabber:client}iq")
    assert iq is not None
    assert (iq.get("type"), iq.find("{jabber:iq:version}query/{jabber:iq:version}name") is not None) == ("result", True)


def test_nextcloud_twofactor_gateway(world: World) -> None:
    sent = post(world, "/rest/message/chat/bob@localhost", content="123456 is your code.", headers={"Content-Type": "text/plain"})
    assert sent.status_code == 202
    said = world.bob.message("123456 is your code.")
    assert (said["type"], said["from"]) == ("chat", world.alice)


def test_rest_sh(world: World) -> None:
    httpie = {"Accept": "application/json, */*;q=0.5"}
    reply = world.http.get("/rest/disco/localhost", auth=ALICE, headers=httpie)
    assert "http://jabber.org/protocol/disco#info" in reply.json()["disco"]["features"]
    assert post(world, json={"kind": "message", "to": "bob@localhost", "body": "rest.sh"}, headers=httpie).status_code == 202
    world.bob.message("rest.sh")


def test_prosody_oauth_py(world: World) -> None:
    reply = post(world, json={"disco": True, "to": "localhost"}, headers={"Accept": JSON})
    assert {"server"} <= {identity["category"] for identity in reply.json()["disco"]["identities"]}


# Archives


def test_an_archive_comes_as_one_answer_and_to_nobody_else(world: World, server: XmppServer) -> None:
    own = world.http.get("/rest/archive/alice@localhost", auth=ALICE, headers={"Accept": JSON})
    assert own.status_code == 501, own.text  # there is none, or it is for her clients only
    room = f"{world.send_as}@rooms.localhost"
    bob = world.bob
    bob.send(f"<presence to='{room}/bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    bob.expect(lambda stanza: stanza["from"] == f"{room}/bob" and stanza.name == "presence")
    bob.ask(f"type='set' to='{room}'", f"<query xmlns='{MUC_OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>")
    for text in ("one", "two", "three"):
        bob.send(f"<message to='{room}' type='groupchat'><body>{text}</body></message>")
        bob.message(text)
    if isinstance(server, NewerEjabberd):  # it drops iqs to rooms
        refused = world.http.get(f"/rest/archive/{room}", auth=ALICE)
        assert (refused.status_code, "mod_privilege" in refused.text) == (501, True), refused.text
        return
    before = world.bot_log.read_text().count("POST /api")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: world.http.get(f"/rest/archive/{room}?max=2", auth=ALICE, headers={"Accept": JSON}), range(8)))
    for reply in replies:
        assert reply.status_code == 200
        page = reply.json()
        assert [each["message"]["body"] for each in page["messages"]] == ["two", "three"]
        assert (page["complete"], page["first"], page["last"]) == (False, page["messages"][0]["id"], page["messages"][1]["id"])
        assert page["messages"][0]["message"]["from"] == f"{room}/bob"
    before_it = world.http.get(f"/rest/archive/{room}?max=2&before={page['first']}", auth=ALICE).json()
    assert ([each["message"]["body"] for each in before_it["messages"]], before_it["complete"]) == (["one"], True)
    assert world.http.get(f"/rest/archive/{room}?before=nonsense", auth=ALICE).status_code in (200, 404)
    iq = world.http.post(f"/rest/iq/archive/{room}", auth=ALICE, json={"max": 2})
    *messages, end = iq.json()["xmpp"]
    assert [message["archive"]["forward"]["message"]["body"] for message in messages] == ["one", "two"]
    assert end["result"]["page"]["last"] == messages[-1]["archive"]["id"]
    nobody = world.http.get(f"/rest/archive/{room}?with=nobody@example.org", auth=ALICE, headers={"Accept": XML})
    assert nobody.status_code == 200
    if world.send_as == "user":  # the bot gets no presence there
        assert world.bot_log.read_text().count("POST /api") == before
    bob.send(f"<presence to='{room}/bob' type='unavailable'/>")
