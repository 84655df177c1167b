"""Commands about rooms, rosters, vCards and private storage, through a gateway in front of real servers."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.servers.client import Client, online
from tests.servers.conftest import StartServer
from tests.servers.ejabberd import Ejabberd
from tests.servers.gateway import eventually, gateway_for
from tests.servers.newer import NewerEjabberd, is_newer
from tests.servers.process import XmppServer
from tigrest.testing import TestGateway

NEWER_TOO = True

ADMIN, ALICE = "admin:adminpw", "alice:alicepw"
SERVICE = "rooms.localhost"
ALICE_HERE = {"user": "alice", "host": "localhost"}

_numbers = itertools.count()


@pytest.fixture(scope="module")
def gateway(server: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


@pytest.fixture(scope="module")
def in_front_of_rooms(server: XmppServer, gateway: TestGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    """Give a gateway in front of a server that lets components ask rooms: of ejabberd 26, one without ``mod_privilege``."""
    if not isinstance(server, NewerEjabberd):
        yield gateway
        return
    plain = NewerEjabberd(tmp_path_factory.mktemp("plain"), privilege="false")
    try:
        plain.start()
        with gateway_for(plain) as running:
            yield running
    finally:
        plain.stop()


def call(gateway: TestGateway, command: str, arguments: dict[str, Any], login: str = ADMIN) -> tuple[int, Any]:
    """Run a command; return status and result, or status and detail of the error."""
    answer = gateway.post(f"/api/{command}", login=login, json=arguments)
    return answer.status_code, answer.json() if answer.status_code == 200 else answer.json()["detail"]


def result(gateway: TestGateway, command: str, arguments: dict[str, Any]) -> Any:
    """Return the result of a command that works."""
    status, value = call(gateway, command, arguments)
    assert status == 200, (command, status, value)
    return value


def new_room() -> dict[str, str]:
    """Return arguments for a room that never was: Prosody keeps the names of those that were destroyed."""
    return {"room": f"hall-{secrets.token_hex(3)}-{next(_numbers)}", "service": SERVICE}


def enter(gateway: TestGateway, room: dict[str, str], sender: str, nick: str) -> None:
    """Have somebody at an address of the gateway enter a room."""
    to = f"{room['room']}@{room['service']}/{nick}"
    sent: Any = gateway.service.send(f"<presence from='{sender}' to='{to}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    assert sent is None  # it has blocked until it was handed over


# Rooms


def test_a_room_from_its_making_to_its_end(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    assert call(gateway, "create_room", {**room, "host": "localhost"}) == (200, None)
    status, text = call(gateway, "create_room", room)
    assert (status, "already" in text) == (409, True)
    options = result(gateway, "get_room_options", room)
    assert options.items() >= {"persistent": "true", "members_only": "false", "title": "", "password_protected": "false"}.items()
    assert all(isinstance(value, str) for value in options.values())
    for name, value in {"title": "Hall & <co>", "description": "Ü", "members_only": "true", "public": "true"}.items():
        assert call(gateway, "change_room_option", {**room, "option": name, "value": value}) == (200, None)
        assert result(gateway, "get_room_options", room)[name] == value
    assert f"{room['room']}@{SERVICE}" in result(gateway, "muc_online_rooms", {"service": SERVICE})
    assert f"{room['room']}@{SERVICE}" in result(gateway, "muc_online_rooms", {"host": "global"})
    assert call(gateway, "destroy_room", room) == (200, None)
    assert call(gateway, "destroy_room", room)[0] == 404
    assert f"{room['room']}@{SERVICE}" not in result(gateway, "muc_online_rooms", {"service": SERVICE})


def test_a_room_is_made_with_options(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    wanted = {"title": "The hall", "members_only": "true", "password_protected": "true", "password": "sesame", "anonymous": "false"}
    people = {"affiliations": "admin=bob@localhost;member=alice@localhost"}
    options = [{"name": name, "value": value} for name, value in (wanted | people).items()]
    assert call(gateway, "create_room_with_opts", {**room, "host": "localhost", "options": options}) == (200, None)
    assert result(gateway, "get_room_options", room).items() >= (wanted | {"persistent": "true"}).items()
    assert call(gateway, "change_room_option", {**room, "option": "password_protected", "value": "false"}) == (200, None)
    assert result(gateway, "get_room_options", room).items() >= {"password_protected": "false"}.items()
    for name, affiliation in {"bob": "admin", "alice": "member", "admin": "none"}.items():
        assert result(gateway, "get_room_affiliation", {**room, "jid": f"{name}@localhost"}) == affiliation


@pytest.mark.parametrize(
    ("options", "status", "part"),
    [
        ({"nonsense": "x"}, 400, "there is no option 'nonsense'"),
        ({"moderated": "maybe"}, 400, "option moderated is true or false"),
        ({"persistent": "false"}, 400, "option persistent is true"),
        ({"subscribers": "bob@localhost=Bob"}, 501, "subscribers"),
        ({"affiliations": "owner:bob@localhost"}, 400, "write owner="),
        ({"affiliations": "owner=@"}, 400, "not an XMPP address"),
        ({"whois": "x"}, 400, "there is no option 'whois'"),
    ],
)
def test_a_room_that_cannot_be_made_leaves_nothing(in_front_of_rooms: TestGateway, options: dict[str, str], status: int, part: str) -> None:
    room, given = new_room(), [{"name": name, "value": value} for name, value in options.items()]
    found, text = call(in_front_of_rooms, "create_room_with_opts", {**room, "host": "localhost", "options": given})
    assert (found, part in text) == (status, True), text
    assert call(in_front_of_rooms, "get_room_options", room)[0] == 404


def test_affiliations_in_both_versions(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    old = {"name": room["room"], "service": SERVICE}
    result(gateway, "create_room", room)
    result(gateway, "set_room_affiliation/v0", {**old, "jid": "bob@localhost", "affiliation": "admin"})
    result(gateway, "set_room_affiliation", {**room, **ALICE_HERE, "affiliation": "outcast"})
    assert call(gateway, "set_room_affiliation", {**room, **ALICE_HERE, "affiliation": "king"})[0] == 422
    found = result(gateway, "get_room_affiliations", room)
    assert {each["jid"] for each in found if each["affiliation"] == "owner"} - {"http.localhost"} == {"room-owner@http.localhost"}
    others = [each for each in found if each["affiliation"] != "owner"]
    assert [(each["jid"], each["affiliation"]) for each in others] == [("bob@localhost", "admin"), ("alice@localhost", "outcast")]
    others = [each for each in result(gateway, "get_room_affiliations/v0", old) if each["affiliation"] != "owner"]
    assert [(each["username"], each["domain"]) for each in others] == [("bob", "localhost"), ("alice", "localhost")]
    result(gateway, "set_room_affiliation", {**room, **ALICE_HERE, "affiliation": "none"})
    assert "alice@localhost" not in [each["jid"] for each in result(gateway, "get_room_affiliations", room)]


def test_occupants_are_told_with_addresses_and_roles(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    result(gateway, "create_room", room)
    assert (result(gateway, "get_room_occupants", room), result(gateway, "get_room_occupants_number", room)) == ([], 0)
    result(
        gateway, "set_room_affiliation/v0", {"name": room["room"], "service": SERVICE, "jid": "bob@http.localhost", "affiliation": "owner"}
    )
    enter(gateway, room, "alice@http.localhost/x", "Alice")
    enter(gateway, room, "bob@http.localhost/y", "Bob")
    assert result(gateway, "get_room_occupants", room) == [
        {"jid": "bob@http.localhost/y", "nick": "Bob", "role": "moderator"},
        {"jid": "alice@http.localhost/x", "nick": "Alice", "role": "participant"},
    ]
    eventually(lambda: result(gateway, "get_room_occupants_number", room) == 2)


def test_rooms_at_the_places_of_mongooseim(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    name = room["room"]
    made = gateway.post("/api/mucs/localhost", login=ADMIN, json={"name": name, "owner": "bob@http.localhost", "nick": "Bob"})
    assert made.json() == name, made.text
    affiliated = {each["jid"]: each["affiliation"] for each in result(gateway, "get_room_affiliations", room)}
    assert affiliated.items() >= {"bob@http.localhost": "owner", "room-owner@http.localhost": "owner"}.items()
    invitation = {"sender": "bob@http.localhost", "recipient": "alice@localhost", "reason": "Come"}
    with gateway.recording() as sent:
        answer = gateway.post(f"/api/mucs/localhost/{name}/participants", login=ADMIN, json=invitation)
        assert answer.status_code == 200, answer.text
    [message] = [stanza for stanza in sent if stanza.kind == "message"]
    assert (message.attributes["from"], message.xml[0].attrib) == ("bob@http.localhost", {"jid": f"{name}@{SERVICE}", "reason": "Come"})
    assert gateway.post(f"/api/mucs/localhost/{name}/participants", login=ADMIN, json=invitation | {"sender": "a@b.c"}).status_code == 403
    enter(gateway, room, "alice@http.localhost/x", "Alice Li")
    assert [each["nick"] for each in result(gateway, "get_room_occupants", room)] == ["Alice Li"]
    assert gateway.delete(f"/api/mucs/localhost/{name}/Alice%20Li", login=ADMIN).status_code == 200
    assert result(gateway, "get_room_occupants", room) == []
    assert gateway.delete(f"/api/mucs/localhost/{name}/Alice%20Li", login=ADMIN).status_code == 404
    assert gateway.post("/api/mucs/elsewhere.org", login=ADMIN, json={"name": name, "owner": "bob@localhost"}).status_code == 400


ABOUT_A_ROOM: dict[str, dict[str, str]] = {
    "destroy_room": {},
    "get_room_options": {},
    "change_room_option": {"option": "title", "value": "x"},
    "get_room_affiliations": {},
    "get_room_affiliation": {"jid": "bob@localhost"},
    "set_room_affiliation": {"user": "bob", "host": "localhost", "affiliation": "member"},
    "get_room_occupants": {},
    "get_room_occupants_number": {},
    "send_direct_invitation/v0": {"password": "none", "reason": "none", "users": "bob@localhost"},
}


@pytest.mark.parametrize("command", ABOUT_A_ROOM)
def test_a_room_that_is_not_there_is_404_and_is_not_made(in_front_of_rooms: TestGateway, command: str) -> None:
    room = new_room()
    for _ in range(2):
        status, text = call(in_front_of_rooms, command, room | ABOUT_A_ROOM[command])
        assert (status, text) == (404, f"there is no room {room['room']}@{SERVICE}")


def test_what_is_no_room_service_is_an_error(in_front_of_rooms: TestGateway) -> None:
    assert call(in_front_of_rooms, "create_room", {"room": "a b", "service": SERVICE})[0] == 400
    assert call(in_front_of_rooms, "get_room_options", {"room": "hall", "service": "elsewhere.localhost"})[0] in (403, 404, 504)


@pytest.mark.parametrize(("room", "service"), [("x/y", SERVICE), ("hall", f"{SERVICE}/x"), ("", SERVICE), ("hall", ""), ("a@b", SERVICE)])
def test_what_is_no_address_of_a_room_is_refused(in_front_of_rooms: TestGateway, room: str, service: str) -> None:
    for command in ("create_room", "get_room_options", "get_room_occupants_number"):
        assert call(in_front_of_rooms, command, {"room": room, "service": service})[0] == 400


def test_of_two_who_make_a_room_at_once_one_does(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(status for status, _ in pool.map(lambda _: call(gateway, "create_room", room), range(4)))
    assert statuses == [200, 409, 409, 409]
    names = ["title", "description"]
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda name: call(gateway, "change_room_option", {**room, "option": name, "value": name}), names)
        assert [status for status, _ in done] == [200, 200]
    assert result(gateway, "get_room_options", room).items() >= {name: name for name in names}.items()


def test_no_user_of_the_gateway_owns_its_rooms(in_front_of_rooms: TestGateway) -> None:
    """ejabberd takes a domain that owns a room for all addresses of the domain."""
    gateway, room = in_front_of_rooms, new_room()
    result(gateway, "create_room", room)
    to = f"{room['room']}@{SERVICE}"
    for payload in ("<destroy/>", "<x xmlns='jabber:x:data' type='submit'/>"):
        iq = f"<iq type='set' to='{to}'><query xmlns='http://jabber.org/protocol/muc#owner'>{payload}</query></iq>"
        answer = gateway.post("/rest?errors=http", login=ALICE, content=iq, type="application/xml")
        assert answer.status_code == 403, answer.text
    for sender in ("room-owner@http.localhost", "room-owner@http.localhost/commands"):
        iq = f"<iq type='set' from='{sender}' to='{to}'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>"
        assert gateway.post("/rest", login=ALICE, content=iq, type="application/xml").status_code == 403
    assert result(gateway, "get_room_options", room)["persistent"] == "true"
    assert gateway.post("/api/destroy_room", login=ALICE, json=room).status_code == 403


def test_a_room_of_somebody_else_is_not_ours(in_front_of_rooms: TestGateway, server: XmppServer) -> None:
    gateway, room = in_front_of_rooms, new_room()
    enter(gateway, room, "alice@http.localhost/x", "Alice")
    status, text = call(gateway, "destroy_room", room)
    if isinstance(server, Ejabberd) or is_newer(server):
        assert (status, "room-owner@http.localhost" in text) == (403, True), text
    else:  # Prosody 0.12 lets its administrators, which the gateway is, do all in rooms
        assert (status, text) == (200, None)


def test_an_invitation_arrives(in_front_of_rooms: TestGateway) -> None:
    gateway, room = in_front_of_rooms, new_room()
    result(gateway, "create_room", room)
    arguments = {**room, "password": "sesame", "reason": "Come <in>", "users": ["bob@localhost", "admin@localhost"]}
    with gateway.recording() as sent:
        assert call(gateway, "send_direct_invitation", arguments) == (200, None)
    invitations = [stanza for stanza in sent if stanza.kind == "message"]
    assert [stanza.attributes["to"] for stanza in invitations] == ["bob@localhost", "admin@localhost"]
    given = invitations[0].xml[0].attrib
    assert given == {"jid": f"{room['room']}@{SERVICE}", "password": "sesame", "reason": "Come <in>"}


def test_an_administrator_owns_the_rooms_where_only_users_may_ask(start_server: StartServer) -> None:
    """ejabberd from 25.03 on drops iqs of components to rooms, but for those in the names of users that it grants."""
    muc = "http://jabber.org/protocol/muc"
    disco = "http://jabber.org/protocol/disco"
    server = start_server("ejabberd-26", granted=f"{muc}#owner {muc}#admin {disco}#info {disco}#items")
    room = new_room()
    with gateway_for(server) as gateway:
        assert call(gateway, "create_room", room) == (200, None)
        assert call(gateway, "create_room", room)[0] == 409
        assert call(gateway, "change_room_option", {**room, "option": "title", "value": "Hall"}) == (200, None)
        assert result(gateway, "get_room_options", room).items() >= {"title": "Hall", "persistent": "true"}.items()
        result(gateway, "set_room_affiliation", {**room, **ALICE_HERE, "affiliation": "member"})
        found = [(each["jid"], each["affiliation"]) for each in result(gateway, "get_room_affiliations", room)]
        owners = [("admin@localhost", "owner"), ("room-owner@http.localhost", "owner")]
        assert sorted(found) == sorted([*owners, ("alice@localhost", "member")])
        enter(gateway, room, "alice@http.localhost/x", "Alice")
        assert result(gateway, "get_room_occupants", room) == [{"jid": "", "nick": "Alice", "role": ""}]
        assert result(gateway, "muc_online_rooms", {"service": "global"}) == [f"{room['room']}@{SERVICE}"]
        assert call(gateway, "destroy_room", room) == (200, None)
        assert call(gateway, "get_room_options", room)[0] == 404
        with online(server, "admin"):  # an empty room ends as soon as it is made, and takes with it what comes then
            assert [call(gateway, "create_room", new_room()) for _ in range(100)] == [(200, None)] * 100
        assert (
            call(gateway, "create_room_with_opts", {**new_room(), "host": "localhost", "options": [{"name": "x", "value": "y"}]})[0] == 400
        )


def test_ejabberd_with_privileges_says_why_it_has_no_rooms_for_us(gateway: TestGateway, server: XmppServer) -> None:
    for command, arguments in {"muc_online_rooms": {"service": "global"}, "create_room": new_room()}.items():
        status, text = call(gateway, command, arguments)
        if isinstance(server, NewerEjabberd):
            assert (status, "unload mod_privilege" in text) == (501, True), text
        else:
            assert status == 200


# Rosters


def seed_roster(client: Client) -> None:
    """Give alice the roster that ejabberd's documentation shows."""
    for name, groups in {"jan": ("group1", "group2"), "tom": ("group3",)}.items():
        inside = "".join(f"<group>{group}</group>" for group in groups)
        client.ask("type='set'", f"<query xmlns='jabber:iq:roster'><item jid='{name}@localhost' name='{name}'>{inside}</item></query>")
        client.send(f"<presence type='subscribe' to='{name}@localhost'/>")


