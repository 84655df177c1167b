"""Iqs of users to their own accounts: made in their names where the server grants that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tigrest.auth.principal import ADMIN, USER, Principal
from tigrest.backends.inbound import Inbound
from tigrest.errors import NotPermitted, StanzaError
from tigrest.service import Addresses, Policy, Service
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

US, DOMAIN = JID("http.example.org"), JID("example.org")
ALICE_JID, ROOT_JID, ROBOT = (JID(address) for address in ("alice@example.org", "root@example.org", "robot@elsewhere.example"))
ALICE, ROOT, STRANGER = Principal(ALICE_JID, USER), Principal(ROOT_JID, ADMIN), Principal(ROBOT, USER)
PUBSUB = "<pubsub xmlns='http://jabber.org/protocol/pubsub'/>"
VERSION = "<query xmlns='jabber:iq:version'/>"


def iq(payload: str = PUBSUB, type: str = "set", **attributes: str) -> str:
    given = "".join(f" {name}='{value}'" for name, value in attributes.items())
    return f"<iq type='{type}'{given.replace('from_', 'from')}>{payload}</iq>"


def registration(username: str = "alice", more: str = "") -> str:
    return f"<query xmlns='jabber:iq:register'><username>{username}</username><password>new</password>{more}</query>"


class Server:
    """Grants iqs about pubsub, and notes what it is asked."""

    jid, domain = US, DOMAIN

    def __init__(self) -> None:
        self.inbound = Inbound(US)
        self.users = self
        self.asked: list[tuple[str, str]] = []
        self.error: StanzaError | None = None

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        self.asked.append(("plain", str(iq.sender)))
        return iq.reply()

    async def request_as(self, owner: JID, iq: Stanza, timeout: float) -> Stanza:
        self.asked.append(("delegated", str(owner)))
        assert iq.sender is None
        assert iq.to == owner
        if self.error is not None:
            raise self.error
        return iq.reply()

    def delegation_trouble(self, type: str, namespace: str) -> str:
        return "" if namespace.startswith(("http://jabber.org/protocol/pubsub", "urn:xmpp:mam:")) else "not granted"

    async def set_password(self, jid: JID, password: str) -> None:
        self.asked.append(("password", f"{jid} {password}"))


@pytest.fixture
def server() -> Server:
    return Server()


def make(server: Server, **policy: Any) -> Callable[[Principal], Any]:
    made: Any = server
    return Service(made, Policy(Addresses(US, DOMAIN, **policy), admins=frozenset({ROOT_JID}))).for_


@pytest.mark.parametrize(
    ("principal", "stanza", "way"),
    [
        (ALICE, iq(to="alice@example.org"), ("delegated", "alice@example.org")),
        (ALICE, iq(), ("delegated", "alice@example.org")),
        (ALICE, iq(type="get"), ("delegated", "alice@example.org")),
        (ALICE, iq(from_="alice@example.org"), ("delegated", "alice@example.org")),
        (ALICE, iq(from_="alice@example.org/phone", to="ALICE@example.org"), ("delegated", "alice@example.org")),
        (ROOT, iq(to="root@example.org"), ("delegated", "root@example.org")),
        (ALICE, iq(VERSION, "get"), ("plain", "alice@http.example.org")),
        (ALICE, iq("<query xmlns='urn:xmpp:mam:2'/>"), ("plain", "alice@http.example.org")),
        (ALICE, iq(to="alice@example.org/phone"), ("plain", "alice@http.example.org")),
        (ALICE, iq(type="get", to="bob@example.org"), ("plain", "alice@http.example.org")),
        (ROOT, iq(to="alice@example.org"), ("plain", "http.example.org")),
        (STRANGER, iq(to="robot@elsewhere.example"), ("plain", "robot\\40elsewhere.example@http.example.org")),
    ],
)
async def test_what_is_to_ones_own_account_is_made_in_ones_name(
    server: Server, principal: Principal, stanza: str, way: tuple[str, str]
) -> None:
    caller = make(server)(principal)
    assert (await caller.request(stanza)).type == "result"
    assert (await caller.request_all(stanza))[-1].type == "result"
    assert server.asked == [way, way]


async def test_where_users_send_from_their_own_addresses_nothing_is_delegated(server: Server) -> None:
    await make(server, send_as="user", adhoc_as="user")(ALICE).request(iq())
    assert server.asked == [("plain", "alice@example.org")]


@pytest.mark.parametrize(
    "stanza",
    [
        iq(to="bob@example.org"),
        iq(from_="bob@example.org", to="bob@example.org"),
        iq(from_="bob@example.org", to="alice@example.org"),
        iq(from_="bob@example.org"),
        iq(f"<privileged_iq xmlns='urn:xmpp:privilege:2'>{PUBSUB}</privileged_iq>"),
        iq("<pubsub xmlns='http://jabber.org/protocol/pubsub'><x xmlns='urn:xmpp:privilege:2'/></pubsub>"),
        iq("<command xmlns='http://jabber.org/protocol/commands' node='x'/>"),
        iq(registration("bob"), to="example.org"),
        iq(registration("bob"), to="bob@example.org"),
        iq(registration(), to="bob@example.org"),
        iq(registration(more="<email>x</email>"), to="example.org"),
        iq("<query xmlns='jabber:iq:register'><remove/></query>", to="example.org"),
        iq(registration(), from_="bob@example.org", to="example.org"),
    ],
)
async def test_nothing_else_is(server: Server, stanza: str) -> None:
    with pytest.raises(NotPermitted):
        await make(server)(ALICE).request(stanza)
    assert server.asked == []


async def test_an_error_is_answered_whoever_puts_it_where(server: Server) -> None:
    server.error = StanzaError("item-not-found", text="Node not found")
    reply = await make(server)(ALICE).request(iq(id="7"))
    assert (reply.type, reply.id, reply.sender, reply.to) == ("error", "7", ALICE_JID, ALICE_JID)
    assert reply.error is not None
    assert (reply.error.condition, reply.error.text) == ("item-not-found", "Node not found")


@pytest.mark.parametrize("to", [{}, {"to": "example.org"}, {"to": "alice@example.org"}])
async def test_a_password_is_set_by_the_accounts(server: Server, to: dict[str, str]) -> None:
    reply = await make(server)(ALICE).request(iq(registration(), id="8", **to))
    assert (reply.type, reply.id) == ("result", "8")
    assert server.asked == [("password", "alice@example.org new")]


def bearer(jid: JID, roles: frozenset[str], *scopes: str, chosen: bool = False, by_password: bool = False) -> Principal:
    return Principal(jid, roles, "bearer", "token", scopes=frozenset(scopes), has_chosen=chosen, by_password=by_password)


@pytest.mark.parametrize(
    ("principal", "is_allowed"),
    [
        (bearer(ALICE_JID, USER, "user"), False),
        (bearer(ALICE_JID, USER, "user", chosen=True, by_password=True), True),
        (bearer(ALICE_JID, USER, "user", chosen=True), False),
        (bearer(ALICE_JID, USER, "rest", chosen=True, by_password=True), False),
        (bearer(ROOT_JID, USER, "user", chosen=True, by_password=True), False),
        (bearer(ALICE_JID, USER, "admin"), True),
        (bearer(ALICE_JID, USER, "rest"), False),
        (bearer(ALICE_JID, frozenset(), "get_roster"), False),
        (bearer(ROOT_JID, USER, "user"), False),
        (bearer(ROOT_JID, ADMIN, "admin"), True),
    ],
)
async def test_a_token_with_less_than_its_owner_may_sets_no_password(server: Server, principal: Principal, is_allowed: bool) -> None:
    """Whoever has set it would log in by it, and may all."""
    assert principal.jid is not None
    stanza = iq(registration(principal.jid.local), to="example.org")
    if is_allowed:
        await make(server)(principal).request(stanza)
    else:
        with pytest.raises(NotPermitted, match="does not set his password"):
            await make(server)(principal).request(stanza)
    assert bool(server.asked) == is_allowed
