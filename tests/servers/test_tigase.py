"""A gateway in front of a played Tigase: what works there, and what Tigase refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.cli.process import tigrest
from tests.servers.client import online
from tests.servers.gateway import gateway_for
from tests.servers.process import COMPONENT, DOMAIN, SECRET
from tests.servers.tigase import ENDPOINT, Tigase
from tests.waiting import eventually
from tigrest.backends.component.link import Link
from tigrest.backends.component.settings import LinkSettings
from tigrest.errors import NotConnected, StanzaTimeout
from tigrest.testing import API_KEY, TestGateway
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

ADMIN, ALICE = "admin:adminpw", "alice:alicepw"
COMMANDS = "http://jabber.org/protocol/commands"
ONLINE_USERS = "http://jabber.org/protocol/admin#get-online-users-list"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Tigase]:
    running = Tigase(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def gateway(server: Tigase) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


def address_of(jid: str) -> str:
    return f"{ENDPOINT}/{hashlib.sha256(jid.encode()).hexdigest()}"


def set_status(gateway: TestGateway, user: str, **fields: Any) -> Any:
    return gateway.post(f"/rest/user/{user}@localhost/status/desk", login=ADMIN, json=fields).json()["status"]


# What Tigase refuses, as it is played


@pytest.mark.parametrize(
    ("iq", "answer"),
    [
        (f"<iq type='get' to='{DOMAIN}'><query xmlns='jabber:iq:version'/></iq>", "result"),
        (f"<iq type='get' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>", "result"),
        (f"<iq type='set' to='{DOMAIN}'><command xmlns='{COMMANDS}' node='{ONLINE_USERS}'/></iq>", "not-authorized"),
        (f"<iq type='set' to='sess-man@{DOMAIN}'><command xmlns='{COMMANDS}' node='{ONLINE_USERS}'/></iq>", "not-authorized"),
        (f"<iq type='set' to='vhost-man@{DOMAIN}'><command xmlns='{COMMANDS}' node='comp-repo-item-add'/></iq>", "nothing"),
        (f"<iq type='set' perm='ADMIN' to='{DOMAIN}'><command xmlns='{COMMANDS}' node='{ONLINE_USERS}'/></iq>", "result"),
        (f"<iq type='set' perm='ADMIN' to='vhost-man@{DOMAIN}'><command xmlns='{COMMANDS}' node='comp-repo-item-add'/></iq>", "result"),
        (f"<iq type='set' perm='ADMIN' to='{DOMAIN}'><command xmlns='{COMMANDS}' node='no-such-node'/></iq>", "nothing"),
        (f"<iq type='set' perm='AUTH' to='{DOMAIN}'><command xmlns='{COMMANDS}' node='{ONLINE_USERS}'/></iq>", "not-authorized"),
        (
            f"<iq type='set' perm='ADMIN' from='eve@{COMPONENT}' to='{DOMAIN}'><command xmlns='{COMMANDS}' node='{ONLINE_USERS}'/></iq>",
            "not-authorized",
        ),
        (f"<iq type='set' to='sess-man@{DOMAIN}'><command xmlns='{COMMANDS}' node='USER_STATUS'/></iq>", "forbidden"),
        (f"<iq type='get' perm='bogus' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>", "end"),
        (f"<iq type='get' pr='bogus' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>", "end"),
    ],
)
async def test_it_refuses_what_tigase_refuses(server: Tigase, iq: str, answer: str) -> None:
    settings = LinkSettings(
        jid=JID(COMPONENT), domain=JID(DOMAIN), secret=SECRET, host="127.0.0.1", port=server.component, max_stanza=262_144
    )
    link = Link(settings, on_stanza=lambda stanza: None, on_up=lambda: None, on_down=lambda: None)
    await link.start()
    stanza = Stanza.parse(iq)
    try:
        reply = await link.request(stanza.with_(sender=stanza.attributes.get("from", COMPONENT)), 0.5)
    except StanzaTimeout:
        assert answer == "nothing"
    except NotConnected:
        assert answer == "end"
    else:
        assert answer == (reply.error.condition if reply.error is not None else "result")
    finally:
        await link.stop()


def test_a_wrong_secret_is_named_though_tigase_says_nothing(server: Tigase, tmp_path: Path) -> None:
    settings = {f"TIGREST__{name}": value for name, value in (server.settings() | {"XMPP__SECRET": "wrong"}).items()}
    checked = tigrest("check", "--live", cwd=tmp_path, **settings)
    assert checked.returncode == 3
    assert "check the secret" in checked.stdout + checked.stderr


def test_three_wrong_passwords_lock_the_account(server: Tigase, gateway: TestGateway) -> None:
    server.lock_seconds = 0.5
    for _ in range(3):
        assert gateway.get("/rest/events", login="alice:wrong").status_code == 401
    assert gateway.get("/rest/ping/localhost", login=ALICE).status_code == 401
    eventually(lambda: gateway.get("/rest/ping/localhost", login=ALICE).status_code == 200)


# Commands


@pytest.mark.parametrize("version", ["true", "false"])
def test_commands_work_however_tigase_says_who_it_is(tmp_path: Path, version: str) -> None:
    server = Tigase(tmp_path, version=version)
    server.start()
    try:
        with gateway_for(server) as gateway:
            for to in ("localhost", "sess-man@localhost"):
                fields = [{"var": "domainjid", "value": "localhost"}, {"var": "max_items", "value": "25"}]
                command = {"command": {"node": ONLINE_USERS, "fields": fields}}
                answer = gateway.post(f"/rest/adhoc/{to}", login=ADMIN, json=command)
                assert answer.status_code == 200, answer.text
                assert answer.json()["command"]["fields"][0]["var"] == "Users: 0"
                assert gateway.post(f"/rest/adhoc/{to}", login=ALICE, json=command).status_code == 403
    finally:
        server.stop()


@pytest.mark.parametrize("mark", ["perm='bogus'", "pr='bogus'", "perm='ADMIN'", "perm='bogus' pr='bogus' cid='1'"])
def test_what_a_stranger_writes_into_a_stanza_neither_ends_the_link_nor_gives_rights(
    server: Tigase, gateway: TestGateway, mark: str
) -> None:
    for kind, inside in (("message", "<body>x</body>"), ("presence", ""), ("iq type='get'", "<ping xmlns='urn:xmpp:ping'/>")):
        name = kind.partition(" ")[0]
        content = f"<{kind} to='bob@localhost' {mark}>{inside}</{name}>"
        assert gateway.post("/rest", login=ALICE, type="application/xml", content=content).status_code in (200, 202)
        stream = gateway.post("/rest/stream", login=ADMIN, api_key=API_KEY, type="application/xml", content=content)
        assert stream.status_code == 200
    assert gateway.service.connected
    eventually(lambda: len([each for each in server.received if each.get("to") == "bob@localhost"]) == 6)
    marked = [each for each in server.received if each.get("pr") or each.get("cid") or each.get("perm") == "bogus"]
    assert marked == []


# Accounts


def test_accounts_are_made_changed_listed_and_deleted(server: Tigase, gateway: TestGateway) -> None:
    def ask(method: str, body: Any = None, user: str = "carol") -> Any:
        return gateway.request(method, f"/rest/user/{user}@localhost", login=ADMIN, json=body)

    assert ask("GET").status_code == 404
    assert ask("DELETE").status_code == 404
    assert ask("POST", {"user": {"password": "x"}}).status_code == 404
    assert ask("PUT", {"user": {"password": "one"}}).status_code == 200  # Tigase wants an email address
    assert server.accounts["carol"] == "one"
    assert ask("PUT", {"user": {"password": "two", "email": "c@example.org"}}).status_code == 409
    assert ask("GET").status_code == 200
    assert ask("POST", {"user": {"password": "two"}}).status_code == 200
    assert server.accounts["carol"] == "two"
    listed = gateway.get("/rest/users/localhost?type=json", login=ADMIN).json()["users"]
    assert (listed["items"], listed["count"]) == ([f"{user}@localhost" for user in ("admin", "alice", "bob", "carol")], 4)
    assert ask("DELETE").status_code == 200
    assert "carol" not in server.accounts
    assert ask("GET").status_code == 404


def test_who_is_no_admin_there_is_told_so(server: Tigase, gateway: TestGateway) -> None:
    server.admins.remove(COMPONENT)
    for method, body in (("GET", None), ("PUT", {"user": {"password": "x"}}), ("DELETE", None)):
        answer = gateway.request(method, "/rest/user/carol@localhost", login=ADMIN, json=body)
        assert answer.status_code == 501
        assert "make the component an administrator" in answer.text


# Status


def test_the_statuses_of_two_users_do_not_mix(server: Tigase, gateway: TestGateway) -> None:
    with online(server, "bob") as bob:
        assert set_status(gateway, "carol", show="away", status="Lunch")["success"]
        assert set_status(gateway, "dave", show="xa", status="Meeting")["success"]
        for user, text in (("carol", "Lunch"), ("dave", "Meeting")):
            assert bob.presence(f"{user}@localhost/desk")["status"] == text
        assert set(server.shown) == {address_of("carol@localhost/desk"), address_of("dave@localhost/desk")}
        assert set_status(gateway, "dave", available="false")["success"]
        bob.presence("dave@localhost/desk", "unavailable")
        assert list(server.shown) == [address_of("carol@localhost/desk")]
        again = set_status(gateway, "dave", available="false")
        assert (again["success"], again["reason"]) == (False, "dave@localhost/desk is not online")


def test_a_status_lives_on_when_its_user_logs_in(server: Tigase, gateway: TestGateway) -> None:
    server.check_seconds = 5.0
    assert set_status(gateway, "alice", show="xa")["success"]
    with online(server, "alice"):
        eventually(lambda: [each for each in server.received if each.get("id", "").startswith("check-")] != [])
        assert {each.get("type") for each in server.received if each.get("id", "").startswith("check-")} == {"result"}
        assert len(server.shown) == 1


def test_a_status_that_nobody_answers_for_vanishes(server: Tigase, gateway: TestGateway) -> None:
    stranger = f"{ENDPOINT}/of-another-gateway"
    server.do(lambda: server.show(stranger, "alice@localhost/old", ET.Element("{jabber:client}presence")))
    with online(server, "alice"):
        eventually(lambda: server.shown == {})


def test_statuses_are_shown_again_after_a_restart_of_either_side(server: Tigase, tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite3"
    with gateway_for(server, state) as gateway:
        assert set_status(gateway, "carol", show="xa", status="Lunch")["success"]
        assert set_status(gateway, "dave", show="dnd")["success"]
        assert set_status(gateway, "dave", available="false")["success"]
        server.stop()
        server.shown.clear()
        eventually(lambda: not gateway.service.connected)
        server.start()
        eventually(lambda: list(server.shown) == [address_of("carol@localhost/desk")])
    eventually(lambda: server.shown == {})
    with gateway_for(server, state):
        eventually(lambda: list(server.shown) == [address_of("carol@localhost/desk")])
        assert server.shown[address_of("carol@localhost/desk")].findtext("{jabber:client}status") == "Lunch"


def test_a_gateway_that_is_not_trusted_says_what_to_write(tmp_path: Path) -> None:
    server = Tigase(tmp_path, trusted="nobody")
    server.start()
    try:
        with gateway_for(server) as gateway:
            outcome = set_status(gateway, "carol")
            assert outcome["success"] is False
            assert outcome["reason"].endswith(f"add {ENDPOINT} to the trusted of sess-man")
    finally:
        server.stop()


def test_nobody_speaks_from_the_address_that_is_trusted(server: Tigase, gateway: TestGateway) -> None:
    form = "<x xmlns='jabber:x:data' type='submit'><field var='jid'><value>bob@localhost/x</value></field></x>"
    command = f"<command xmlns='{COMMANDS}' node='USER_STATUS'>{form}</command>"
    for sender in (ENDPOINT, f"{ENDPOINT}/x", ENDPOINT.upper(), address_of("bob@localhost/x")):
        iq = f"<iq type='set' id='q' from='{sender}' to='sess-man@localhost'>{command}</iq>"
        assert gateway.post("/rest", login=ALICE, type="application/xml", content=iq).status_code == 403
        assert gateway.post("/rest/stream", login=ADMIN, api_key=API_KEY, type="application/xml", content=iq).status_code == 403
    server.add_user("user-status-endpoint", "pw")
    assert gateway.get("/rest/ping/localhost", login="user-status-endpoint:pw").status_code == 401
    assert server.shown == {}


# BOSH


def test_sessions_are_opened_by_tigase_itself(server: Tigase, gateway: TestGateway) -> None:
    fields = [{"var": "from", "value": "alice@localhost/web"}, {"var": "hold", "value": "1"}, {"var": "wait", "value": "60"}]
    command = {"command": {"node": "pre-bind-bosh-session", "fields": fields}}
    for login in (ALICE, ADMIN):
        answer = gateway.post("/rest/adhoc/bosh@localhost", login=login, json=command)
        assert answer.status_code == 200, answer.text
        found = {field["var"]: field["value"] for field in answer.json()["command"]["fields"]}
        assert (found["from"], found["hold"], found["wait"]) == ("alice@localhost/web", "1", "60")
    assert gateway.post("/rest/adhoc/bosh@localhost", login="bob:bobpw", json=command).status_code == 403
    prebound = gateway.get("/rest/bosh/prebind?resource=web", login=ALICE).json()
    assert (prebound["jid"], prebound["rid"]) == ("alice@localhost/web", 9929332 + 2 + 1)


def test_an_avatar_is_its_owners_clients_to_set(server: Tigase, gateway: TestGateway) -> None:
    image = b"GIF89a" + bytes(20)
    answer = gateway.put("/rest/avatar/alice@localhost", login=ALICE, content=image, type="image/gif")
    assert answer.status_code == 501
    assert server.stored == {}


def test_the_live_check_says_what_tigase_can_and_what_to_write_there(server: Tigase, tmp_path: Path) -> None:
    settings = {f"TIGREST__{name}": value for name, value in (server.settings() | {"XMPP__SEND_AS": "user"}).items()}

    def found() -> dict[str, str]:
        checked = tigrest("check", "--live", cwd=tmp_path, **settings)
        assert "Tigase 8.4.0" in checked.stdout, checked.stdout + checked.stderr
        assert "Traceback" not in checked.stdout + checked.stderr
        lines = checked.stdout.partition("BUILT-IN\n")[2].splitlines()
        return {line[:26].strip(): line[26:] for line in lines}

    able = found()
    assert [name for name, line in able.items() if line.startswith("does not")] == ["PUT /rest/avatar"]
    assert server.shown == {}
    server.trusted = COMPONENT
    believed = found()["rights"]
    assert "any nobody@http.localhost may say that a user is online" in believed
    assert f"'{ENDPOINT}' in trusted, not their domain" in believed
    server.trusted = "nobody"
    server.admins.remove(COMPONENT)
    unable = found()
    assert f"write '{COMPONENT}' into admins of etc/config.tdsl" in unable["PUT /rest/user"]
    assert unable["POST /rest/user/…/status"].endswith(f"add {ENDPOINT} to the trusted of sess-man")
    assert "write bosh () {}" in unable["BOSH pre-bind"]