def test_a_roster_is_shown_as_the_documentation_of_ejabberd_prints_it(gateway: TestGateway, server: XmppServer) -> None:
    with online(server, "alice") as alice:
        seed_roster(alice)
        eventually(lambda: all(each["pending"] == "subscribe" for each in result(gateway, "get_roster", ALICE_HERE)))
    newest, oldest = result(gateway, "get_roster", ALICE_HERE), result(gateway, "v0/get_roster", ALICE_HERE)
    for each in newest:
        each["groups"].sort()  # Prosody has them in an order of its own
    assert newest[:2] == [
        {"jid": "jan@localhost", "nick": "jan", "subscription": "none", "pending": "subscribe", "groups": ["group1", "group2"]},
        {"jid": "tom@localhost", "nick": "tom", "subscription": "none", "pending": "subscribe", "groups": ["group3"]},
    ]
    assert sorted(oldest[0]["groups"].split(";")) == ["group1", "group2"]
    assert oldest[1] == {**newest[1], "groups": "group3"}
    assert result(gateway, "list_contacts", {"caller": "alice@localhost"})[1]["ask"] == "subscribe"


def roster_of(gateway: TestGateway, user: str) -> dict[str, tuple[str, str, list[str]]]:
    found = result(gateway, "get_roster", {"user": user, "host": "localhost"})
    return {each["jid"]: (each["nick"], each["subscription"], sorted(each["groups"])) for each in found}


