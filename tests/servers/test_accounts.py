"""Accounts that change through the gateway, by every door, on the served process: the old login ends at once."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from tests.cli.process import serving
from tests.servers.conftest import KINDS, NEWER, installed
from tests.servers.gateway import eventually
from tests.servers.process import USERS

ADMIN = ("admin", "adminpw")
NODE = "http://jabber.org/protocol/admin#"
COMMANDS = "http://jabber.org/protocol/commands"
KEY = {"Api-Key": "test-key"}

_numbers = itertools.count(1)


@dataclass
class Served:
    """A gateway process in front of a server.

    Args:
        kind: ``embedded``, ``prosody`` or ``ejabberd``.
        base: URL of the gateway.
        log: its log.
    """

    kind: str
    base: str
    log: Path

    def request(self, method: str, path: str, login: tuple[str, str] = ADMIN, **options: Any) -> httpx2.Response:
        """Send a request on a connection of its own."""
        return httpx2.request(method, self.base + path, auth=login, headers=KEY | options.pop("headers", {}), timeout=60, **options)

    def login(self, user: str, password: str) -> int:
        """Log in; the status."""
        return self.request("POST", "/rest/echo", (user, password), json={"body": "x", "to": "bob@localhost"}).status_code

    def new_user(self) -> tuple[str, str]:
        """Make an account; local part and password."""
        user, password = f"user{next(_numbers)}", "first password"
        answer = self.request("PUT", f"/rest/user/{user}", json={"user": {"password": password}})
        assert answer.status_code == 200, answer.text
        return user, password

    def command(self, node: str, **command: Any) -> dict[str, Any]:
        """Run a stage of an ad-hoc command of the domain."""
        answer = self.request("POST", "/rest/adhoc/localhost", json={"command": {"node": NODE + node, **command}})
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["command"]
        return result

    def iq(self, path: str, payload: str, sender: str = "") -> ET.Element | None:
        """Send an iq of type set to the domain."""
        stanza = f"<iq type='set' to='localhost' id='i' {sender}>{payload}</iq>"
        answer = self.request("POST", path, content=stanza, headers={"Content-Type": "application/xml", "Accept": "application/xml"})
        assert answer.status_code == 200, answer.text
        return ET.fromstring(answer.content) if answer.content else None

    @contextmanager
    def stream(self, user: str, password: str) -> Iterator[threading.Event]:
        """Read the event stream of a user; the event says that it has ended."""
        ended = threading.Event()
        with httpx2.Client(timeout=60) as client, client.stream("GET", f"{self.base}/rest/events", auth=(user, password)) as response:
            assert response.status_code == 200

            def read() -> None:
                try:
                    for _ in response.iter_raw():
                        pass
                except httpx2.HTTPError:
                    return
                ended.set()

            thread = threading.Thread(target=read, daemon=True)
            thread.start()
            try:
                yield ended
            finally:
                with suppress(OSError):
                    response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
                thread.join(5)


@pytest.fixture(scope="module", params=["embedded", *KINDS, *NEWER])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp(f"{request.param}-accounts")
    settings = {"AUTH__API_KEYS": '[{name = "test", key = "test-key", paths = []}]', "XMPP__ADHOC_AS": "gateway", "XMPP__SEND_AS": "user"}
    with ExitStack() as stack:
        if request.param == "embedded":
            accounts = ", ".join(f'{{jid = "{user}@localhost", password = "{password}"}}' for user, password in USERS.items())
            settings |= {"EMBEDDED__ACCOUNTS": f"[{accounts}]"}
        else:
            server = installed(request.param)(folder / "server", register="true")
            stack.callback(server.stop)
            server.start()
            settings |= server.settings()
        variables = {f"TIGREST__{key}": value for key, value in settings.items()}
        _, base = stack.enter_context(serving(cwd=folder, **variables))
        eventually(lambda: httpx2.get(f"{base}/health/ready").status_code == 200)
        yield Served(request.param, base, folder / "log")
        assert "Traceback" not in (folder / "log").read_text()


def fields(**values: str) -> list[dict[str, str]]:
    return [{"var": var.replace("_", "-"), "value": value} for var, value in values.items()]


def form(**values: str) -> str:
    inside = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in values.items())
    return f"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{NODE[:-1]}</value></field>{inside}</x>"


def command(node: str, inside: str = "", sessionid: str = "") -> str:
    session = f"sessionid='{sessionid}' action='complete'" if sessionid else ""
    return f"<command xmlns='{COMMANDS}' node='{NODE}{node}' {session}>{inside}</command>"


def by_user(served: Served, user: str, password: str) -> None:
    assert served.request("POST", f"/rest/user/{user}", json={"user": {"password": password}}).status_code == 200


def by_adhoc_at_once(served: Served, user: str, password: str) -> None:
    served.command("change-user-password", fields=fields(accountjid=f"{user}@localhost", password=password))


def by_adhoc_in_stages(served: Served, user: str, password: str) -> None:
    session = served.command("change-user-password")["sessionid"]
    values = fields(accountjid=f"{user}@localhost", password=password)
    served.command("change-user-password", sessionid=session, action="complete", fields=values)


def _by_iqs(served: Served, path: str, user: str, password: str, sender: str = "") -> None:
    first = served.iq(path, command("change-user-password"))
    assert first is not None
    session = first[0].get("sessionid", "")
    served.iq(path, command("change-user-password", form(accountjid=f"{user}@localhost", password=password), session), sender)


def by_iqs_to_rest(served: Served, user: str, password: str) -> None:
    _by_iqs(served, "/rest", user, password)


def by_iqs_to_stream(served: Served, user: str, password: str) -> None:
    _by_iqs(served, "/rest/stream", user, password)


def by_an_iq_whose_reply_nobody_waits_for(served: Served, user: str, password: str) -> None:
    _by_iqs(served, "/rest/stream", user, password, "from='http.localhost'")


def by_an_iq_whose_reply_is_not_waited_for_long(served: Served, user: str, password: str) -> None:
    first = served.iq("/rest", command("change-user-password"))
    assert first is not None
    values = form(accountjid=f"{user}@localhost", password=password)
    stanza = f"<iq type='set' to='localhost'>{command('change-user-password', values, first[0].get('sessionid', ''))}</iq>"
    hurry = {"Content-Type": "application/xml", "Prosody-Rest-Timeout": "0.001"}
    assert served.request("POST", "/rest", content=stanza, headers=hurry).status_code in (200, 504)


PASSWORD_DOORS = [
    by_user,
    by_adhoc_at_once,
    by_adhoc_in_stages,
    by_iqs_to_rest,
    by_iqs_to_stream,
    by_an_iq_whose_reply_nobody_waits_for,
    by_an_iq_whose_reply_is_not_waited_for_long,
]
AT_ONCE = {by_user, by_adhoc_at_once, by_adhoc_in_stages, by_iqs_to_rest, by_iqs_to_stream}
"""Doors whose answer comes after the server's."""


