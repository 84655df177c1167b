"""Iqs to our own address are answered the same by both back ends: by one code, which these tests meet through each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.backends.component.test_link import Server
from tigrest.backends.backend import Backend
from tigrest.backends.component.backend import Component
from tigrest.backends.component.settings import ComponentSettings, LinkSettings
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.backends.embedded.settings import EmbeddedSettings
from tigrest.backends.entities.commands import AdHocCall, AdHocCommand, AdHocCommands, Outcome, always
from tigrest.backends.inbound import Inbound
from tigrest.errors import InvalidValue, StorageUnavailable
from tigrest.passwords import Passwords
from tigrest.state.database import Database
from tigrest.state.location import MEMORY
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.sasl import LoginSecret
from tigrest.xmpp.stanza import Stanza

OURS, DOMAIN = JID("http.example.org"), JID("example.org")
ADMIN, ALICE = JID("admin@example.org/a"), JID("alice@example.org/b")
PING = "<ping xmlns='urn:xmpp:ping'/>"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
ITEMS = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"
RUN = "<command xmlns='http://jabber.org/protocol/commands' node='x' action='execute'/>"
UNKNOWN = "<x xmlns='urn:x'/>"


class Listens:
    """Answers iqs to a bot and to the gateway itself, unless it raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[Stanza] = []

    def offer(self, stanza: Stanza) -> bool:
        return False

    async def answer(self, iq: Stanza) -> Stanza | None:
        self.asked.append(iq)
        if self.error is not None:
            raise self.error
        return iq.reply() if iq.to is not None and iq.to.local == "bot" else None


class World:
    """A back end, and how an iq from outside gets to it."""

    def __init__(self, backend: Backend, listener: Listens, ask: Callable[[Stanza], Awaitable[Stanza]]) -> None:
        self.backend, self.listener, self._ask = backend, listener, ask

    async def ask(self, payload: str, to: str = OURS, sender: JID = ALICE, type: str = "get") -> Stanza:
        iq = f"<iq type='{type}' id='q1' from='{sender}' to='{to}'>{payload}</iq>"
        async with asyncio.timeout(5):
            reply = await self._ask(Stanza.received(iq.encode()))
        assert (reply.kind, reply.id, reply.to, reply.sender) == ("iq", "q1", sender, to)
        return reply

    async def refused(self, payload: str, to: str = OURS, sender: JID = ALICE, type: str = "get") -> str:
        error = (await self.ask(payload, to, sender, type)).error
        assert error is not None
        return error.condition


def administers(jid: JID) -> bool:
    return jid.bare == ADMIN.bare


async def on_embedded(inbound: Inbound, listener: Listens) -> AsyncIterator[World]:
    database, passwords = Database(MEMORY), Passwords(1, 8, 1)
    settings = EmbeddedSettings(jid=OURS, domain=DOMAIN)
    domain = EmbeddedDomain(settings, administers=administers, database=database, passwords=passwords, inbound=inbound)
    await domain.start()
    yield World(domain, listener, lambda iq: domain.request(iq, 5.0))
    await domain.stop()
    await database.stop()
    passwords.close()


class NoPasswords:
    async def check(self, jid: JID, password: str) -> bool:
        return False

    async def check_login(self, jid: JID, secret: str) -> LoginSecret | None:
        return None

    async def owner_of_token(self, token: str) -> JID | None:
        return None


async def on_component(inbound: Inbound, listener: Listens) -> AsyncIterator[World]:
    server, database = Server(), Database(MEMORY)
    link = LinkSettings(jid=OURS, domain=DOMAIN, secret="s", host="127.0.0.1", port=await server.start(), max_stanza=100_000)
    settings = ComponentSettings(link=link, is_trusted=True, borrows=False)
    component = Component(settings, passwords=NoPasswords(), database=database, administers=administers, inbound=inbound)
    await component.start()

    async def ask(iq: Stanza) -> Stanza:
        begin = len(server.received)
        server.push(iq.to_bytes("").decode())
        while True:
            text = server.received[begin:]
            if 'id="q1"' in text and text.endswith((">", "/>")):
                start = text.rindex("<iq ", 0, text.index('id="q1"'))
                return Stanza.received(text[start:].encode())
            await asyncio.sleep(0.01)

    yield World(component, listener, ask)
    await component.stop()
    await server.stop()
    await database.stop()