ITEM = {"localuser": "bob", "localhost": "localhost", "user": "jan", "host": "example.net"}


def test_contacts_are_added_changed_and_deleted(gateway: TestGateway, server: XmppServer) -> None:
    added = {**ITEM, "nick": "Jan & co", "groups": ["One", "Two"], "subs": "none"}
    status, text = call(gateway, "add_rosteritem", added)
    if type(server) is Ejabberd:  # version 23 fails
        assert (status, "ejabberd 23" in text) == (501, True), text
        assert call(gateway, "delete_rosteritem", ITEM)[0] == 501
        assert roster_of(gateway, "bob") == {}
        return
    assert (status, text) == (200, None)
    assert roster_of(gateway, "bob") == {"jan@example.net": ("Jan & co", "none", ["One", "Two"])}
    assert call(gateway, "add_rosteritem/v0", {**ITEM, "nick": "", "group": "One;Three", "subs": "none"}) == (200, None)
    assert roster_of(gateway, "bob") == {"jan@example.net": ("", "none", ["One", "Three"])}
    status, text = call(gateway, "add_rosteritem", {**added, "subs": "both"})
    if isinstance(server, NewerEjabberd):  # it would say yes, and keep none
        assert (status, "keeps the subscription none" in text) == (501, True), text
        assert roster_of(gateway, "bob") == {"jan@example.net": ("", "none", ["One", "Three"])}
        assert call(gateway, "add_rosteritem", {**added, "user": "tom", "subs": "both"})[0] == 501
    else:
        assert status == 200
        assert roster_of(gateway, "bob") == {"jan@example.net": ("Jan & co", "both", ["One", "Two"])}
    assert call(gateway, "delete_rosteritem", ITEM) == (200, None)
    assert call(gateway, "delete_rosteritem", ITEM)[0] == 404
    assert roster_of(gateway, "bob") == {}