def test_a_changed_password_counts_at_once(served: Served) -> None:
    user, old = served.new_user()
    assert served.login(user, old) == 200
    for change in PASSWORD_DOORS:
        new = f"set {change.__name__}"
        with served.stream(user, old) as ended:
            change(served, user, new)
            if change not in AT_ONCE:
                eventually(lambda login=(user, new): served.login(*login) == 200, 5.0)
                eventually(lambda login=(user, old): served.login(*login) == 401, 5.0)
            assert served.login(user, old) == 401, change.__name__
            assert served.login(user, new) == 200, change.__name__
            assert ended.wait(5), change.__name__
        old = new


def delete_by_user(served: Served, user: str) -> None:
    assert served.request("DELETE", f"/rest/user/{user}").status_code == 200


def delete_by_adhoc(served: Served, user: str) -> None:
    served.command("delete-user", fields=[{"var": "accountjids", "value": [f"{user}@localhost"]}])


def delete_by_iqs(served: Served, user: str) -> None:
    first = served.iq("/rest", command("delete-user"))
    assert first is not None
    served.iq("/rest", command("delete-user", form(accountjids=f"{user}@localhost"), first[0].get("sessionid", "")))


@pytest.mark.parametrize("delete", [delete_by_user, delete_by_adhoc, delete_by_iqs])
def test_a_deleted_account_is_gone_at_once(served: Served, delete: Callable[[Served, str], None]) -> None:
    user, password = served.new_user()
    assert served.login(user, password) == 200
    with served.stream(user, password) as ended:
        delete(served, user)
        assert served.login(user, password) == 401
        assert ended.wait(5)


