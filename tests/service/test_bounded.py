"""What callers make the gateway do, on the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tigrest.auth.principal import ADMIN, USER, Principal
from tigrest.backends.component.window import WindowLimits
from tigrest.backends.inbound import Inbound
from tigrest.concurrency.caller import waiting
from tigrest.errors import CallerGone, InvalidStanza, NotPermitted, ServerFailed, TooManyWaiting
from tigrest.service import Addresses, Policy, Service
from tigrest.service.bounded import CallerLimits
from tigrest.service.outbound import ArchiveLimits
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

US, DOMAIN = JID("http.example.org"), JID("example.org")
ALICE, BOB, ROOT = (Principal(JID(f"{name}@example.org"), roles) for name, roles in (("alice", USER), ("bob", USER), ("root", ADMIN)))
PING = "<iq type='get' to='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"


class Server:
    """Takes everything, and answers when it is told to."""

    jid, domain = US, DOMAIN

    def __init__(self) -> None:
        self.inbound = Inbound(US)
        self.sent: list[Stanza] = []
        self.answers = asyncio.Event()

    async def send(self, stanza: Stanza) -> None:
        self.sent.append(stanza)

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        self.sent.append(iq)
        await self.answers.wait()
        return iq.reply()


class Visitor:
    """Waits for an answer, until he goes."""

    def __init__(self) -> None:
        self.is_gone = False
        self.callbacks: list[Callable[[], object]] = []

    def on_gone(self, callback: Callable[[], object]) -> None:
        self.callbacks.append(callback)

    def off_gone(self, callback: Callable[[], object]) -> None:
        if callback in self.callbacks:
            self.callbacks.remove(callback)

    def go(self) -> None:
        self.is_gone = True
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()


def service(server: Server, archives: ArchiveLimits | None = None) -> Service:
    known: Any = server
    policy = Policy(Addresses(US, DOMAIN), admins=frozenset({JID("root@example.org")}))
    return Service(known, policy, archives=archives, callers=CallerLimits(requests=3))


async def test_a_stanza_gets_the_addresses_and_the_id_that_it_lacks() -> None:
    server = Server()
    await service(server).for_(ALICE).send("<message><body>note to self</body></message>")
    await service(server).for_(ROOT).send("<message to='BOB@Example.org.' from='shop@HTTP.example.org' id='m1'><body>hi</body></message>")
    first, second = server.sent
    assert (first.attributes["from"], first.attributes["to"]) == ("alice@http.example.org", "alice@example.org")
    assert first.id
    assert (second.attributes["from"], second.attributes["to"], second.id) == ("shop@http.example.org", "bob@example.org", "m1")


async def test_what_is_refused_is_not_sent() -> None:
    server = Server()
    caller = service(server).for_(ALICE)
    with pytest.raises(NotPermitted):
        await caller.send("<message to='example.org'><body>hear, hear</body></message>")
    with pytest.raises(NotPermitted):
        await caller.request("<iq type='set' to='bob@example.org'><vCard xmlns='vcard-temp'/></iq>")
    with pytest.raises(NotPermitted):
        await caller.adhoc.execute("example.org", "http://jabber.org/protocol/admin#change-user-password")
    with pytest.raises(NotPermitted):
        await caller.set_avatar("bob@example.org", b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InvalidStanza, match="get or set"):
        await caller.request("<iq type='SET' to='bob@example.org'><vCard xmlns='vcard-temp'/></iq>")
    assert server.sent == []


async def test_commands_go_out_from_whoever_may_run_them() -> None:
    server = Server()
    server.answers.set()
    await service(server).for_(ALICE).adhoc.execute("bob@example.org/bot", "x")
    await service(server).for_(ROOT).adhoc.list("example.org")
    assert [stanza.attributes["from"] for stanza in server.sent] == ["alice@http.example.org", "http.example.org"]


async def test_nobody_waits_for_more_than_his_share() -> None:
    server = Server()
    calls = service(server)
    asked = [asyncio.create_task(calls.for_(ALICE).request(PING)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyWaiting, match="3 requests of yours wait"):
        await calls.for_(ALICE).request(PING)
    with pytest.raises(TooManyWaiting):
        await calls.for_(Principal(ALICE.jid, USER, address="192.0.2.1")).request(PING)
    other = asyncio.create_task(calls.for_(BOB).request(PING))
    await asyncio.sleep(0)
    server.answers.set()
    assert (await other).type == "result"
    assert {reply.type for reply in await asyncio.gather(*asked)} == {"result"}
    assert (await calls.for_(ALICE).request(PING)).type == "result"


async def test_what_a_caller_waits_for_ends_when_he_goes_away() -> None:
    server, visitor = Server(), Visitor()
    calls = service(server)

    async def serve() -> None:
        waiting.set(visitor)
        await calls.for_(ALICE).request(PING)

    tasks = [asyncio.create_task(serve()) for _ in range(3)]
    await asyncio.sleep(0)
    visitor.go()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CallerGone}
    server.answers.set()
    assert (await calls.for_(ALICE).request(PING)).type == "result"


async def test_a_cancelled_request_is_cancelled_and_not_taken_for_a_caller_gone() -> None:
    server, visitor = Server(), Visitor()
    calls = service(server)

    async def serve() -> None:
        waiting.set(visitor)
        await calls.for_(ALICE).request(PING)

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert visitor.callbacks == []


def test_one_caller_cannot_wait_for_all_that_may_wait() -> None:
    limits = CallerLimits()
    assert WindowLimits().waiting > limits.requests + limits.stanzas


async def test_an_archive_that_does_not_end_is_cut_off() -> None:
    server = Server()
    query = "<iq type='set' to='bob@example.org/bot'><query xmlns='urn:xmpp:mam:2' queryid='q'/></iq>"
    asking = asyncio.create_task(service(server, ArchiveLimits(page_bytes=2000)).for_(ALICE).request_all(query))
    while not server.sent:
        await asyncio.sleep(0)
    [sent] = server.sent
    result = f"<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'><x xmlns='urn:x'>{'x' * 500}</x></result>"
    message = Stanza.parse(f"<message from='bob@example.org/bot' to='{sent.attributes['from']}'>{result}</message>")
    for _ in range(10):
        assert server.inbound.take(message)  # nobody else gets what belongs to the query
    with pytest.raises(ServerFailed, match="more messages than there is room for"):
        await asyncio.wait_for(asking, 5)
    assert not server.inbound.take(message)


async def test_only_admins_and_scripts_may_use_the_rights_of_the_gateway() -> None:
    server = Server()
    server.answers.set()
    running = service(server)
    command = "<iq type='set' to='bob@example.org/bot'><command xmlns='http://jabber.org/protocol/commands' node='x'/></iq>"
    for principal in (ALICE, BOB):
        await running.for_(principal).request(PING)
        await running.for_(principal).request(command)
        await running.for_(principal).send("<iq type='get' to='example.org' perm='ADMIN'><ping xmlns='urn:xmpp:ping'/></iq>")
        await running.for_(principal).adhoc.execute("bob@example.org/bot", "x")
    await running.for_(Principal(None, via="webhook")).send(f"<iq type='result' from='{US}' to='example.org'/>")
    assert [stanza.is_entitled for stanza in server.sent] == [False] * 9
    server.sent.clear()
    await running.for_(ROOT).request(PING)
    await running.for_(ROOT).adhoc.execute("example.org", "x")
    await running.request(PING)
    assert [stanza.is_entitled for stanza in server.sent] == [True] * 3