def test_the_contacts_of_mongooseim(gateway: TestGateway, server: XmppServer) -> None:
    if type(server) is Ejabberd:
        assert call(gateway, "add_contact", {"caller": "bob@localhost", "jid": "jan@example.net"})[0] == 501
        return
    for _ in range(2):
        assert call(gateway, "add_contact", {"caller": "bob@localhost", "jid": "jan@example.net"}) == (200, None)
    wanted = [{"jid": "jan@example.net", "name": "", "subscription": "none", "ask": "none", "groups": []}]
    assert result(gateway, "list_contacts", {"caller": "bob@localhost"}) == wanted
    assert call(gateway, "delete_contact", {"caller": "bob@localhost", "jid": "jan@example.net"}) == (200, None)


def test_two_users_become_friends_and_part(gateway: TestGateway, server: XmppServer) -> None:
    pair = {"caller": "bob@localhost", "jid": "admin@localhost"}
    status, text = call(gateway, "set_subscription", {**pair, "action": "connect"})
    if isinstance(server, Ejabberd):  # which keeps no such subscription
        assert status == 501, text
        assert roster_of(gateway, "bob") == roster_of(gateway, "admin") == {}
        return
    assert status == 200, text
    assert roster_of(gateway, "bob") == {"admin@localhost": ("", "both", [])}
    assert roster_of(gateway, "admin") == {"bob@localhost": ("", "both", [])}
    missing = call(gateway, "set_subscription", {**pair, "jid": "nobody@localhost", "action": "connect"})
    assert missing == (404, "there is no account nobody@localhost")
    assert roster_of(gateway, "bob") == {"admin@localhost": ("", "both", [])}
    for _ in range(2):
        answer = gateway.put("/api/contacts/bob@localhost/admin@localhost/manage", login=ADMIN, json={"action": "disconnect"})
        assert answer.status_code == 200
    assert roster_of(gateway, "bob") == roster_of(gateway, "admin") == {}
    assert call(gateway, "set_subscription", {**pair, "action": "marry"})[0] == 422


