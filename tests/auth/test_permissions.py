"""Permissions: which group lets whom call what, and why not."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tigrest.auth.permission_entries import Administrators, Attempt, InvalidPermission, read_what, read_who
from tigrest.auth.permissions import PermissionGroup, Permissions
from tigrest.auth.principal import ADMIN, NOBODY, USER, Principal
from tigrest.xmpp.jid import JID

ALICE = Principal(JID("alice@example.org"), USER, address="10.1.2.3")
BOB = Principal(JID("bob@example.net"), USER, address="192.0.2.1")
ROOT = Principal(JID("admin@example.org"), ADMIN, address="192.0.2.1")
NONE = Principal(None, NOBODY, "open", address="127.0.0.1")
DEPLOYER = Principal(JID("ci@example.org"), USER, address="192.0.2.1", scopes=frozenset({"deploy"}))


@dataclass(frozen=True)
class Command:
    name: str = "get_roster"
    role: str | None = "admin"
    tags: tuple[str, ...] = ("roster",)
    is_read: bool = True
    about: tuple[str, ...] | None = None
    uris: tuple[str, ...] = ()


def allows(group: PermissionGroup, principal: Principal, command: Command | None = None, **more: Any) -> bool:
    return (
        Permissions(
            [group],
            Administrators(frozenset({JID("admin@example.org")}), {JID("example.org"): frozenset({JID("alice@example.org")})}),
        )
        .judge(Attempt(principal, command or Command(), **more))
        .allows
    )


@pytest.mark.parametrize(
    ("who", "principals"),
    [
        (["role:user"], [ALICE, BOB, DEPLOYER]),
        (["role:admin"], []),
        (["alice@example.org"], [ALICE]),
        (["example.org"], [ALICE, DEPLOYER]),
        (["10.0.0.0/8"], [ALICE]),
        (["127.0.0.1"], [NONE]),
        (["scope:deploy"], [DEPLOYER]),
        (["domain-admin"], [ALICE]),
        (["own"], [ALICE, BOB, DEPLOYER]),
        (["all"], [ALICE, BOB, NONE, DEPLOYER]),
        (["bob@example.net", "127.0.0.0/8"], [BOB, NONE]),
        ([["role:user", "10.0.0.0/8"], "scope:deploy"], [ALICE, DEPLOYER]),
        ([["role:user", "127.0.0.0/8"]], []),
        ([], []),
    ],
)
def test_who_is_in_a_group(who: list[str | list[str]], principals: list[Principal]) -> None:
    group = PermissionGroup("g", who=who, what=["get_roster"])
    assert [each for each in (ALICE, BOB, NONE, DEPLOYER) if allows(group, each)] == principals
    assert allows(group, ROOT), "admins may call everything"


@pytest.mark.parametrize(
    ("what", "names"),
    [
        (["get_roster"], True),
        (["get_*"], True),
        (["*"], True),
        (["*", "!get_roster"], False),
        (["!get_roster"], False),
        (["!status"], True),
        (["[tag:roster]"], True),
        (["[tag:muc]"], False),
        (["[effect:read]"], True),
        (["[effect:write]"], False),
        (["[effect:read]", "!get_*"], False),
        (["status"], False),
        ([], False),
    ],
)
def test_what_a_group_names(what: list[str], names: bool) -> None:
    assert PermissionGroup("g", what=what).names(Command()) is names


STREAM = Command("rest:/rest/stream", tags=(), is_read=False, uris=("/rest/stream", "/rest/stream/{to}"))


@pytest.mark.parametrize(
    ("what", "names"),
    [
        (["rest:/rest/stream"], True),
        (["rest:/rest/stream/{to}"], True),
        (["rest:/rest/*"], True),
        (["rest:*"], True),
        (["rest:/rest/stre"], False),
        (["rest:/rest/*", "!rest:/rest/stream"], False),
        (["!rest:/rest/avatar*"], True),
        (["!rest:/rest/stream"], False),
        (["*"], False),
        (["!status"], False),
        (["[effect:write]"], False),
        (["[tag:rest]"], False),
        (["status", "!rest:/rest/avatar*"], False),
    ],
)
def test_what_names_a_handler(what: list[str], names: bool) -> None:
    assert PermissionGroup("g", what=what).names(STREAM) is names


@pytest.mark.parametrize("what", [["rest:*"], ["rest:/api/get_roster"], ["!rest:/rest/stream"], ["rest:*", "!status"]])
def test_entries_about_handlers_name_no_command(what: list[str]) -> None:
    assert not PermissionGroup("g", what=what).names(Command())


@pytest.mark.parametrize("entry", ["rest:", "rest:stream", "rest:/rest/stream[/{to}]", "rest:/rest/a b", "!rest:x"])
def test_a_handler_is_named_by_its_uri(entry: str) -> None:
    with pytest.raises(InvalidPermission, match='names no handler; write "rest:" and a URI'):
        read_what(entry)


def test_the_declared_role_counts_where_no_group_names_the_command() -> None:
    group = PermissionGroup("g", who=["bob@example.net"], what=["status"])
    assert not allows(group, ALICE)
    assert allows(group, ALICE, Command(role="user"))
    assert allows(group, NONE, Command(role=None))


def test_a_group_that_names_a_command_takes_the_place_of_its_role() -> None:
    group = PermissionGroup("g", who=["bob@example.net"], what=["get_roster"])
    assert allows(group, BOB)
    assert not allows(group, ALICE, Command(role="user"))
    assert not allows(group, NONE, Command(role=None))


@pytest.mark.parametrize(
    ("ways", "way", "path", "allowed"),
    [
        ([], "adhoc", "", True),
        (["http"], "http", "/api/x", True),
        (["http"], "adhoc", "", False),
        (["ctl", "adhoc"], "adhoc", "", True),
        (["/ejabberd/api"], "http", "/ejabberd/api/get_roster", True),
        (["/ejabberd/api"], "http", "/ejabberd/apis", False),
        (["/api"], "ctl", "", False),
    ],
)
def test_where_a_call_comes_from(ways: list[str], way: str, path: str, allowed: bool) -> None:
    assert allows(PermissionGroup("g", ways=ways, who=["all"], what=["*"]), ALICE, way=way, path=path) is allowed


@pytest.mark.parametrize(
    ("values", "own", "of_domain"),
    [
        ({"user": "alice", "host": "example.org"}, True, True),
        ({"user": "ALICE", "host": "example.org"}, True, True),
        ({"user": "bob", "host": "example.org"}, False, True),
        ({"user": "alice", "host": "example.net"}, False, False),
        ({"jid": "alice@example.org/phone"}, True, True),
        ({"jid": "bob@example.net"}, False, False),
        ({"from": "alice@example.org", "to": "bob@example.net"}, True, True),
        ({"localuser": "alice", "localhost": "example.org", "user": "bob", "host": "example.net"}, True, True),
        ({"localuser": "bob", "localhost": "example.org", "user": "alice", "host": "example.org"}, False, True),
        ({"user": "alice", "host": "example.org", "jid": "bob@example.org"}, False, True),
        ({"host": "example.org"}, False, True),
        ({"host": "example.net"}, False, False),
        ({"user": "a@b", "host": "example.org"}, False, False),
        ({"user": "alice@example.org/x", "host": "y"}, False, False),
        ({"user": "alice", "host": "example.org/y"}, False, False),
        ({"user": "bob@example.net/x", "host": "example.org"}, False, False),
        ({"host": "bob@example.org"}, False, False),
        ({"user": "admin", "host": "example.org"}, False, False),
        ({"jid": "admin@example.org"}, False, False),
        ({"room": "r", "service": "rooms.example.net", "jid": "alice@example.org"}, False, False),
        ({"room": "r", "service": "rooms.example.net", "user": "alice", "host": "example.org"}, False, False),
        ({"room": "r", "service": "Example.org", "jid": "bob@example.net"}, False, True),
        ({}, False, False),
    ],
)
def test_what_is_about_oneself_or_the_own_domain(values: dict[str, Any], own: bool, of_domain: bool) -> None:
    assert allows(PermissionGroup("g", who=["own"], what=["*"]), ALICE, values=values) is own
    assert allows(PermissionGroup("g", who=["domain-admin"], what=["*"]), ALICE, values=values) is of_domain


def test_a_command_about_two_accounts_is_nobodys_own() -> None:
    group, both = PermissionGroup("g", who=["own"], what=["*"]), Command(about=("caller", "jid"))
    values = {"caller": "alice@example.org", "jid": "bob@example.org"}
    assert allows(group, ALICE, values=values)
    assert not allows(group, ALICE, both, values=values)
    assert allows(group, ALICE, both, values={"caller": "alice@example.org", "jid": "alice@example.org/x"})
    assert not allows(group, ALICE, Command(about=()), values=values)


BOUND = Principal(JID("alice@example.org"), NOBODY, "bearer", "t", "192.0.2.1", frozenset({"send_message"}))
STRANGER = Principal(JID("mallory@example.com"), NOBODY, "xmpp")


@pytest.mark.parametrize("who", ["own", "alice@example.org", "example.org", "domain-admin", "role:user"])
def test_a_token_for_something_else_stands_for_nobody(who: str) -> None:
    values = {"user": "alice", "host": "example.org"}
    assert allows(PermissionGroup("g", who=[who], what=["*"]), ALICE, values=values)
    assert not allows(PermissionGroup("g", who=[who], what=["*"]), BOUND, values=values)
    assert not allows(PermissionGroup("g", who=[who], what=["*"]), BOUND)


@pytest.mark.parametrize("who", ["own", "alice@example.org", "example.org", "domain-admin"])
def test_a_token_stands_for_its_owner_where_its_scope_is_named(who: str) -> None:
    group = PermissionGroup("g", who=[[who, "scope:send_message"]], what=["*"])
    assert allows(group, BOUND, values={"user": "alice", "host": "example.org"})
    assert not allows(group, ALICE, values={"user": "alice", "host": "example.org"})


def test_nothing_is_a_strangers_own_but_an_address_of_his_may_be_named() -> None:
    values = {"jid": "mallory@example.com"}
    assert not allows(PermissionGroup("g", who=["own"], what=["*"]), STRANGER, values=values)
    assert allows(PermissionGroup("g", who=["mallory@example.com"], what=["*"]), STRANGER, values=values)


def test_an_admin_of_a_domain_has_his_own_account_though_he_is_an_admin_of_the_gateway() -> None:
    group = PermissionGroup("g", who=["domain-admin"], what=["*"])
    administrators = Administrators(frozenset({JID("alice@example.org")}), {JID("example.org"): frozenset({JID("alice@example.org")})})
    attempt = Attempt(ALICE, Command(), values={"user": "alice", "host": "example.org"})
    assert group.judge(attempt, administrators).allows


def test_reasons_name_groups_and_troubles() -> None:
    permissions = Permissions(
        [
            PermissionGroup("rosters", who=["example.net"], what=["get_*"]),
            PermissionGroup("local", ways=["ctl"], who=["all"], what=["get_roster"]),
        ]
    )
    verdict = permissions.judge(Attempt(ALICE, Command()))
    assert (verdict.allows, verdict.group) == (False, "rosters")
    assert verdict.reason == "group rosters: the caller is not of example.net; group local: it is for calls from ctl; this one is from http"
    assert [(each.group, each.allows) for each in permissions.explain(Attempt(BOB, Command()))] == [
        ("admins", False),
        ("rosters", True),
        ("local", False),
        ("loopback", False),
        ("role", False),
    ]


def test_the_machine_itself_may_ask_how_the_gateway_is() -> None:
    status = Command("status", role=None)
    assert Permissions().judge(Attempt(NONE, status)).allows
    assert Permissions().judge(Attempt(Principal(None, NOBODY, "open", address="::ffff:127.0.0.1"), status)).allows
    assert not Permissions().judge(Attempt(Principal(None, NOBODY, "open", address="192.0.2.1"), status)).allows
    assert not Permissions().judge(Attempt(Principal(None, NOBODY, "open"), status)).allows


def test_names_of_no_command_are_found() -> None:
    permissions = Permissions([PermissionGroup("g", who=["all"], what=["get_rooster", "x_*", "!status", "[tag:x]"])])
    assert list(permissions.unknown(["get_roster", "status"])) == [
        "api.permissions.g.what: there is no command 'get_rooster'; did you mean 'get_roster'?"
    ]


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("who", "role:root"),
        ("who", "10.0.0.0/33"),
        ("who", "10.0.0.1/8"),
        ("who", "scope:"),
        ("who", "a@b@c"),
        ("who", "alice@example.org/phone"),
        ("who", []),
        ("who", ["role:user", "nobody:x"]),
        ("what", "Get_Roster"),
        ("what", "[effect:none]"),
        ("what", "[tag:]"),
        ("what", ""),
        ("from", "smtp"),
    ],
)
def test_entries_that_mean_nothing_are_told(key: str, entry: Any) -> None:
    with pytest.raises(InvalidPermission) as told:
        PermissionGroup("g", **{"ways" if key == "from" else key: [entry]})
    assert told.value.key == key


@pytest.mark.parametrize(("entry", "meant"), [("127.0.0.1/8", "127.0.0.0/8"), ("::1/64", "::/64")])
def test_an_address_that_stands_for_its_network_as_in_ejabberd_is_told_with_the_network(entry: str, meant: str) -> None:
    with pytest.raises(InvalidPermission, match=f"it is an address in the network {meant}; write that"):
        read_who(entry)


@given(st.text(max_size=20))
def test_whatever_is_written_is_read_or_told(entry: str) -> None:
    for read in (read_who, read_what):
        with contextlib.suppress(InvalidPermission):
            read(entry)


def test_what_is_settled_needs_no_judgement_and_what_depends_does() -> None:
    permissions = Permissions([PermissionGroup("rosters", who=["alice@example.org"], what=["get_roster"])])
    token = Principal(ROOT.jid, ADMIN, "bearer", scopes=frozenset({"deploy"})).with_roles(NOBODY)
    commands = Command(), Command("get_vcard", "user"), Command("greet", None)

    def settled(who: Principal) -> list[str]:
        return [command.name for command in commands if permissions.settles(who, command)]

    assert {who: settled(who) for who in (ALICE, BOB, ROOT)} == {
        ALICE: ["get_vcard", "greet"],
        BOB: ["get_vcard", "greet"],
        ROOT: ["get_roster", "get_vcard", "greet"],
    }
    assert (settled(NONE), settled(token)) == (["greet"], ["greet"])
