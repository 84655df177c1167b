"""The same story in front of each real server: logins, stanzas, commands, accounts, avatars, presence."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.servers.client import befriend, online
from tests.servers.conftest import KINDS, NEWER, StartServer, installed
from tests.servers.gateway import eventually, gateway_for, settings
from tests.servers.process import USERS, XmppServer
from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, TestGateway, serving
from tigrest.xmpp.jid import JID

NEWER_TOO = True
EVERY_SERVER = (*KINDS, *NEWER)

ADMIN, ALICE, BOB = "admin:adminpw", "alice:alicepw", "bob:bobpw"
ADMIN_NODE = "http://jabber.org/protocol/admin#"


@pytest.fixture(scope="module")
def gateway(server: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


@pytest.fixture(scope="module", params=["embedded", *EVERY_SERVER])
def everywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    """Give a gateway on each back end, with the same accounts and rights; what needs no client of a user is the same on all."""
    with ExitStack() as stack:
        if request.param == "embedded":
            accounts = [{"jid": f"{user}@localhost", "password": password} for user, password in USERS.items()]
            yield stack.enter_context(serving(embedded={"accounts": accounts}, xmpp={"adhoc_as": "gateway"}))
            return
        server = installed(request.param)(tmp_path_factory.mktemp(f"{request.param}-story"))
        stack.callback(server.stop)
        server.start()
        yield stack.enter_context(gateway_for(server))


def send(gateway: TestGateway, stanza: str, path: str = "") -> Any:
    return gateway.post(f"/rest/stream{path}", login=ADMIN, api_key=API_KEY, type="application/xml", content=stanza)


def execute(gateway: TestGateway, node: str, to: str = "localhost", login: str = ADMIN, **command: Any) -> Any:
    return gateway.post(f"/rest/adhoc/{to}", login=login, json={"command": {"node": node, **command}})


def fields(**values: Any) -> list[dict[str, Any]]:
    return [{"var": var.replace("_", "-"), "value": value} for var, value in values.items()]


def test_logins_are_checked_by_the_server(everywhere: TestGateway) -> None:
    path = "/rest/adhoc/localhost"
    assert everywhere.get(path, login=ADMIN).status_code == 200
    assert everywhere.get(path, login="admin:wrong").status_code == 401
    assert everywhere.get(path, login="nobody:x").status_code == 401
    refused = everywhere.get(path, login=ALICE)
    assert refused.status_code == 403
    assert "adhoc_as" in refused.text


def test_a_message_reaches_a_client(server: XmppServer, gateway: TestGateway) -> None:
    with online(server, "bob") as bob:
        assert send(gateway, "<message to='bob@localhost' type='chat'><body>from us</body></message>").status_code == 200
        assert bob.message("from us")["from"] == "http.localhost"
        sent = send(
            gateway, "<message from='alice@localhost/x' to='bob@localhost'><body>from alice</body><q:x xmlns:q='urn:q' q:a='1'/></message>"
        )
        assert sent.status_code == 200
        message = bob.message("from alice")
        assert message["from"] == "alice@localhost/x"
        assert message.xml.find("{urn:q}x").get("{urn:q}a") == "1"
        bob.send("<message to='http.localhost' type='chat' id='m1'><body>hello?</body></message>")
        assert bob.expect(lambda stanza: stanza["type"] == "error")["id"] == "m1"


def test_an_iq_is_answered_with_its_own_id(everywhere: TestGateway) -> None:
    reply = ET.fromstring(send(everywhere, "<iq type='get' id='mine' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>").content)
    assert (reply.get("type"), reply.get("id"), reply.get("from")) == ("result", "mine", "localhost")
    error = ET.fromstring(send(everywhere, "<iq type='get' id='mine' to='localhost'><what xmlns='urn:what'/></iq>").content)
    assert (error.get("type"), error.get("id")) == ("error", "mine")


def test_a_thousand_iqs_with_one_id_all_get_their_own_reply(everywhere: TestGateway) -> None:
    async def many() -> int:
        import asyncio

        iq = "<iq type='get' id='same' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
        replies = []
        for _ in range(2):  # fewer at once than may wait for a busy server
            replies += await asyncio.gather(*[everywhere.service.request(iq) for _ in range(500)])
        return sum(reply.type == "result" and reply.id == "same" for reply in replies)

    assert everywhere.client.portal.call(many) == 1000


def test_what_would_close_the_stream_never_reaches_it(everywhere: TestGateway) -> None:
    for stanza in (
        "<message from='eve@elsewhere.org' to='bob@localhost'/>",
        "<message to='bob@localhost'><!-- c --></message>",
        "<handshake/>",
        "<message to='bob@localhost'>&#1;</message>",
        "<message to='a b@localhost'/>",
        "<iq type='get'/>",
        "<iq to='localhost' type='get'><a/><b/></iq>",
        "<iq to='localhost' type='bogus' id='x'><a/></iq>",
        "<presence/>",
        "<message xmlns='jabber:client' to='bob@localhost'><body>" + "x" * 100_000 + "</body></message>",
    ):
        assert send(everywhere, stanza).status_code in (200, 400, 403)
    reply = send(everywhere, "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert b"result" in reply.content


def test_the_gateway_answers_for_itself(server: XmppServer, gateway: TestGateway) -> None:
    with online(server, "admin") as admin:
        for query, expected in (
            ("<query xmlns='http://jabber.org/protocol/disco#info'/>", "http://jabber.org/protocol/commands"),
            ("<ping xmlns='urn:xmpp:ping'/>", ""),
            ("<query xmlns='jabber:iq:version'/>", "tigrest"),
            ("<query xmlns='jabber:iq:last'/>", "seconds"),
            ("<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>", "reload-handlers"),
            ("<unknown xmlns='urn:unknown'/>", "service-unavailable"),
        ):
            reply = ask(admin, f"<iq type='get' to='http.localhost' id='q'>{query}</iq>")
            assert expected in str(reply), str(reply)
        reload = (
            "<iq type='set' to='http.localhost' id='q'><command xmlns='http://jabber.org/protocol/commands' node='reload-handlers'/></iq>"
        )
        assert "Script handlers reloaded" in str(ask(admin, reload))
    with online(server, "alice") as alice:
        assert "forbidden" in str(ask(alice, reload))


def ask(client: Any, iq: str) -> Any:
    """Send an iq as a client and wait for its reply."""
    from slixmpp.xmlstream.handler import Callback
    from slixmpp.xmlstream.matcher import MatcherId

    client.xmpp.register_handler(Callback("reply", MatcherId("q"), client.incoming.put, once=True))
    client.send(iq)
    return client.expect(lambda stanza: stanza.name == "iq")


def test_commands_of_the_server_in_one_post(everywhere: TestGateway) -> None:
    nodes = [item["node"] for item in everywhere.get("/rest/adhoc/localhost", login=ADMIN, type="application/json").json()["items"]]
    assert f"{ADMIN_NODE}add-user" in nodes
    added = execute(everywhere, f"{ADMIN_NODE}add-user", fields=fields(accountjid="dora@localhost", password="pw", password_verify="pw"))
    assert added.json()["command"]["status"] == "completed"
    assert everywhere.get("/rest/adhoc/localhost", login="dora:pw").status_code == 403
    form = execute(everywhere, f"{ADMIN_NODE}delete-user").json()["command"]
    assert (form["status"], bool(form["sessionid"])) == ("executing", True)
    done = execute(everywhere, f"{ADMIN_NODE}delete-user", sessionid=form["sessionid"], fields=fields(accountjids=["dora@localhost"]))
    assert done.json()["command"]["status"] == "completed"
    form = execute(everywhere, f"{ADMIN_NODE}delete-user").json()["command"]
    canceled = execute(everywhere, f"{ADMIN_NODE}delete-user", sessionid=form["sessionid"], action="cancel").json()["command"]
    assert canceled["status"] == "canceled"
    unknown = execute(everywhere, "no-such-node")
    assert unknown.status_code in (404, 503)
    assert unknown.json()["condition"]


def test_accounts_from_birth_to_death(everywhere: TestGateway) -> None:
    def user(method: str, **options: Any) -> int:
        return int(everywhere.request(method, "/rest/user/carol@localhost", login=ADMIN, **options).status_code)

    password = {"json": {"user": {"password": "one"}}}
    assert user("GET") == 404
    assert user("PUT", **password) == 200
    assert user("PUT", **password) == 409
    assert user("GET") == 200
    assert user("POST", json={"user": {"password": "two"}}) == 200
    assert everywhere.get("/rest/adhoc/localhost", login="carol:two").status_code == 403
    assert user("DELETE") == 200
    assert user("DELETE") == 404
    assert user("POST", **password) == 404


def test_the_list_of_accounts_where_the_server_has_one(everywhere: TestGateway, request: pytest.FixtureRequest) -> None:
    response = everywhere.get("/rest/users/?type=json", login=ADMIN)
    if "prosody" in request.node.name:
        assert response.status_code == 501
        assert "get-registered-users-list" in response.text
    else:
        assert response.json()["users"]["items"] == ["admin@localhost", "alice@localhost", "bob@localhost"]


def test_avatars_are_found_and_put(server: XmppServer, gateway: TestGateway) -> None:
    path, image = "/rest/avatar/alice@localhost", picture("alice")
    assert gateway.get("/rest/avatar/bob@localhost").status_code == 404
    put = gateway.put(path, login=ALICE, type="image/png", content=image)
    assert put.status_code == 200, put.text  # ejabberd 23.01 grants no iqs, but alice sets her vCard herself, as far as it can tell
    gateway.service.avatars.cache.forget(JID("alice@localhost"))
    found = gateway.get(path)
    assert (found.status_code, found.headers["content-type"], found.content) == (200, "image/png", image)
    assert gateway.put(path, login=BOB, type="image/png", content=image).status_code == 403


@pytest.mark.parametrize("kind", EVERY_SERVER)
def test_avatars_are_found_wherever_a_client_has_put_them(start_server: StartServer, kind: str) -> None:
    server = start_server(kind)
    picture_of = {source: picture(source) for source in ("avatar", "vcard4", "vcard-temp")}
    options = (
        "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
        "<value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
        "<field var='pubsub#access_model'><value>open</value></field></x></publish-options>"
    )
    with gateway_for(server) as gateway, online(server, "bob") as bob:

        def found(source: str) -> bytes | int:
            gateway.service.avatars.cache.forget(JID("bob@localhost"))
            response = gateway.get(f"/rest/avatar/bob@localhost/{source}")
            return bytes(response.content) if response.status_code == 200 else int(response.status_code)

        assert [found(source) for source in picture_of] == [404, 404, 404]
        publish(bob, picture_of["avatar"], options)
        assert found("avatar") == picture_of["avatar"]
        assert found("") == picture_of["avatar"]
        uri = f"data:image/png;base64,{b64encode(picture_of['vcard4']).decode()}"
        vcard = f"<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><photo><uri>{uri}</uri></photo></vcard>"
        item = f"<publish node='urn:xmpp:vcard4'><item id='current'>{vcard}</item></publish>{options}"
        assert "result" in str(ask(bob, f"<iq type='set' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{item}</pubsub></iq>"))
        assert found("vcard4") == picture_of["vcard4"]
        photo = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{b64encode(picture_of['vcard-temp']).decode()}</BINVAL></PHOTO>"
        assert "result" in str(ask(bob, f"<iq type='set' id='q'><vCard xmlns='vcard-temp'>{photo}</vCard></iq>"))
        assert found("vcard-temp") == picture_of["vcard-temp"]


def publish(client: Any, image: bytes, options: str = "") -> None:
    """Have a client publish an avatar by itself."""
    identity = hashlib.sha1(image).hexdigest()
    data = f"<data xmlns='urn:xmpp:avatar:data'>{b64encode(image).decode()}</data>"
    info = f"<metadata xmlns='urn:xmpp:avatar:metadata'><info id='{identity}' type='image/png' bytes='{len(image)}'/></metadata>"
    for node, payload in (("urn:xmpp:avatar:data", data), ("urn:xmpp:avatar:metadata", info)):
        items = f"<publish node='{node}'><item id='{identity}'>{payload}</item></publish>{options}"
        assert "result" in str(
            ask(client, f"<iq type='set' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'>{items}</pubsub></iq>")
        )


def test_a_status_is_seen_by_contacts_and_withdrawn(server: XmppServer, gateway: TestGateway) -> None:
    def status(**body: Any) -> Any:
        return gateway.post("/rest/user/bob@localhost/status/desk", api_key=API_KEY, json=body).json()["status"]

    with online(server, "alice") as alice, online(server, "bob") as bob:
        befriend(alice, bob)
        assert status(show="xa", status="On the phone")["success"] is True
        seen = alice.presence("bob@localhost/desk")
        assert (seen["show"], seen["status"], seen["priority"]) == ("xa", "On the phone", -1)
        with online(server, "alice", "tablet") as tablet:
            assert tablet.presence("bob@localhost/desk")["status"] == "On the phone"
        assert status(available=False)["success"] is True
        alice.presence("bob@localhost/desk", "unavailable")
        assert status(available=False)["success"] is False


def test_an_unknown_user_has_no_status(everywhere: TestGateway) -> None:
    answer = everywhere.post("/rest/user/nobody@localhost/status", api_key=API_KEY, json={}).json()["status"]
    assert (answer["success"], "no account" in answer["reason"]) == (False, True)


@pytest.mark.parametrize("kind", EVERY_SERVER)
def test_a_status_survives_restarts_of_gateway_and_server(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server, state = start_server(kind), tmp_path / "state.sqlite3"
    with online(server, "alice") as alice, online(server, "bob") as bob:
        befriend(alice, bob)
        with gateway_for(server, state) as gateway:
            answer = gateway.post("/rest/user/bob@localhost/status/door", api_key=API_KEY, json={"show": "dnd"}).json()
            assert answer["status"]["success"] is True, answer
            alice.presence("bob@localhost/door")
        alice.presence("bob@localhost/door", "unavailable")
        with gateway_for(server, state):
            assert alice.presence("bob@localhost/door")["show"] == "dnd"
    with gateway_for(server, state) as gateway:
        if "ejabberd" in kind:
            time.sleep(3.0)  # it writes rosters to its disk some time after it has answered
        server.kill()
        eventually(lambda: not gateway.service.connected)
        server.start()
        eventually(lambda: gateway.service.connected, 40.0)
        with online(server, "alice") as alice:
            assert alice.presence("bob@localhost/door")["show"] == "dnd"


@pytest.mark.parametrize("kind", EVERY_SERVER)
def test_without_any_trust_it_says_what_to_configure(kind: str, start_server: StartServer) -> None:
    server = start_server(kind, trust="false", privileges="false")
    with gateway_for(server, send_as="gateway") as gateway:
        answer = gateway.post("/rest/user/bob@localhost/status", api_key=API_KEY, json={}).json()["status"]
        assert answer["success"] is False
        assert "send_as" in answer["reason"]
        refused = send(gateway, "<message from='alice@localhost' to='bob@localhost'><body>x</body></message>")
        assert refused.status_code == 403
        assert "send_as" in refused.text

        ping = send(gateway, "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        if kind == "ejabberd-26":  # drops iqs of components that are granted nothing
            assert (ping.status_code, "unload mod_privilege" in ping.text) == (501, True), ping.text
        else:
            assert "result" in ping.text


@pytest.mark.parametrize("kind", EVERY_SERVER)
def test_a_killed_server_is_503_at_once_and_heals(kind: str, start_server: StartServer) -> None:
    server = start_server(kind)
    with gateway_for(server) as gateway, ThreadPoolExecutor(4) as pool:
        stop = time.monotonic() + 3.0
        ping = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

        def load() -> set[int]:
            statuses = set()
            while time.monotonic() < stop:
                statuses.add(int(send(gateway, ping).status_code))
            return statuses

        loads = [pool.submit(load) for _ in range(4)]
        time.sleep(0.5)
        server.kill()
        eventually(lambda: not gateway.service.connected)
        down = gateway.get("/health/ready")
        assert down.status_code == 503
        refused = send(gateway, ping)
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert gateway.get("/rest/adhoc/localhost", login="alice:never seen before").status_code == 503
        server.start()
        eventually(lambda: gateway.service.connected, 40.0)
        assert send(gateway, ping).status_code == 200
        assert set().union(*[each.result() for each in loads]) <= {200, 503}


@pytest.mark.parametrize("kind", EVERY_SERVER)
def test_a_wrong_secret_is_named(kind: str, start_server: StartServer, caplog: pytest.LogCaptureFixture) -> None:
    with serving(xmpp=settings(start_server(kind), secret="not the secret")) as gateway:
        eventually(lambda: "the secret is wrong" in caplog.text)
        assert not gateway.service.connected
    assert "not the secret" not in caplog.text


def test_where_the_server_sends_replies_back_commands_run_as_their_user(start_server: StartServer) -> None:
    with gateway_for(start_server("prosody"), adhoc_as="user") as gateway:
        assert execute(gateway, f"{ADMIN_NODE}get-online-users-list").status_code == 200
        nodes = [item["node"] for item in gateway.get("/rest/adhoc/localhost", login=ALICE, type="application/json").json()["items"]]
        assert f"{ADMIN_NODE}add-user" not in nodes
        assert execute(gateway, f"{ADMIN_NODE}add-user", login=ALICE).status_code == 403