def test_who_is_not_there_has_no_roster(gateway: TestGateway, server: XmppServer) -> None:
    assert call(gateway, "get_roster", {"user": "nobody", "host": "localhost"}) == (404, "there is no account nobody@localhost")
    assert call(gateway, "get_roster", {"user": "alice", "host": "elsewhere.org"})[0] == 400
    if type(server) is not Ejabberd:
        added = {**ITEM, "localuser": "nobody", "nick": "", "groups": [], "subs": "none"}
        assert call(gateway, "add_rosteritem", added) == (404, "there is no account nobody@localhost")
        assert call(gateway, "add_rosteritem", {**added, "subs": "remove"})[0] == 422


def test_who_is_no_contact_is_refused(gateway: TestGateway, server: XmppServer) -> None:
    if type(server) is not Ejabberd:
        for contact in ({"user": "a/b", "host": "example.net"}, {"user": "jan", "host": "example.net/x"}, {"user": "", "host": "a@b"}):
            assert call(gateway, "add_rosteritem", {**ITEM, **contact, "nick": "", "groups": [], "subs": "none"})[0] == 400
            assert call(gateway, "delete_rosteritem", {**ITEM, **contact})[0] == 400


@pytest.mark.parametrize("kind", ["prosody", "ejabberd-26"])
def test_a_roster_is_told_by_the_command_of_the_server_where_that_is_what_is_granted(start_server: StartServer, kind: str) -> None:
    server = start_server(kind, **({"privilege": "false"} if kind == "ejabberd-26" else {"privileges": "false"}))
    with gateway_for(server) as gateway:
        assert roster_of(gateway, "alice") == {}
        with online(server, "alice") as alice:
            seed_roster(alice)
            eventually(lambda: len(roster_of(gateway, "alice")) == 2)
        wanted = {"jan@localhost": ("jan", "none", ["group1", "group2"]), "tom@localhost": ("tom", "none", ["group3"])}
        assert roster_of(gateway, "alice") == wanted
        status, text = call(gateway, "add_rosteritem", {**ITEM, "nick": "", "groups": [], "subs": "none"})
        assert (status, "XEP-0356" in text) == (501, True), text