@pytest.fixture(params=[on_embedded, on_component])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    inbound, listener = Inbound(OURS), Listens()
    inbound.add(listener)
    async for world in request.param(inbound, listener):
        yield world


async def test_the_gateway_tells_what_it_is(world: World) -> None:
    info = (await world.ask(INFO)).payload
    assert info is not None
    assert info[0].attrib == {"category": "gateway", "type": "http-ws", "name": "tigrest"}
    assert {child.get("var") for child in info[1:]} >= {"urn:xmpp:ping", "jabber:iq:version", "jabber:iq:last"}
    for payload in (PING, "<query xmlns='jabber:iq:version'/>", "<query xmlns='jabber:iq:last'/>"):
        assert (await world.ask(payload, f"{OURS}/any")).type == "result"


async def test_unknown_payloads_and_addresses_are_refused(world: World) -> None:
    assert await world.refused(UNKNOWN) == "service-unavailable"
    assert await world.refused(PING, f"nobody@{OURS}") == "service-unavailable"
    assert await world.refused(PING + UNKNOWN) == "bad-request"
    assert await world.refused("") == "bad-request"


async def test_a_listener_is_asked_first(world: World) -> None:
    assert (await world.ask(UNKNOWN, f"bot@{OURS}")).type == "result"
    await world.refused(UNKNOWN)
    assert [iq.to for iq in world.listener.asked] == [f"bot@{OURS}", OURS]


async def test_what_a_listener_raises_is_an_error(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.listener.error = InvalidValue("no")
    assert await world.refused(UNKNOWN) == "bad-request"
    world.listener.error = RuntimeError("secret")
    reply = await world.ask(UNKNOWN)
    assert reply.error is not None
    assert (reply.error.condition, reply.error.text) == ("internal-server-error", "")
    assert "RuntimeError: secret" in caplog.text


async def test_our_own_commands_are_for_admins_and_no_listener_takes_their_place(world: World) -> None:
    ran: list[JID] = []

    async def run(call: AdHocCall) -> Outcome:
        ran.append(call.caller)
        return Outcome(note="done")

    world.backend.offer(AdHocCommands([AdHocCommand("x", "X", always(DataForm("form")), run)], hidden=True))
    assert await world.refused(RUN, type="set") == "forbidden"
    assert (await world.ask(RUN, sender=ADMIN, type="set")).type == "result"
    for sender, nodes in ((ALICE, []), (ADMIN, ["x"])):
        listed = (await world.ask(ITEMS, sender=sender)).payload
        assert listed is not None
        assert [item.get("node") for item in listed] == nodes
    assert ran == [ADMIN.bare]
    assert world.listener.asked == []


async def test_no_listener_takes_the_place_of_a_list_of_commands(world: World) -> None:
    world.backend.offer(AdHocCommands([]), AdHocCommands([], node="some", name="Some commands"))
    for payload in (ITEMS, ITEMS.replace("http://jabber.org/protocol/commands", "some"), RUN.replace("'x'", "'some/x'")):
        await world.ask(payload, sender=ADMIN, type="set" if payload.startswith("<command") else "get")
    assert world.listener.asked == []
    assert await world.refused(ITEMS.replace("http://jabber.org/protocol/commands", "something")) == "item-not-found"
    assert len(world.listener.asked) == 1


async def test_a_database_that_cannot_be_used_is_told(world: World) -> None:
    """To the caller of the embedded domain by an exception, which HTTP answers with 503; over XMPP by an error."""
    world.listener.error = StorageUnavailable("locked")
    if isinstance(world.backend, EmbeddedDomain):
        with pytest.raises(StorageUnavailable):
            await world.ask(UNKNOWN)
    else:
        assert await world.refused(UNKNOWN) == "resource-constraint"