def test_sessions_that_are_ended_end_the_live_stream(served: Served) -> None:
    user, password = served.new_user()
    with served.stream(user, password) as ended:
        var = "accountjid" if served.kind.startswith("ejabberd") else "accountjids"
        served.command("end-user-session", fields=[{"var": var, "value": [f"{user}@localhost"]}])
        assert ended.wait(5)
    assert served.login(user, password) == 200


def test_looking_at_an_account_does_not_end_its_live_stream(served: Served) -> None:
    user, password = served.new_user()
    with served.stream(user, password) as ended:
        if served.kind != "embedded":  # it has no such command
            served.command("user-stats", fields=fields(accountjid=f"{user}@localhost"))
        assert served.request("GET", f"/rest/user/{user}").status_code == 200
        assert not ended.wait(0.5)


@pytest.mark.parametrize("served", ["ejabberd"], indirect=True)
@pytest.mark.parametrize("is_removal", [False, True])
def test_a_registration_sent_for_a_user(served: Served, is_removal: bool) -> None:
    """ejabberd's reply goes to the user himself, so nobody sees it."""
    user, old = served.new_user()
    assert served.login(user, old) == 200
    inside = "<remove/>" if is_removal else f"<username>{user}</username><password>second password</password>"
    with served.stream(user, old) as ended:
        served.iq("/rest/stream", f"<query xmlns='jabber:iq:register'>{inside}</query>", f"from='{user}@localhost/x'")
        eventually(lambda: served.login(user, old) == 401, 5.0)
        assert ended.wait(5)
    assert served.login(user, "second password") == (401 if is_removal else 200)


IMPOSSIBLE = ["tab\there", "line\nbreak", "\x7f", "\x85", "\ue000", "\ufdd0", "\U0001fffe", "\u0378", "a\u200eb", "a\u0627b", "x" * 1024]


def test_a_password_that_no_server_takes_is_refused_before_it_is_sent(served: Served) -> None:
    for password in IMPOSSIBLE:
        body = {"user": {"password": password}}
        values = fields(accountjid="alice@localhost", password=password)
        command = {"command": {"node": f"{NODE}change-user-password", "fields": values}}
        for answer in (
            served.request("POST", "/rest/user/alice", json=body),
            served.request("PUT", "/rest/user/somebody", json=body),
            served.request("POST", "/rest/user/nobody", json=body),
            served.request("POST", "/rest/adhoc/localhost", json=command),
        ):
            assert answer.status_code == 400, f"{password!a}: {answer.text}"
            assert password not in answer.text
            assert "password" in answer.text
    assert served.login("alice", "alicepw") == 200
    assert served.request("GET", "/rest/user/somebody").status_code == 404


def test_half_of_a_character_is_no_password(served: Served) -> None:
    raw = json.dumps({"user": {"password": "\ud83d"}}).encode()
    answer = served.request("POST", "/rest/user/alice", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_a_password_that_was_not_set_is_not_said_to_be(served: Served) -> None:
    """ejabberd completes the command with such a password, and changes nothing."""
    password = "a\U0001f600b"
    user, old = served.new_user()
    answer = served.request("POST", f"/rest/user/{user}", json={"user": {"password": password}})
    added = served.request("PUT", f"/rest/user/new{user}", json={"user": {"password": password}})
    if served.kind.startswith("ejabberd"):
        assert (answer.status_code, added.status_code) == (502, 502)
        assert "does not accept a login with the new password" in answer.text
        assert "did not add" in added.text
        assert served.login(user, old) == 200
    else:
        assert (answer.status_code, added.status_code) == (200, 200)
        assert served.login(user, old) == 401
        assert served.login(user, password) == 200