# vCards


def test_fields_of_vcards(gateway: TestGateway) -> None:
    bob = {"user": "bob", "host": "localhost"}
    assert call(gateway, "get_vcard", {**bob, "name": "NICKNAME"})[0] == 404
    assert call(gateway, "set_nickname", {**bob, "nickname": "Bob & co"}) == (200, None)
    assert call(gateway, "set_vcard", {**bob, "name": "FN", "content": "Bob Builder"}) == (200, None)
    assert call(gateway, "set_vcard2", {**bob, "name": "N", "subname": "FAMILY", "content": "Builder"}) == (200, None)
    assert result(gateway, "get_vcard", {**bob, "name": "nickname"}) == "Bob & co"
    assert result(gateway, "get_vcard", {**bob, "name": "FN"}) == "Bob Builder"
    assert result(gateway, "get_vcard2", {**bob, "name": "N", "subname": "FAMILY"}) == "Builder"
    assert call(gateway, "set_nickname", {**bob, "nickname": ""}) == (200, None)
    assert call(gateway, "get_vcard", {**bob, "name": "NICKNAME"})[0] == 404
    assert call(gateway, "get_vcard", {**bob, "name": "a b"})[0] == 400


def test_two_fields_of_a_vcard_are_set_at_once(gateway: TestGateway) -> None:
    alice = {"user": "alice", "host": "localhost"}
    fields = {"FN": "Alice", "NICKNAME": "Al", "TITLE": "Dr", "URL": "https://example.org"}
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda name: call(gateway, "set_vcard", {**alice, "name": name, "content": fields[name]}), fields))
    assert done == [(200, None)] * 4
    assert {name: result(gateway, "get_vcard", {**alice, "name": name}) for name in fields} == fields


