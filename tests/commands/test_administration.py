"""The commands about accounts, sessions and the server, on the embedded domain."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tigrest import __version__
from tigrest.testing import TestGateway, own_commands, serving

ADMIN, ALICE = ("admin", "secret"), ("alice", "secret")
HOST = "localhost"


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[TestGateway]:
    """Give a gateway that the test does not change."""
    with serving(commands=own_commands(request.config.rootpath)) as running:
        yield running


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[TestGateway]:
    with serving(commands=own_commands(request.config.rootpath)) as running:
        assert running.gateway.table.problems == ()
        yield running


def run(gateway: TestGateway, command: str, login: tuple[str, str] | None = ADMIN, /, **arguments: Any) -> tuple[int, Any]:
    """Call a command by HTTP; return status, and result or detail."""
    answer = gateway.client.post(f"/api/{command}", json=arguments, auth=login)
    body = answer.json()
    return answer.status_code, body if answer.status_code == 200 else body["detail"]


def show(gateway: TestGateway, *resources: str, user: str = "alice", available: bool = True) -> None:
    """Show a user as online at some resources, or not any more."""
    for resource in resources:
        body = {"available": available}
        answer = gateway.post(f"/rest/user/{user}@{HOST}/status/{resource}", login="admin", json=body, params={"type": "application/json"})
        assert answer.json()["status"]["success"] is True


def test_an_account_lives(gateway: TestGateway) -> None:
    carol = {"user": "carol", "host": HOST}
    assert run(gateway, "check_account", **carol) == (200, False)
    assert run(gateway, "register", **carol, password="one") == (200, "User carol@localhost successfully registered")
    assert run(gateway, "register", **carol, password="one") == (409, "there is an account carol@localhost already")
    assert run(gateway, "check_account", **carol) == (200, True)
    assert run(gateway, "registered_users", host=HOST) == (200, ["admin", "alice", "bob", "carol"])
    assert run(gateway, "check_password", **carol, password="one") == (200, True)
    assert run(gateway, "change_password", **carol, newpass="two") == (200, None)
    assert run(gateway, "check_password", **carol, password="one") == (200, False)
    assert run(gateway, "check_password", **carol, password="two") == (200, True)
    assert run(gateway, "unregister", **carol) == (200, "User carol@localhost successfully unregistered")
    assert run(gateway, "unregister", **carol) == (404, "there is no account carol@localhost")
    assert run(gateway, "change_password", **carol, newpass="two") == (404, "there is no account carol@localhost")
    assert run(gateway, "check_password", **carol, password="two") == (200, False)


def test_what_another_version_can_do_is_told(shared: TestGateway) -> None:
    status, detail = run(shared, "ban_account", user="bob", host=HOST, reason="spam")
    assert status == 501
    assert detail.endswith("; version 0 of it is possible")
    assert not run(shared, "get_roster", user="bob", host=HOST)[1].endswith("possible")  # its version 0 is not, either


@pytest.mark.parametrize("user", ["a@b", "a/b", "", "a b", "@", "a\n", "<"])
@pytest.mark.parametrize("command", ["register", "unregister", "check_account", "change_password", "kick_user", "user_sessions_info"])
def test_what_is_no_local_part_is_no_account(shared: TestGateway, command: str, user: str) -> None:
    more = {"register": {"password": "x"}, "change_password": {"newpass": "x"}}.get(command, {})
    status, detail = run(shared, command, user=user, host=HOST, **more)
    assert status == 400, detail


@pytest.mark.parametrize("host", ["elsewhere.net", "http.localhost", "", "alice@localhost", "localhost/x"])
def test_other_hosts_are_not_served(shared: TestGateway, host: str) -> None:
    for command, arguments in {
        "register": {"user": "x", "password": "x"},
        "check_account": {"user": "alice"},
        "check_password": {"user": "alice", "password": "secret"},
        "registered_users": {},
    }.items():
        status, detail = run(shared, command, host=host, **arguments)
        assert status == 400, detail


def test_an_account_has_no_empty_password(shared: TestGateway) -> None:
    assert run(shared, "register", user="carol", host=HOST, password="")[0] == 400
    assert run(shared, "change_password", user="alice", host=HOST, newpass="")[0] == 400
    assert run(shared, "check_password", user="alice", host=HOST, password="") == (200, False)


def test_a_banned_account_has_a_password_that_nobody_knows(gateway: TestGateway) -> None:
    show(gateway, "phone")
    alice = {"user": "alice", "host": HOST}
    assert run(gateway, "check_password", **alice, password="secret") == (200, True)
    assert run(gateway, "ban_account/v0", **alice, reason="Spam") == (200, None)
    assert run(gateway, "check_password", **alice, password="secret") == (200, False)
    assert run(gateway, "check_account", **alice) == (200, True)
    assert run(gateway, "user_sessions_info", **alice) == (200, [])
    assert run(gateway, "ban_account/v0", user="nobody", host=HOST, reason="")[0] == 404
    assert gateway.post("/rest/echo", login="alice", json={"to": "bob@localhost", "body": "x"}).status_code == 401


def test_the_embedded_domain_disables_no_accounts(shared: TestGateway) -> None:
    for command, more in {"ban_account": {"reason": "Spam"}, "ban_account/v2": {"reason": "Spam"}, "unban_account": {}}.items():
        status, detail = run(shared, command, user="alice", host=HOST, **more)
        assert status == 501
        assert "Prosody 13 has it in admin_adhoc" in detail


def test_passwords_cannot_be_guessed_faster_than_by_logging_in(gateway: TestGateway) -> None:
    for number in range(10):
        assert run(gateway, "check_password", user="bob", host=HOST, password=str(number)) == (200, False)
    answer = gateway.client.post("/api/check_password", json={"user": "bob", "host": HOST, "password": "x"}, auth=ADMIN)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_passwords_stand_in_no_log(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        run(gateway, "register", user="carol", host=HOST, password="very secret")
        run(gateway, "check_password", user="carol", host=HOST, password="quite secret")
        run(gateway, "change_password", user="carol", host=HOST, newpass="most secret")
    assert "password=***" in caplog.text
    assert "newpass=***" in caplog.text
    for one in ("very", "quite", "most"):
        assert f"{one} secret" not in caplog.text


@pytest.mark.parametrize("login", [None, ALICE])
def test_only_admins_administer(shared: TestGateway, login: tuple[str, str] | None) -> None:
    table = shared.gateway.table
    names = {part.name for part in table.parts if getattr(part, "role", None) == "admin" and hasattr(part, "specification")}
    assert {"register", "check_password", "kick_user", "get_loglevel", "reload_handlers", "announce", "stats", "version"} <= names
    for name in names - {"version"}:  # which the machine itself may ask
        assert run(shared, name, login)[0] == (401 if login is None else 403), name


def test_sessions_are_listed_counted_and_ended(gateway: TestGateway) -> None:
    assert run(gateway, "connected_users") == (200, [])
    assert run(gateway, "connected_users_number") == (200, 0)
    show(gateway, "phone", "desk")
    show(gateway, "phone", user="bob")
    assert run(gateway, "connected_users") == (200, ["alice@localhost/desk", "alice@localhost/phone", "bob@localhost/phone"])
    assert run(gateway, "connected_users_number") == (200, 3)
    alice = {"user": "alice", "host": HOST}
    sessions = [{"resource": name, "ip": "", "port": None} for name in ("desk", "phone")]
    assert run(gateway, "user_sessions_info", **alice) == (200, sessions)
    assert run(gateway, "user_sessions_info", user="nobody", host=HOST)[0] == 404
    assert run(gateway, "kick_session", **alice, resource="desk", reason="Stuck") == (200, None)
    assert run(gateway, "kick_session", **alice, resource="desk", reason="Stuck") == (404, "alice@localhost/desk is not online")
    assert run(gateway, "user_sessions_info", **alice) == (200, sessions[1:])
    show(gateway, "desk")
    assert run(gateway, "kick_user", **alice) == (200, "Kicked sessions: 2")
    assert run(gateway, "kick_user", **alice) == (200, "Kicked sessions: 0")
    assert run(gateway, "kick_user/v0", user="bob", host=HOST) == (200, 1)
    assert run(gateway, "kick_user", user="nobody", host=HOST) == (404, "there is no account nobody@localhost")
    assert run(gateway, "connected_users") == (200, [])


def test_who_is_online_was_last_seen_now(gateway: TestGateway) -> None:
    show(gateway, "phone")
    status, last = run(gateway, "get_last", user="alice", host=HOST)
    assert (status, last["status"]) == (200, "ONLINE")
    assert run(gateway, "get_last", user="bob", host=HOST) == (200, {"timestamp": None, "status": "NOT FOUND"})
    assert run(gateway, "get_last", user="nobody", host=HOST)[0] == 404


def test_what_the_embedded_domain_cannot_do_is_told(shared: TestGateway) -> None:
    status, detail = run(shared, "announce", subject="Hello", text="all", host=HOST)
    assert (status, "mod_announce" in detail) == (501, True)
    status, detail = run(shared, "invite", user="", host=HOST)
    assert (status, "invites_adhoc" in detail) == (501, True)


def test_figures_are_told(gateway: TestGateway) -> None:
    show(gateway, "phone", "desk")
    assert run(gateway, "stats", name="registeredusers") == (200, 3)
    assert run(gateway, "stats", name="onlineusers") == run(gateway, "stats", name="onlineusersnode") == (200, 2)
    status, seconds = run(gateway, "stats", name="uptimeseconds")
    assert (status, 0 <= seconds < 3600) == (200, True)
    assert run(gateway, "stats", name="processes")[0] == 501
    assert run(gateway, "stats", name="bogus")[0] == 422


def test_only_admins_are_told_versions(shared: TestGateway) -> None:
    for login in (None, ALICE):
        assert run(shared, "status", login) == (200, "The gateway http.localhost serves localhost.")
    assert run(shared, "status") == (200, f"The gateway http.localhost {__version__} serves localhost.")
    versions = {"gateway": __version__, "server": "tigrest", "version": __version__, "os": None}
    assert run(shared, "version") == (200, versions)


def test_a_gateway_without_its_server_is_no_success(gateway: TestGateway) -> None:
    gateway.client.portal.call(gateway.gateway.backend.stop)
    assert run(gateway, "status", None) == (503, "The gateway http.localhost is not connected to localhost.")
    gateway.client.portal.call(gateway.gateway.backend.start)


def test_the_level_of_the_log_is_changed(gateway: TestGateway) -> None:
    root = logging.getLogger()
    before = root.level
    try:
        for written, level in {
            "0": "none",
            "1": "critical",
            "2": "error",
            "3": "warning",
            "4": "info",
            "5": "debug",
            "info": "info",
        }.items():
            assert run(gateway, "set_loglevel", loglevel=written) == (200, None)
            assert run(gateway, "get_loglevel") == run(gateway, "get_loglevel/v2") == (200, level)
            assert run(gateway, "get_loglevel/v0") == run(gateway, "v0/get_loglevel") == (200, {"levelatom": level})
        for wrong in ("6", "-1", "loud", "", "01", "²"):
            status, detail = run(gateway, "set_loglevel", loglevel=wrong)
            cure = "the numbers are 0 (none) to 5 (debug)" if wrong.isdecimal() else "use one of none, critical"
            assert (status, cure in detail) == (400, True)
    finally:
        root.setLevel(before)


def test_scripts_are_loaded_when_asked(tmp_path: Any, request: pytest.FixtureRequest) -> None:
    script = tmp_path / "hello.py"
    source = "from tigrest import command\n\n\n@command(role=None)\nasync def hello(ctx) -> str:\n    return 'one'\n"
    script.write_text(source)
    with serving(commands=[tmp_path, *own_commands(request.config.rootpath)]) as gateway:
        assert run(gateway, "hello", None) == (200, "one")
        script.write_text(source.replace("'one'", "'second'"))
        status, text = run(gateway, "reload_handlers")
        assert (status, text.endswith("commands are served")) == (200, True)
        assert run(gateway, "hello", None) == (200, "second")
        script.write_text("broken(")
        status, text = run(gateway, "reload_handlers")
        assert status == 409
        assert "hello.py:1" in text
        assert run(gateway, "hello", None) == (200, "second")


def test_help_explains_what_the_caller_may_run(shared: TestGateway) -> None:
    status, text = run(shared, "help", None)
    assert status == 200
    assert "status: Tell whether the gateway serves" in text
    assert "register" not in text
    refused = shared.client.post("/api/help", json={"command": "register"})
    assert (refused.status_code, refused.json()["rule"]) == (403, "rights")
    assert "register: Register a user" in run(shared, "help")[1]
    text = run(shared, "help", command="register")[1]
    assert text.startswith("register user host password\n\nRegister a user.\n\nThe server is asked for a login")
    assert "  password: " in text
    assert text.endswith("Version: 0 of 0\nRole: admin\nTags: accounts")
    assert "Not possible here, because localhost does not offer" in run(shared, "help", command="announce")[1]
    assert "Version: 2 of 0, 2" in run(shared, "help", command="kick_user")[1]
    assert "Version: 0 of 0, 2" in run(shared, "v0/help", command="kick_user")[1]
    assert run(shared, "help", None, command="register")[0] == 403
    status, detail = run(shared, "help", None, command="statu")
    assert (status, "did you mean 'status'" in detail) == (404, True)
