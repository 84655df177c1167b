"""What is taken for a change of an account, and when it is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from tigrest.backends.component.account_changes import NOTHING_DONE, AccountChangeLimits, AccountChanges
from tigrest.errors import InvalidValue, NotConnected, StanzaTimeout, TigrestError
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

OURS, DOMAIN = JID("http.example.org"), JID("example.org")
ALICE, BOB = JID("alice@example.org"), JID("bob@example.org")
ADMIN = "http://jabber.org/protocol/admin#"


def iq(payload: str, sender: str = OURS, to: str = DOMAIN, type: str = "set") -> Stanza:
    return Stanza.parse(f"<iq type='{type}' id='i' from='{sender}' to='{to}'>{payload}</iq>")


def command(node: str, *values: str, var: str = "accountjids", sessionid: str = "") -> str:
    inside = "".join(f"<value>{value}</value>" for value in values)
    form = f"<x xmlns='jabber:x:data' type='submit'><field var='{var}'>{inside}</field></x>" if values else ""
    return f"<command xmlns='http://jabber.org/protocol/commands' node='{node}' sessionid='{sessionid}'>{form}</command>"


def register(inside: str) -> str:
    return f"<query xmlns='jabber:iq:register'>{inside}</query>"


def result(status: str = "completed", sessionid: str = "s1") -> Stanza:
    return iq(f"<command xmlns='http://jabber.org/protocol/commands' status='{status}' sessionid='{sessionid}'/>", DOMAIN, OURS, "result")


def refusal(condition: str) -> Stanza:
    error = f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    return iq(error, DOMAIN, OURS, "error")


class World:
    """Changes, those told so far, and a server that answers what it is told to."""

    def __init__(self, **limits: Any) -> None:
        self.changes = AccountChanges(OURS, DOMAIN, AccountChangeLimits(**limits))
        self.told: list[str] = []
        self.changes.watchers.append(self.told.append)

    def named(self, stanza: Stanza) -> list[str] | None:
        change = self.changes.of(stanza)
        return sorted(change.accounts) if change is not None else None

    async def ask(self, stanza: Stanza, reply: Stanza | TigrestError, seconds: float = 0.0, timeout: float = 5.0) -> list[str]:
        """Have a change answered; whom that tells of."""

        async def request(wait: float) -> Stanza:
            async with asyncio.timeout(wait):
                await asyncio.sleep(seconds)
            if isinstance(reply, TigrestError):
                raise reply
            return reply

        self.told.clear()
        change = self.changes.of(stanza)
        assert change is not None
        with suppress(NotConnected, StanzaTimeout, TimeoutError):
            await self.changes.ask(change, request, timeout)
        await asyncio.sleep(0.01)
        return sorted(self.told)


@pytest.mark.parametrize(
    ("payload", "sender", "named"),
    [
        (command(f"{ADMIN}delete-user", "alice@example.org", "bob@example.org/phone"), OURS, [ALICE, BOB]),
        (command(f"{ADMIN}delete-user", "alice", "x@elsewhere.net"), OURS, [ALICE]),
        (command(f"{ADMIN}delete-user", "alice@example.org\n bob@example.org"), OURS, [ALICE, BOB]),
        (command(f"{ADMIN}change-user-password", "ALICE@Example.org", var="accountjid"), OURS, [ALICE]),
        (command(f"{ADMIN}disable-user", "alice@example.org"), "admin@example.org", [ALICE]),
        (command("api-commands/change_password", "alice", var="user"), OURS, [ALICE]),
        (command("own", "alice@example.org", var="whatever"), OURS, [ALICE]),
        (command("own", "not an address", "@", "a b@example.org"), OURS, []),
        (command("own", "alice@example.org"), "alice@http.example.org", None),
        (command(f"{ADMIN}get-user-roster", "alice@example.org"), OURS, None),
        (command(f"{ADMIN}user-stats", "alice@example.org"), OURS, None),
        (command(f"{ADMIN}add-user", "alice@example.org", var="accountjid"), OURS, None),
        (command("pre-bind-bosh-session", "alice@example.org", var="from"), OURS, None),
        (register("<password>x</password><username>alice</username>"), "alice@example.org/x", [ALICE]),
        (register("<remove/>"), "alice@example.org", [ALICE]),
        (register("<password>x</password><username>bob</username>"), "alice@example.org", [ALICE]),
        (register("<password>x</password><username>bob</username>"), OURS, [BOB]),
        (register("<password>x</password><username>bob</username>"), "alice@http.example.org", None),
        ("<ping xmlns='urn:xmpp:ping'/>", OURS, None),
        ("<query xmlns='jabber:iq:&#114;egister'><remove/></query>", "alice@example.org", [ALICE]),
        ("<c:command xmlns:c='http://jabber.org/protocol/commands' node='x'/>", OURS, []),
    ],
)
def test_what_changes_an_account(payload: str, sender: str, named: list[str] | None) -> None:
    assert World().named(iq(payload, sender)) == named


def test_a_namespace_that_the_root_declares_is_found() -> None:
    text = f"<iq xmlns:r='jabber:iq:register' type='set' id='i' from='{ALICE}' to='{DOMAIN}'><r:query><r:remove/></r:query></iq>"
    assert World().named(Stanza.parse(text)) == [ALICE]


def test_a_privileged_iq_changes_what_is_in_it() -> None:
    inside = f"<iq xmlns='jabber:client' type='set' id='x'>{register('<remove/>')}</iq>"
    payload = f"<privileged_iq xmlns='urn:xmpp:privilege:2'>{inside}</privileged_iq>"
    assert World().named(iq(payload, OURS, ALICE)) == [ALICE]


@pytest.mark.parametrize("to", ["rooms.example.org", "alice@example.org/phone", "elsewhere.net"])
def test_other_services_and_clients_have_no_accounts(to: str) -> None:
    assert World().named(iq(command(f"{ADMIN}delete-user", "alice@example.org"), OURS, to)) is None
    assert World().named(iq(register("<remove/>"), ALICE, to)) is None


def test_a_service_of_the_domain_is_no_client_whatever_its_resource() -> None:
    assert World().named(iq(command(f"{ADMIN}delete-user", "alice@example.org"), OURS, "sess-man@example.org/x")) == [ALICE]


def test_asking_for_a_form_changes_nothing() -> None:
    world = World()
    assert world.named(iq(register(""), ALICE, type="get")) is None
    assert world.changes.of(Stanza.parse("<message to='example.org'><x xmlns='jabber:iq:register'/></message>")) is None


@pytest.mark.parametrize("node", ["add-user", "change-user-password"])
def test_a_password_that_no_server_takes_does_not_leave(node: str) -> None:
    with pytest.raises(InvalidValue, match=r"U\+0009"):
        World().changes.of(iq(command(f"{ADMIN}{node}", "tab\there", var="password")))
    with pytest.raises(InvalidValue, match=r"U\+E000"):
        World().changes.of(iq(register("<password>\ue000</password>"), ALICE))


async def test_a_change_is_told_after_its_reply_once() -> None:
    world = World()
    assert await world.ask(iq(command(f"{ADMIN}delete-user", BOB)), result()) == [BOB]
    assert await world.ask(iq(register("<remove/>"), ALICE), result()) == [ALICE]


async def test_what_was_refused_is_no_change() -> None:
    world = World()
    for condition in NOTHING_DONE:
        assert await world.ask(iq(command(f"{ADMIN}delete-user", BOB)), refusal(condition)) == []
    assert await world.ask(iq(command(f"{ADMIN}delete-user", ALICE, BOB)), refusal("internal-server-error")) == [ALICE, BOB]


async def test_a_user_who_is_refused_does_not_end_the_logins_of_others() -> None:
    world = World()
    stanza = iq(command(f"{ADMIN}delete-user", BOB), ALICE)
    for condition in (*NOTHING_DONE, "item-not-found", "internal-server-error"):
        assert await world.ask(stanza, refusal(condition)) == []
    assert await world.ask(stanza, refusal("forbidden"), seconds=0.05, timeout=0.01) == []
    assert await world.ask(stanza, result()) == [BOB]


async def test_a_reply_that_the_caller_does_not_wait_for_counts_all_the_same() -> None:
    world = World()
    assert await world.ask(iq(command(f"{ADMIN}delete-user", BOB), ALICE), result(), seconds=1.0, timeout=0.001) == []
    async with asyncio.timeout(5):
        while not world.told:
            await asyncio.sleep(0.01)
    assert world.told == [BOB]


async def test_a_caller_who_is_cancelled_does_not_hide_a_change() -> None:
    world = World()
    task = asyncio.create_task(world.ask(iq(command(f"{ADMIN}delete-user", BOB), ALICE), result(), seconds=0.5))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        while not world.told:
            await asyncio.sleep(0.01)
    assert world.told == [BOB]


async def test_a_change_without_a_reply_is_told_again_and_again() -> None:
    world = World(unanswered=(0.01, 0.01, 0.01))
    assert len(await world.ask(iq(command(f"{ADMIN}delete-user", BOB)), NotConnected(), seconds=0.2)) == 4
    change = world.changes.of(iq(command(f"{ADMIN}delete-user", BOB)))
    assert change is not None
    world.told.clear()
    world.changes.sent(change)
    async with asyncio.timeout(5):
        while len(world.told) < 4:
            await asyncio.sleep(0.01)
    assert world.told == [BOB] * 4
    await world.changes.stop()


async def test_a_later_stage_need_not_name_the_accounts_again() -> None:
    world = World()
    assert await world.ask(iq(command("own", BOB)), result("executing")) == [BOB]
    assert await world.ask(iq(command("own", "yes", var="sure", sessionid="s1")), result("executing")) == [BOB]
    assert await world.ask(iq(command("own", "yes", var="sure", sessionid="s1")), result()) == [BOB]
    assert await world.ask(iq(command("own", "yes", var="sure", sessionid="s1")), result()) == []


async def test_what_is_remembered_of_stages_is_bounded() -> None:
    world = World(accounts=3)
    for number in range(4):
        await world.ask(iq(command("own", f"user{number}@example.org")), result("executing", f"s{number}"))
    assert world.named(iq(command("own", sessionid="s0"))) == []
    assert world.named(iq(command("own", sessionid="s3"))) == ["user3@example.org"]


async def test_replies_that_nobody_waits_for_do_not_pile_up() -> None:
    world = World(followed=1)
    own = iq(register("<remove/>"), ALICE)
    await world.ask(own, result(), seconds=60.0, timeout=0.001)  # this one is followed
    for _ in range(50):
        assert set(await world.ask(own, result(), seconds=60.0, timeout=0.001)) == {ALICE}
    assert len(world.changes._tasks) == 3  # the request that is followed, who follows it, and one who tells again and again
    assert await world.ask(iq(command(f"{ADMIN}delete-user", BOB)), result()) == [BOB]
    await world.changes.stop()