def test_who_is_not_there_has_no_vcard(gateway: TestGateway) -> None:
    nobody = {"user": "nobody", "host": "localhost"}
    missing = (404, "there is no account nobody@localhost")
    assert call(gateway, "get_vcard", {**nobody, "name": "FN"}) == missing
    assert call(gateway, "set_vcard", {**nobody, "name": "FN", "content": "x"}) == missing
    assert call(gateway, "set_nickname", {**nobody, "nickname": "x"}) == missing


# Private storage


def test_private_storage_without_a_grant_is_501_and_says_which(gateway: TestGateway) -> None:
    status, text = call(gateway, "private_get", {**ALICE_HERE, "element": "storage", "ns": "storage:rosternotes"})
    assert (status, "jabber:iq:private" in text) == (501, True), text


@pytest.fixture(scope="module")
def granting(server: XmppServer, gateway: TestGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    """Give a gateway in front of a server that grants iqs about private storage, where it can."""
    if type(server) is Ejabberd:
        yield gateway
        return
    other = type(server)(tmp_path_factory.mktemp("granting"), granted="jabber:iq:private")
    try:
        other.start()
        with gateway_for(other) as running:
            yield running
    finally:
        other.stop()


def test_private_storage(granting: TestGateway, server: XmppServer) -> None:
    if type(server) is Ejabberd:  # version 23 has no privileged iqs
        assert call(granting, "private_set", {**ALICE_HERE, "element": "<x xmlns='urn:x'/>"})[0] == 501
        return
    stored = {**ALICE_HERE, "element": "storage", "ns": "storage:rosternotes"}
    assert result(granting, "private_get", stored) == '<storage xmlns="storage:rosternotes"/>'
    text = '<storage xmlns="storage:rosternotes"><note jid="bob@localhost">A &amp; B</note></storage>'
    assert call(granting, "private_set", {**ALICE_HERE, "element": text}) == (200, None)
    assert result(granting, "private_get", stored) == text
    assert call(granting, "private_set", {**ALICE_HERE, "element": "<storage/>"})[0] == 400
    assert call(granting, "private_set", {**ALICE_HERE, "element": "<a xmlns='urn:a'/><b xmlns='urn:b'/>"})[0] == 400
    for element in ("a b='c'", "a><b/></a", "", "a b"):
        assert call(granting, "private_get", {**stored, "element": element})[0] == 400
    assert call(granting, "private_get", {**stored, "user": "nobody"})[0] == 404


# Messages


def test_messages_arrive_from_the_caller_only(gateway: TestGateway, server: XmppServer) -> None:
    with online(server, "bob") as bob:
        message = {"type": "chat", "to": "bob@localhost", "subject": "", "body": "Hello & <good> day"}
        assert gateway.post("/api/send_message", login=ALICE, json=message).status_code == 200
        assert bob.message("Hello & <good> day")["from"].bare in ("alice@localhost", "alice@http.localhost")
        assert call(gateway, "send_message", {**message, "from": "news@http.localhost", "body": "News"}) == (200, None)
        assert bob.message("News")["from"].bare == "news@http.localhost"
        stanza = "<message><body>By XML</body><ext xmlns='urn:x' attr='value'/></message>"
        assert call(gateway, "send_stanza", {"from": "http.localhost", "to": "bob@localhost", "stanza": stanza}) == (200, None)
        assert bob.message("By XML")["from"] == "http.localhost"
    for sender in ("admin@localhost", "http.localhost", "bob@http.localhost"):
        assert call(gateway, "send_message", {**message, "from": sender}, ALICE)[0] == 403
        assert call(gateway, "send_stanza", {"from": sender, "to": "bob@localhost", "stanza": "<message/>"}, ALICE)[0] == 403


def test_iqs_are_answered(gateway: TestGateway) -> None:
    ping = "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
    assert call(gateway, "send_stanza", {"to": "localhost", "stanza": ping}) == (200, None)
    assert call(gateway, "send_stanza", {"to": "nobody@localhost/x", "stanza": ping})[0] == 404
    assert call(gateway, "send_stanza", {"to": "localhost", "stanza": "<body/>"})[0] == 400
    assert call(gateway, "send_message", {"type": "shout", "to": "bob@localhost", "body": "x"})[0] == 422
    assert call(gateway, "send_message", {"to": "bob@localhost", "body": ""})[0] == 400
