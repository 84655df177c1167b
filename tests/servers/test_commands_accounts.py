"""The commands about accounts, sessions and the server, on real servers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.client import online
from tests.servers.conftest import KINDS, NEWER, StartServer
from tests.servers.gateway import eventually, gateway_for
from tests.servers.newer import is_newer
from tests.servers.openfire import PlayedOpenfire
from tests.servers.process import XmppServer
from tests.servers.tigase import Tigase
from tigrest.testing import TestGateway

NEWER_TOO = True
HOST = "localhost"
ALICE = {"user": "alice", "host": HOST}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def gateway(server: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


def run(gateway: TestGateway, command: str, /, **arguments: Any) -> tuple[int, Any]:
    """Call a command as an admin; return status, and result or detail."""
    answer = gateway.post(f"/api/{command}", login="admin:adminpw", json=arguments)
    body = answer.json()
    return answer.status_code, body if answer.status_code == 200 else body["detail"]


def result(gateway: TestGateway, command: str, /, **arguments: Any) -> Any:
    """Return the result of a command that works."""
    status, body = run(gateway, command, **arguments)
    assert status == 200, body
    return body


def new_account(gateway: TestGateway) -> dict[str, str]:
    """Make an account with the password ``first``."""
    account = {"user": f"commanded{next(_numbers)}", "host": HOST}
    assert result(gateway, "register", **account, password="first") == f"User {account['user']}@{HOST} successfully registered"
    return account


def test_an_account_lives(server: XmppServer, gateway: TestGateway) -> None:
    account = new_account(gateway)
    jid = f"{account['user']}@{HOST}"
    assert run(gateway, "register", **account, password="other") == (409, f"there is an account {jid} already")
    assert result(gateway, "check_account", **account) is True
    assert result(gateway, "check_password", **account, password="first") is True
    assert result(gateway, "change_password", **account, newpass="second") is None
    assert result(gateway, "check_password", **account, password="first") is False
    assert result(gateway, "check_password", **account, password="second") is True
    status, users = run(gateway, "registered_users", host=HOST)
    if server.name == "Prosody":
        assert (status, "does not offer the command" in users) == (501, True)
    else:
        assert {"admin", "alice", "bob", account["user"]} <= set(users)
        assert result(gateway, "stats", name="registeredusers") == len(users)
    assert result(gateway, "unregister", **account) == f"User {jid} successfully unregistered"
    assert result(gateway, "check_account", **account) is False
    gone = (404, f"there is no account {jid}")
    for command, more in {
        "unregister": {},
        "change_password": {"newpass": "third"},
        "ban_account/v0": {"reason": ""},
        "kick_user": {},
        "kick_session": {"resource": "phone", "reason": ""},
        "user_sessions_info": {},
    }.items():
        assert run(gateway, command, **account, **more) == gone, command


def new_user(gateway: TestGateway) -> dict[str, str]:
    """Make an account for a client of the tests: others leave sessions of alice behind, on a server that they share."""
    account = {"user": f"sitting{next(_numbers)}", "host": HOST}
    result(gateway, "register", **account, password=f"{account['user']}pw")
    return account


def test_sessions_are_listed_counted_and_ended(server: XmppServer, gateway: TestGateway) -> None:
    carol, dave = new_user(gateway), new_user(gateway)
    own = tuple(f"{account['user']}@{HOST}/" for account in (carol, dave))

    def connected() -> list[str]:
        return [jid for jid in result(gateway, "connected_users") if jid.startswith(own)]

    desk = "a desk: 1(x), IP: [y]"
    with online(server, carol["user"], "phone"), online(server, carol["user"], desk), online(server, dave["user"], "phone"):
        eventually(lambda: len(connected()) == 3)
        assert connected() == [f"{own[0]}{desk}", f"{own[0]}phone", f"{own[1]}phone"]
        assert result(gateway, "connected_users_number") >= 3
        assert result(gateway, "stats", name="onlineusers") >= 3
        sessions = result(gateway, "user_sessions_info", **carol)
        assert [(session["resource"], session["ip"]) for session in sessions] == [(name, "127.0.0.1") for name in (desk, "phone")]
        assert all((session["port"] is None) == (server.name == "Prosody") for session in sessions)
        assert result(gateway, "kick_session", **carol, resource=desk, reason="Stuck") is None
        assert [session["resource"] for session in result(gateway, "user_sessions_info", **carol)] == ["phone"]
        missing = run(gateway, "kick_session", **carol, resource=desk, reason="Stuck")
        assert missing == (404, f"{carol['user']}@{HOST}/{desk} is not online")
        assert result(gateway, "kick_user", **carol) == "Kicked sessions: 1"
        assert result(gateway, "kick_user", **carol) == "Kicked sessions: 0"
        assert result(gateway, "kick_user/v0", **dave) == 1
        assert connected() == []


def test_a_banned_account_cannot_log_in(server: XmppServer, gateway: TestGateway) -> None:
    account = new_account(gateway)
    assert result(gateway, "ban_account/v0", **account, reason="Spam") is None
    assert result(gateway, "check_password", **account, password="first") is False
    assert result(gateway, "change_password", **account, newpass="first") is None
    status, detail = run(gateway, "ban_account", **account, reason="Spam")
    if not is_newer(server):
        assert (status, "does not offer the command http://jabber.org/protocol/admin#disable-user" in detail) == (501, True)
        return
    if server.name == "Prosody":  # with authentication = "internal_plain"
        assert (status, "could not be disabled" in detail, "version 0" in detail) == (501, True, True)
        return
    expect_ban(gateway, account)


def expect_ban(gateway: TestGateway, account: dict[str, str]) -> None:
    """Ban an account and take it back."""
    assert result(gateway, "ban_account", **account, reason="Spam") is None
    assert result(gateway, "ban_account", **account, reason="Spam") is None
    assert result(gateway, "check_password", **account, password="first") is False
    assert result(gateway, "unban_account", **account) is None
    assert result(gateway, "check_password", **account, password="first") is True
    for command, more in {"ban_account": {"reason": ""}, "unban_account": {}}.items():
        assert run(gateway, command, user="nobody", host=HOST, **more) == (404, "there is no account nobody@localhost")


def test_prosody_bans_where_it_hashes_passwords(start_server: StartServer) -> None:
    server = start_server("prosody-13", authentication="internal_hashed")
    with gateway_for(server) as gateway, online(server, "alice"):
        eventually(lambda: result(gateway, "user_sessions_info", **ALICE))
        expect_ban(gateway, new_account(gateway))
        assert result(gateway, "ban_account", **ALICE, reason="Spam") is None
        assert result(gateway, "user_sessions_info", **ALICE) == []


def test_a_banned_user_of_the_gateway_is_forgotten_at_once(start_server: StartServer) -> None:
    with gateway_for(start_server("ejabberd-26")) as gateway:
        assert gateway.post("/rest/echo", login="bob:bobpw", json={"to": "alice@localhost", "body": "x"}).status_code == 200
        assert result(gateway, "ban_account", user="bob", host=HOST, reason="Spam") is None
        assert gateway.post("/rest/echo", login="bob:bobpw", json={"to": "alice@localhost", "body": "x"}).status_code == 401


def test_an_announcement_reaches_who_is_online(server: XmppServer, gateway: TestGateway) -> None:
    text = {"subject": "Maintenance", "text": "Back at noon.\nSorry."}
    with online(server, "alice") as alice:
        told = result(gateway, "announce", **text, host=HOST)
        assert told == (
            "Announcement sent to 1 online users" if server.name == "Prosody" else "Announcement sent to the online users of localhost"
        )
        message = alice.message(text["text"])
        assert (message["subject"], message["type"], message["from"].bare) == ("Maintenance", "headline", HOST)
    assert run(gateway, "announce", subject="x", text=" ", host=HOST)[0] == 400
    assert run(gateway, "announce", **text, host="elsewhere.net")[0] == 400


def test_the_last_time_online_is_told(server: XmppServer, gateway: TestGateway) -> None:
    status, last = run(gateway, "get_last", user="nobody", host=HOST)
    if server.name == "Prosody":  # which has it for the user himself only
        assert (status, "get-user-lastlogin" in last) == (501, True)
        return
    assert (status, last) == (404, "there is no account nobody@localhost")
    with online(server, "bob"):
        eventually(lambda: result(gateway, "get_last", user="bob", host=HOST)["status"] == "ONLINE")
    eventually(lambda: result(gateway, "get_last", user="bob", host=HOST)["status"] != "ONLINE")
    expect_now(result(gateway, "get_last", user="bob", host=HOST))


def expect_now(last: dict[str, str]) -> None:
    """Check that a time is that of a moment ago."""
    when = datetime.strptime(last["timestamp"], "%Y-%m-%dT%H:%M:%S%z")
    assert timedelta(seconds=-2) < datetime.now(UTC) - when < timedelta(seconds=30)


@pytest.mark.parametrize("kind", ["prosody", "prosody-13", "ejabberd-26"])
def test_the_last_time_online_is_told_where_iqs_are_granted(kind: str, start_server: StartServer) -> None:
    server = start_server(kind, granted="jabber:iq:last")
    bob = {"user": "bob", "host": HOST}
    with gateway_for(server) as gateway:
        if server.name == "Prosody":
            assert result(gateway, "get_last", **bob) == {"timestamp": None, "status": "NOT FOUND"}
        with online(server, "bob") as client:
            client.send("<presence><status>Lunch</status></presence>")
            eventually(lambda: result(gateway, "get_last", **bob)["status"] == "ONLINE")
            client.send("<presence type='unavailable'><status>Lunch</status></presence>")
            time.sleep(0.3)
        time.sleep(1.1)  # seconds are 0 for Prosody where it knows nothing
        eventually(lambda: result(gateway, "get_last", **bob)["status"] != "ONLINE")
        expect_now(result(gateway, "get_last", **bob))
        assert run(gateway, "get_last", user="nobody", host=HOST) == (404, "there is no account nobody@localhost")


@pytest.mark.parametrize("kind", ["prosody", "prosody-13"])
def test_prosody_makes_invitations(kind: str, start_server: StartServer) -> None:
    with gateway_for(start_server(kind, invites="true")) as gateway:
        for user in ("", "carol"):
            invitation = result(gateway, "invite", user=user, host=HOST)
            assert invitation["uri"].startswith("xmpp:localhost?register;preauth=")
            assert (invitation["user"], invitation["expires"][:2]) == (None, "20")  # it keeps no name
        assert run(gateway, "invite", user="alice", host=HOST) == (409, "there is an account alice@localhost already")


def test_without_its_module_no_invitation_is_made(gateway: TestGateway) -> None:
    status, detail = run(gateway, "invite", user="", host=HOST)
    assert (status, "urn:xmpp:invite#create-account; on Prosody invites_adhoc has it" in detail) == (501, True)


def test_versions_and_uptime_are_the_servers(server: XmppServer, gateway: TestGateway) -> None:
    versions = result(gateway, "version")
    assert versions["server"] == ("Prosody" if server.name == "Prosody" else "ejabberd")
    assert versions["version"][0].isdigit()
    assert 0 <= result(gateway, "stats", name="uptimeseconds") < 3600
    assert result(gateway, "status").endswith("serves localhost.")
    status, figure = run(gateway, "stats", name="registeredusers")
    assert status == (501 if server.name == "Prosody" else 200), figure


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_a_gateway_without_rights_says_what_to_do(kind: str, start_server: StartServer) -> None:
    server = start_server(kind, administration="false")
    with gateway_for(server) as gateway:
        listed = gateway.get("/api/commands", login="admin:adminpw").json()
        by_name = {each["name"]: each for each in listed}
        assert by_name["status"]["available"]
        for name in ("register", "unregister", "change_password", "check_account", "kick_user", "registered_users", "connected_users"):
            assert not by_name[name]["available"], name
            status, detail = run(gateway, name, **dict.fromkeys(by_name[name]["args"], HOST))
            assert (status, by_name[name]["reason"] in detail) == (501, True), detail


# Servers that are played


def test_openfire_tells_no_resources(tmp_path: Path) -> None:
    server = PlayedOpenfire(tmp_path, commands="newer")
    server.start()
    try:
        with gateway_for(server) as gateway, online(server, "alice"):
            eventually(lambda: result(gateway, "connected_users") == ["alice@localhost"])
            assert result(gateway, "connected_users_number") == 1
            status, detail = run(gateway, "user_sessions_info", **ALICE)
            assert (status, "does not tell with which resources alice@localhost is online" in detail) == (501, True)
            assert result(gateway, "announce", subject="Maintenance", text="Back at noon.", host=HOST)
            assert server.announced == ["Maintenance\n\nBack at noon."]
            account = new_account(gateway)
            assert result(gateway, "ban_account", **account, reason="Spam") is None
            assert result(gateway, "check_password", **account, password="first") is False
            assert result(gateway, "unban_account", **account) is None
            assert result(gateway, "check_password", **account, password="first") is True
    finally:
        server.stop()


def test_tigase_lists_sessions_in_its_own_way(tmp_path: Path) -> None:
    server = Tigase(tmp_path)
    server.start()
    try:
        with gateway_for(server) as gateway, online(server, "alice", "phone"), online(server, "bob", "desk"):
            eventually(lambda: len(result(gateway, "connected_users")) == 2)
            assert result(gateway, "connected_users") == ["alice@localhost/phone", "bob@localhost/desk"]
            assert result(gateway, "connected_users_number") == 2
            assert result(gateway, "user_sessions_info", **ALICE) == [{"resource": "phone", "ip": "", "port": None}]
            assert run(gateway, "kick_session", **ALICE, resource="desk", reason="")[0] == 404
            assert result(gateway, "kick_user", **ALICE) == "Kicked sessions: 1"
            assert result(gateway, "connected_users") == ["bob@localhost/desk"]
            account = new_account(gateway)
            assert account["user"] in result(gateway, "registered_users", host=HOST)
            assert result(gateway, "unregister", **account)
    finally:
        server.stop()
