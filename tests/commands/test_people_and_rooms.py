"""The commands about rooms, rosters, vCards, private storage and messages, on the embedded domain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ctl.shell import Shell
from tests.waiting import eventually
from tigrest.scripting.commands import Command
from tigrest.testing import TestGateway, own_commands, serving

ADMIN, ALICE = ("admin", "secret"), ("alice", "secret")
BOB = {"user": "bob", "host": "localhost"}
ROOM = {"room": "hall", "service": "rooms.localhost"}


@pytest.fixture(scope="module")
def gateway(request: pytest.FixtureRequest) -> Iterator[TestGateway]:
    with serving(commands=own_commands(request.config.rootpath)) as running:
        assert running.gateway.table.problems == ()
        yield running


def run(gateway: TestGateway, command: str, login: tuple[str, str] | None = ADMIN, /, **arguments: Any) -> tuple[int, Any]:
    """Call a command by HTTP; return status, and result or detail."""
    answer = gateway.client.post(f"/api/{command}", json=arguments, auth=login)
    body = answer.json()
    return answer.status_code, body if answer.status_code == 200 else body["detail"]


ITEM = {"localuser": "bob", "localhost": "localhost", "user": "jan", "host": "example.net", "nick": "", "subs": "none"}
INVITATION = {**ROOM, "password": "none", "reason": "none"}

ROOMS: dict[str, dict[str, Any]] = {
    "create_room": ROOM,
    "create_room_with_opts": {**ROOM, "host": "localhost", "options": []},
    "destroy_room": ROOM,
    "get_room_options": ROOM,
    "change_room_option": {**ROOM, "option": "title", "value": "x"},
    "get_room_affiliations": ROOM,
    "get_room_affiliations/v0": {"name": "hall", "service": "rooms.localhost"},
    "get_room_affiliation": {**ROOM, "jid": "bob@localhost"},
    "set_room_affiliation": {**ROOM, **BOB, "affiliation": "member"},
    "set_room_affiliation/v0": {"name": "hall", "service": "rooms.localhost", "jid": "bob@localhost", "affiliation": "member"},
    "get_room_occupants": ROOM,
    "get_room_occupants_number": ROOM,
    "muc_online_rooms": {"service": "global"},
    "send_direct_invitation": {**INVITATION, "users": []},
    "send_direct_invitation/v0": {**INVITATION, "users": ""},
    "create_muc_room": {"domain": "localhost", "name": "hall", "owner": "bob@localhost"},
    "invite_to_muc_room": {"domain": "localhost", "name": "hall", "sender": "bob@localhost", "recipient": "alice@localhost"},
    "kick_user_from_room": {"domain": "localhost", "name": "hall", "nick": "Bob"},
}

NOT_HERE: dict[str, dict[str, Any]] = {
    "get_roster": BOB,
    "get_roster/v0": BOB,
    "add_rosteritem": {**ITEM, "groups": []},
    "add_rosteritem/v0": {**ITEM, "group": ""},
    "delete_rosteritem": {name: ITEM[name] for name in ("localuser", "localhost", "user", "host")},
    "list_contacts": {"caller": "bob@localhost"},
    "add_contact": {"caller": "bob@localhost", "jid": "jan@example.net"},
    "delete_contact": {"caller": "bob@localhost", "jid": "jan@example.net"},
    "set_subscription": {"caller": "bob@localhost", "jid": "alice@localhost", "action": "connect"},
    "private_get": {**BOB, "element": "storage", "ns": "storage:rosternotes"},
    "private_set": {**BOB, "element": "<storage xmlns='storage:rosternotes'/>"},
}


@pytest.mark.parametrize("command", NOT_HERE)
def test_what_the_embedded_domain_has_not_is_501_with_the_reason(gateway: TestGateway, command: str) -> None:
    status, text = run(gateway, command, **NOT_HERE[command])
    assert (status, "localhost lists no" in text or "localhost has no" in text) == (501, True), text


def test_rooms_are_made_shown_changed_and_destroyed(gateway: TestGateway) -> None:
    options = [{"name": "title", "value": "The hall"}, {"name": "affiliations", "value": "member=bob@http.localhost"}]
    assert run(gateway, "destroy_room", **ROOM) == (404, "there is no room hall@rooms.localhost")
    assert run(gateway, "create_room_with_opts", **ROOM, host="localhost", options=options) == (200, None)
    assert run(gateway, "create_room", **ROOM)[0] == 409
    assert "hall@rooms.localhost" in run(gateway, "muc_online_rooms", service="global")[1]
    assert run(gateway, "change_room_option", **ROOM, option="members_only", value="true") == (200, None)
    shown = run(gateway, "get_room_options", **ROOM)[1]
    assert shown.items() >= {"title": "The hall", "members_only": "true", "persistent": "true"}.items()
    assert run(gateway, "change_room_option", **ROOM, option="moderated", value="true")[0] == 501
    affiliations = {each["jid"]: each["affiliation"] for each in run(gateway, "get_room_affiliations", **ROOM)[1]}
    assert affiliations == {"room-owner@http.localhost": "owner", "bob@http.localhost": "member"}
    assert [gateway.post("/rest/room/hall@rooms.localhost", login=who, json={"body": "x"}).status_code for who in ("bob", "alice")] == [
        200,
        403,
    ]
    here = {"jid": "bob@http.localhost/rooms:bob", "nick": "bob", "role": "participant"}
    assert run(gateway, "get_room_occupants", **ROOM) == (200, [here])
    assert run(gateway, "get_room_occupants_number", **ROOM) == (200, 1)
    assert run(gateway, "kick_user_from_room", domain="localhost", name="hall", nick="bob") == (200, None)
    assert run(gateway, "kick_user_from_room", domain="localhost", name="hall", nick="bob")[0] == 404
    refused = gateway.post("/rest/room/hall@rooms.localhost", login="bob", json={"body": "x"})
    assert (refused.status_code, "thrown out" in refused.text) == (503, True)
    assert gateway.put("/rest/room/hall@rooms.localhost", login="bob").status_code == 200
    assert run(gateway, "set_room_affiliation", **ROOM, user="bob", host="http.localhost", affiliation="outcast") == (200, None)
    assert gateway.put("/rest/room/hall@rooms.localhost", login="bob").status_code == 403
    assert run(gateway, "send_direct_invitation", **INVITATION, users=["bob@localhost"]) == (200, None)
    assert run(gateway, "change_room_option", **ROOM, option="members_only", value="false") == (200, None)
    for option, value in (("password", "open"), ("password_protected", "true")):
        assert run(gateway, "change_room_option", **ROOM, option=option, value=value) == (200, None)
    answers = [
        gateway.put("/rest/room/hall@rooms.localhost", login="alice", json={"password": each}).status_code for each in ("wrong", "open")
    ]
    assert answers == [403, 200]
    assert run(gateway, "destroy_room", **ROOM) == (200, None)
    eventually(lambda: gateway.get("/rest/room/hall@rooms.localhost", login="alice").status_code == 404)
    assert run(gateway, "muc_online_rooms", service="rooms.localhost")[1].count("hall@rooms.localhost") == 0


def test_a_room_of_the_configuration_is_made_with_its_options(request: pytest.FixtureRequest) -> None:
    room = {"jid": "hall@rooms.localhost", "create": True, "password": "open", "options": {"title": "Hall"}}
    with serving(commands=own_commands(request.config.rootpath), rooms=[room]) as gateway:
        eventually(lambda: gateway.service.rooms.is_in("hall@rooms.localhost"))
        shown = run(gateway, "get_room_options", **ROOM)[1]
        assert shown.items() >= {"title": "Hall", "persistent": "true", "password": "open"}.items()
        assert gateway.put("/rest/room/hall@rooms.localhost", login="alice").status_code == 403


def test_who_owns_no_room_changes_nothing_there(gateway: TestGateway) -> None:
    assert gateway.put("/rest/room/parlour@rooms.localhost", login="alice").status_code == 200  # and alice owns it
    for kind, payload in (
        ("owner", "<destroy/>"),
        ("owner", ""),
        ("admin", "<item nick='alice' role='none'/>"),
        ("admin", "<item jid='bob@localhost' affiliation='owner'/>"),
    ):
        stanza = f"<iq type='set' id='1' to='parlour@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#{kind}'>{payload}</query></iq>"
        answer = gateway.post("/rest", login="bob", content=stanza, type="application/xmpp+xml")
        assert "<forbidden" in answer.text, answer.text
    assert gateway.get("/rest/room/parlour@rooms.localhost", login="alice").status_code == 200


@pytest.mark.parametrize("command", [*ROOMS, *NOT_HERE, "get_vcard", "get_vcard2", "set_vcard", "set_vcard2", "set_nickname"])
def test_only_admins_may_call_what_has_the_rights_of_the_gateway(gateway: TestGateway, command: str) -> None:
    assert run(gateway, command, ALICE, nonsense="x")[0] == 403
    assert run(gateway, command, None, nonsense="x")[0] == 401


def test_the_list_says_what_is_not_available_and_why(gateway: TestGateway) -> None:
    listed = {each["name"]: each for each in gateway.get("/api/commands", login="admin").json()}
    for command in {name.partition("/")[0] for name in NOT_HERE}:
        assert not listed[command]["available"], command
        assert re.match(r"localhost (has|lists) no", listed[command]["reason"])
    for command in {name.partition("/")[0] for name in ROOMS} | {"get_vcard", "set_vcard", "set_nickname", "send_message", "send_stanza"}:
        assert listed[command]["available"], command


def test_the_list_has_the_contact_of_mongooseim(gateway: TestGateway) -> None:
    listed = next(each for each in gateway.get("/api/commands", login="admin").json() if each["name"] == "add_contact")
    wanted = {
        "path": "/contacts",
        "name": "add_contact",
        "method": "POST",
        "desc": "Add a contact to roster",
        "category": "contacts",
        "args": {"jid": "binary", "caller": "binary"},
        "action": "create",
    }
    assert {name: listed[name] for name in wanted} == wanted


def test_the_routes_of_mongooseim_lead_to_the_commands(gateway: TestGateway) -> None:
    assert gateway.get("/api/contacts/bob@localhost", login="admin").status_code == 501
    assert gateway.post("/api/contacts", login="admin", json={"jid": "jan@example.net", "caller": "bob@localhost"}).status_code == 501
    assert gateway.delete("/api/contacts/bob@localhost/jan@example.net", login="admin").status_code == 501
    assert gateway.put("/api/contacts/bob@localhost/alice@localhost/manage", login="admin", json={"action": "connect"}).status_code == 501
    assert gateway.post("/api/mucs/localhost", login="admin", json={"name": "lounge", "owner": "bob@localhost"}).json() == "lounge"
    assert gateway.delete("/api/mucs/localhost/lounge/Bob", login="admin").status_code == 404
    with gateway.recording() as sent:
        body = {"caller": "alice@localhost", "to": "bob@localhost", "body": "Hello"}
        assert gateway.post("/api/messages", login="alice", json=body).status_code in (200, 201, 204)
    assert [(each.attributes["from"], each.body) for each in sent] == [("alice@localhost", "Hello")]


def test_the_shell_has_help_for_each_version_of_each_command(gateway: TestGateway) -> None:
    for part in gateway.gateway.table.of(Command):
        done = Shell(gateway).ctl("--version", str(part.version), "help", part.name)
        assert (done.code, done.err) == (0, ""), part.title
        assert part.name in done.out


def test_the_shell_shows_rosters_of_the_oldest_version_as_ejabberd_does(gateway: TestGateway) -> None:
    done = Shell(gateway).ctl("--version", "0", "help", "get_roster")
    assert "jan@example.org\tJan\tboth\tnone\tFriends;Work" in done.out


def test_fields_of_a_vcard_come_and_go(gateway: TestGateway) -> None:
    assert run(gateway, "get_vcard", **BOB, name="FN") == (404, "the vCard of bob@localhost has no FN")
    assert run(gateway, "set_vcard", **BOB, name="FN", content="Bob <b>") == (200, None)
    assert run(gateway, "set_nickname", **BOB, nickname="Bobby") == (200, None)
    assert run(gateway, "set_vcard2", **BOB, name="N", subname="FAMILY", content="Builder") == (200, None)
    assert run(gateway, "set_vcard2", **BOB, name="N", subname="GIVEN", content="Bob") == (200, None)
    assert run(gateway, "get_vcard", **BOB, name="fn") == (200, "Bob <b>")
    assert run(gateway, "get_vcard", **BOB, name="NICKNAME") == (200, "Bobby")
    assert run(gateway, "get_vcard2", **BOB, name="N", subname="FAMILY") == (200, "Builder")
    assert run(gateway, "set_vcard", **BOB, name="FN", content="") == (200, None)
    assert run(gateway, "get_vcard", **BOB, name="FN")[0] == 404
    assert run(gateway, "get_vcard2", **BOB, name="N", subname="MIDDLE")[0] == 404


def test_telephones_are_found_by_what_marks_them(gateway: TestGateway) -> None:
    numbers = "".join(f"<TEL><{kind}/><NUMBER>{number}</NUMBER></TEL>" for kind, number in {"WORK": "1", "HOME": "2"}.items())
    gateway.post(
        "/rest/stream",
        login="admin",
        api_key="test-key",
        type="application/xml",
        content=f"<iq type='set' from='admin@localhost' to='admin@localhost'><vCard xmlns='vcard-temp'>{numbers}</vCard></iq>",
    )
    admin = {"user": "admin", "host": "localhost"}
    assert run(gateway, "get_vcard2", **admin, name="TEL", subname="HOME") == (200, "2")
    assert run(gateway, "get_vcard2", **admin, name="TEL", subname="NUMBER") == (200, "1")


@pytest.mark.parametrize("name", ["", "a b", "FN/x", "x>", "{urn:x}FN", "*", "."])
def test_what_is_no_name_of_a_field_is_refused(gateway: TestGateway, name: str) -> None:
    for command in ("get_vcard", "set_vcard"):
        more = {"content": "x"} if command == "set_vcard" else {}
        status, text = run(gateway, command, **BOB, name=name, **more)
        assert (status, "is not the name of a field" in text) == (400, True), text


def test_who_is_not_there_has_no_vcard(gateway: TestGateway) -> None:
    nobody = {"user": "nobody", "host": "localhost"}
    for command, more in {"get_vcard": {"name": "FN"}, "set_nickname": {"nickname": "x"}}.items():
        assert run(gateway, command, **nobody, **more) == (404, "there is no account nobody@localhost")
        assert run(gateway, command, **{**BOB, "host": "elsewhere.net"}, **more)[0] == 400


def test_messages_are_from_the_caller(gateway: TestGateway) -> None:
    message = {"type": "headline", "to": "bob@localhost", "subject": "Restart", "body": "In 5 minutes"}
    with gateway.recording() as sent:
        assert run(gateway, "send_message", ALICE, **message) == (200, None)
        assert run(gateway, "send_message", ADMIN, **message) == (200, None)
        assert run(gateway, "send_message", ADMIN, **{**message, "from": "news@http.localhost/x"}) == (200, None)
        stanza = "<message to='alice@localhost' id='1'><ext xmlns='urn:x' attr='value'/></message>"
        assert run(gateway, "send_stanza", ALICE, to="bob@localhost", stanza=stanza) == (200, None)
    assert [(each.attributes["from"], each.type) for each in sent] == [
        ("alice@localhost", "headline"),
        ("http.localhost", "headline"),
        ("news@http.localhost/x", "headline"),
        ("alice@localhost", ""),
    ]
    assert (sent[-1].attributes["to"], sent[-1].id, sent[-1].xml[0].attrib) == ("bob@localhost", "1", {"attr": "value"})


@pytest.mark.parametrize("sender", ["admin@localhost", "http.localhost", "bob@http.localhost", "room-owner@http.localhost"])
def test_nobody_sends_as_somebody_else(gateway: TestGateway, sender: str) -> None:
    assert run(gateway, "send_message", ALICE, **{"from": sender, "to": "bob@localhost", "body": "x"})[0] == 403
    assert run(gateway, "send_stanza", ALICE, **{"from": sender, "to": "bob@localhost", "stanza": "<message/>"})[0] == 403
    inside = f"<message from='{sender}' to='bob@localhost'/>"
    assert run(gateway, "send_stanza", ALICE, stanza=inside)[0] == 403


def test_iqs_of_commands_are_answered(gateway: TestGateway) -> None:
    ping, roster = "<ping xmlns='urn:xmpp:ping'/>", "<query xmlns='jabber:iq:roster'/>"
    assert run(gateway, "send_stanza", ALICE, to="localhost", stanza=f"<iq type='get'>{ping}</iq>") == (200, None)
    assert run(gateway, "send_stanza", ALICE, to="nobody@localhost/x", stanza=f"<iq type='get'>{ping}</iq>")[0] == 404
    assert run(gateway, "send_stanza", ALICE, to="bob@localhost", stanza=f"<iq type='get'>{roster}</iq>")[0] == 403
    assert run(gateway, "send_stanza", ALICE, to="localhost", stanza="<stream/>")[0] == 400
    assert run(gateway, "send_stanza", ALICE, to="localhost", stanza="<message/><message/>")[0] == 400
