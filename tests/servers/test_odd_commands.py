"""Commands in front of servers whose answers are unusual, or no answers at all: nobody is told what is not so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from tests.servers.gateway import gateway_for
from tests.servers.openfire import ADMIN, DATA, Command, PlayedOpenfire
from tigrest.testing import TestGateway

TIME = "urn:xmpp:time"
BOB = {"user": "bob", "host": "localhost"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedOpenfire]:
    folder: Path = tmp_path_factory.mktemp("odd")
    running = PlayedOpenfire(folder, commands="newer")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def gateway(server: PlayedOpenfire) -> Iterator[TestGateway]:
    with gateway_for(server) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_before(server: PlayedOpenfire) -> Iterator[None]:
    before = dict(server.commands), dict(server.handlers)
    yield
    server.commands, server.handlers = before


def run(gateway: TestGateway, command: str, /, **arguments: Any) -> tuple[int, Any]:
    answer = gateway.post(f"/api/{command}", login="admin:adminpw", json=arguments)
    body = answer.json()
    return answer.status_code, body if answer.status_code == 200 else body["detail"]


def tells(server: PlayedOpenfire, command: str, content: str, **fields: str) -> None:
    """Have the server answer a command with this content, after a form with these fields; at once where there are none."""
    server.commands[f"{ADMIN}{command}"] = Command(fields, lambda _values: content)


def result(**values: str) -> str:
    """Return a form with a field for each name, and a value for each line."""
    fields = (
        f"<field var={name!r}>{''.join(f'<value>{escape(line)}</value>' for line in text.splitlines())}</field>"
        for name, text in values.items()
    )
    return f"<x xmlns='{DATA}' type='result'>{''.join(fields)}</x>"


@pytest.mark.parametrize("line", ["not an address", "@", "alice@localhost (2:phone)", " - phone: available(0), IP: [::1]", "a b (1:x)"])
def test_who_is_online_is_not_guessed(server: PlayedOpenfire, gateway: TestGateway, line: str) -> None:
    tells(server, "get-online-users-list", result(onlineuserjids=line))
    expected: tuple[int, Any] = (200, ["alice@localhost"]) if line.startswith("alice") else (502, None)
    status, found = run(gateway, "connected_users")
    assert (status, found if status == 200 else None) == expected


def test_lists_of_all_shapes_are_read(server: PlayedOpenfire, gateway: TestGateway) -> None:
    lines = [
        "alice@localhost",
        " - phone: away(5), IP: [::1]",
        " - a: b(c): available(-), IP: [x]",
        "bob@localhost (2:desk, car)",
        "carol@localhost/x",
    ]
    tells(server, "get-online-users-list", result(onlineuserjids="\n".join(lines)))
    expected = ["alice@localhost/a: b(c)", "alice@localhost/phone", "bob@localhost/car", "bob@localhost/desk", "carol@localhost/x"]
    assert run(gateway, "connected_users") == (200, expected)
    tells(server, "get-online-users-list", result())
    assert run(gateway, "connected_users") == (200, [])


def test_a_number_that_is_none_is_not_told(server: PlayedOpenfire, gateway: TestGateway) -> None:
    for text in ("many", "", "-1", "²"):
        tells(server, "get-sessions-num", result(onlineuserssessionsnum=text))
        assert run(gateway, "connected_users_number")[0] == 502
    tells(server, "get-sessions-num", result(onlineuserssessionsnum=" 7 "))
    assert run(gateway, "connected_users_number") == (200, 7)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("192.0.2.1:50122\n[2001:db8::1]:50123", [("192.0.2.1", 50122), ("2001:db8::1", 50123)]),
        ("192.0.2.1\n2001:db8::1", [("192.0.2.1", None), ("2001:db8::1", None)]),
        ("192.0.2.1", [("", None), ("", None)]),
        ("unknown\n<unknown>", [("unknown", None), ("<unknown>", None)]),
    ],
)
def test_addresses_of_sessions(
    server: PlayedOpenfire, gateway: TestGateway, addresses: str, expected: list[tuple[str, int | None]]
) -> None:
    tells(server, "user-stats", result(onlineresources="a\nb", ipaddresses=addresses), accountjid="jid-single")
    status, sessions = run(gateway, "user_sessions_info", **BOB)
    assert (status, [(session["ip"], session["port"]) for session in sessions]) == (200, expected)
    assert [session["resource"] for session in sessions] == ["a", "b"]


@pytest.mark.parametrize(
    ("told", "zone", "expected"),
    [
        ("2026-11-26 16:22:25", "+01:00", {"timestamp": "2026-11-26T15:22:25Z", "status": ""}),
        ("2026-11-26 16:22:25", "-03:30", {"timestamp": "2026-11-26T19:52:25Z", "status": ""}),
        ("2026-11-26 16:22:25", "somewhere", {"timestamp": "2026-11-26T16:22:25Z", "status": ""}),
        ("2026-11-26T16:22:25Z", "+01:00", {"timestamp": "2026-11-26T16:22:25Z", "status": ""}),
        ("Never", "+01:00", {"timestamp": None, "status": "NOT FOUND"}),
        ("", "+01:00", {"timestamp": None, "status": "NOT FOUND"}),
    ],
)
def test_times_by_the_clock_on_the_wall(
    server: PlayedOpenfire, gateway: TestGateway, told: str, zone: str, expected: dict[str, Any]
) -> None:
    tells(server, "get-user-lastlogin", result(lastlogin=told), accountjid="jid-single")
    server.handlers[f"{{{TIME}}}time"] = lambda _iq: f"<time xmlns='{TIME}'><tzo>{zone}</tzo></time>"
    assert run(gateway, "get_last", **BOB) == (200, expected)


def test_a_server_that_does_not_tell_its_time_zone_is_taken_to_be_in_utc(server: PlayedOpenfire, gateway: TestGateway) -> None:
    tells(server, "get-user-lastlogin", result(lastlogin="2026-11-26 16:22:25"), accountjid="jid-single")
    assert run(gateway, "get_last", **BOB) == (200, {"timestamp": "2026-11-26T16:22:25Z", "status": ""})


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("<note type='info'>The following accounts could not be disabled:\nbob@localhost</note>", 501),
        ("<note type='error'>User does not exist</note>", 404),
        ("<note type='error'>You are not allowed to do this</note>", 403),
        ("<note type='error'>Something else</note>", 500),
        ("<note type='info'>Done</note>", 200),
    ],
)
def test_what_servers_say_in_notes_is_heard(server: PlayedOpenfire, gateway: TestGateway, content: str, status: int) -> None:
    tells(server, "disable-user", content, accountjids="jid-multi")
    assert run(gateway, "ban_account", **BOB, reason="Spam")[0] == status


def test_an_announcement_without_a_field_for_it_is_not_sent(server: PlayedOpenfire, gateway: TestGateway) -> None:
    tells(server, "announce", result(), subject="text-single")
    status, detail = run(gateway, "announce", subject="x", text="y", host="localhost")
    assert (status, "has no field for the text" in detail) == (502, True)
    tells(server, "announce", result())
    assert run(gateway, "announce", subject="x", text="y", host="localhost")[0] == 502


@pytest.mark.parametrize("content", ["<note type='error'>No more invitations</note>", "", result(uri="")])
def test_an_invitation_without_an_address_is_none(server: PlayedOpenfire, gateway: TestGateway, content: str) -> None:
    server.commands["urn:xmpp:invite#create-account"] = Command({}, lambda _values: content)
    status, detail = run(gateway, "invite", user="", host="localhost")
    assert (status, "made no invitation" in detail) == (502, True), detail


def test_an_invitation_for_a_name(server: PlayedOpenfire, gateway: TestGateway) -> None:
    """As ejabberd 26 has it for users of its own."""
    given: list[dict[str, list[str]]] = []

    def make(values: dict[str, list[str]]) -> str:
        given.append(values)
        return result(uri="xmpp:localhost?register;preauth=x", expire="2026-12-03T16:23:58Z")

    server.commands["urn:xmpp:invite#create-account"] = Command({"username": "text-single"}, make)
    invitation = {"uri": "xmpp:localhost?register;preauth=x", "url": None, "expires": "2026-12-03T16:23:58Z"}
    assert run(gateway, "invite", user="carol", host="localhost") == (200, {"user": "carol", **invitation})
    assert run(gateway, "invite", user="", host="localhost") == (200, {"user": None, **invitation})
    assert [values.get("username") for values in given] == [["carol"], [""]]


def test_versions_that_are_not_told_are_null(server: PlayedOpenfire, gateway: TestGateway) -> None:
    server.handlers["{jabber:iq:version}query"] = lambda _iq: "<query xmlns='jabber:iq:version'><name>Odd</name></query>"
    status, versions = run(gateway, "version")
    assert (status, versions["server"], versions["version"], versions["os"]) == (200, "Odd", None, None)
    server.handlers["{jabber:iq:last}query"] = lambda _iq: "<query xmlns='jabber:iq:last' seconds='soon'/>"
    assert run(gateway, "stats", name="uptimeseconds")[0] == 502
