"""Confirmed sends: what counts as the error or the receipt of a stanza."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest

from tests.waiting import until
from tigrest.auth.principal import ADMIN, USER, Principal
from tigrest.backends.inbound import Inbound
from tigrest.errors import InvalidStanza, NotConnected, StanzaError, StanzaTimeout, TigrestError, TooManyWaiting
from tigrest.service import Addresses, Policy, Service
from tigrest.service.bounded import CallerLimits
from tigrest.service.confirming import Confirmation
from tigrest.service.outbound import IdSeed, id_seed
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

US, DOMAIN = JID("http.example.org"), JID("example.org")
MESSAGE = "<message id='m1' to='bob@example.org/x' from='shop@http.example.org'><body>hi</body></message>"
UNKNOWN = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
RECEIPT = "<received xmlns='urn:xmpp:receipts' id='m1'/>"


class Server:
    """Answers what it is sent, before it confirms it."""

    jid, domain = US, DOMAIN

    def __init__(self, *answers: str) -> None:
        self.inbound = Inbound(US)
        self.sent: list[Stanza] = []
        self.unclaimed: list[Stanza] = []
        self.answers = answers
        self.failure: TigrestError | None = None
        self.inbound.watch(lambda stanza: self.unclaimed.append(stanza) or False)  # type: ignore[func-returns-value]

    async def send(self, stanza: Stanza) -> None:
        self.sent.append(stanza)

    async def send_confirmed(self, stanza: Stanza, timeout: float) -> None:
        self.sent.append(stanza)
        for answer in self.answers:
            self.inbound.take(Stanza.received(answer))
        if self.failure is not None:
            raise self.failure

    def learns_bounces(self, sender: JID) -> bool:
        return self.inbound.is_ours(sender)


def service(server: Server, send_as: Literal["gateway", "user"] = "gateway") -> Service:
    known: Any = server
    policy = Policy(Addresses(US, DOMAIN, send_as=send_as), admins=frozenset({JID("root@example.org")}))
    return Service(known, policy, callers=CallerLimits(confirmations=1))


async def test_a_stanza_without_an_id_gets_one_and_is_confirmed() -> None:
    server = Server()
    outcome = await service(server).send_confirmed("<presence to='bob@example.org'/>")
    assert outcome == Confirmation(server.sent[0].id, "server")
    assert outcome.id


@pytest.mark.parametrize(
    "addresses",
    [
        "from='bob@example.org/x' to='shop@http.example.org'",
        "from='bob@example.org' to='shop@http.example.org'",
        "from='example.org' to='shop@http.example.org'",
        "to='shop@http.example.org'",
        "from='shop@http.example.org' to='bob@example.org/x'",  # jabberd2 returns it so
    ],
)
async def test_an_error_for_it_is_raised_and_nobody_else_gets_it(addresses: str) -> None:
    server = Server(f"<message type='error' id='m1' {addresses}>{UNKNOWN}</message>")
    with pytest.raises(StanzaError) as raised:
        await service(server).send_confirmed(MESSAGE)
    assert raised.value.condition == "service-unavailable"
    assert server.unclaimed == []


@pytest.mark.parametrize(
    "answer",
    [
        f"<message type='error' id='m2' from='bob@example.org' to='shop@http.example.org'>{UNKNOWN}</message>",
        f"<message type='error' id='m1' from='eve@example.org' to='shop@http.example.org'>{UNKNOWN}</message>",
        f"<message type='error' id='m1' from='bob@example.org' to='other@http.example.org'>{UNKNOWN}</message>",
        "<message id='m1' from='bob@example.org' to='shop@http.example.org'><body>hi</body></message>",
    ],
)
async def test_what_is_no_error_for_it_goes_where_everything_goes(answer: str) -> None:
    server = Server(answer)
    assert (await service(server).send_confirmed(MESSAGE)).confirmed == "server"
    assert [each.id for each in server.unclaimed] == [Stanza.received(answer).id]


async def test_an_error_that_came_before_the_link_broke_is_told() -> None:
    server = Server(f"<message type='error' id='m1' from='bob@example.org' to='shop@http.example.org'>{UNKNOWN}</message>")
    server.failure = NotConnected("gone")
    with pytest.raises(StanzaError):
        await service(server).send_confirmed(MESSAGE)
    server.answers = ()
    with pytest.raises(NotConnected):
        await service(server).send_confirmed(MESSAGE)


async def test_when_the_time_is_up_nothing_is_confirmed() -> None:
    server = Server()
    server.failure = StanzaTimeout("too late")
    assert await service(server).send_confirmed(MESSAGE) == Confirmation("m1", None)


class SlowServer(Server):
    """Takes all the time that there is, and confirms nothing."""

    async def send_confirmed(self, stanza: Stanza, timeout: float) -> None:
        await super().send_confirmed(stanza, timeout)
        await asyncio.sleep(timeout)
        raise StanzaTimeout("too late")


@pytest.mark.parametrize("outcome", ["confirmed", "late", "cannot confirm"])
async def test_a_request_that_may_be_repeated_learns_when_nothing_is_known_of_what_it_sent(outcome: str) -> None:
    server = SlowServer() if outcome == "late" else Server()
    server.failure = StanzaTimeout("it answers no pings") if outcome == "cannot confirm" else None
    seed = IdSeed("key")
    token = id_seed.set(seed)
    confirmation = await service(server).send_confirmed(MESSAGE.replace("id='m1' ", ""), timeout=0.01 if outcome == "late" else 20.0)
    id_seed.reset(token)
    assert (confirmation.id, seed.has_sent, seed.is_uncertain) == (IdSeed("key").new_id(), True, outcome == "late")


async def test_for_what_would_not_come_back_to_us_the_server_is_waited_for_and_no_more() -> None:
    server = Server()
    sent = MESSAGE.replace("shop@http.", "root@")
    assert await service(server, send_as="user").send_confirmed(sent) == Confirmation("m1", None, waited=False)
    assert await service(server).send_confirmed(MESSAGE, timeout=0) == Confirmation("m1", None, waited=False)
    server.failure = StanzaTimeout("too late")
    assert await service(server, send_as="user").send_confirmed(sent) == Confirmation("m1", None)
    server.failure = NotConnected("the link broke")  # else the caller would believe that it was sent
    with pytest.raises(NotConnected):
        await service(server, send_as="user").send_confirmed(sent)
    assert len(server.sent) == 4


@pytest.mark.parametrize("to", ["shop@http.example.org", "shop@http.example.org/x"])
async def test_a_receipt_of_any_resource_of_the_recipient_is_waited_for(to: str) -> None:
    server = Server()
    waiting = asyncio.create_task(service(server).send_confirmed(MESSAGE, until="receipt", timeout=20))
    await until(lambda: server.sent)
    assert server.sent[0].xml.find("{urn:xmpp:receipts}request") is not None
    for sender, other in (("eve@example.org", "m1"), ("bob@example.org", "m2")):
        server.inbound.take(Stanza.received(f"<message from='{sender}' to='{to}'>{RECEIPT.replace('m1', other)}</message>"))
    await asyncio.sleep(0)
    assert not waiting.done()
    server.inbound.take(Stanza.received(f"<message from='bob@example.org/phone' to='{to}'>{RECEIPT}</message>"))
    assert await waiting == Confirmation("m1", "receipt")
    assert len(server.unclaimed) == 2


async def test_without_a_receipt_it_is_told_what_is_known() -> None:
    server = Server()
    asked = MESSAGE.replace("</body>", "</body><request xmlns='urn:xmpp:receipts'/>")
    assert await service(server).send_confirmed(asked, until="receipt", timeout=0.05) == Confirmation("m1", "server")
    assert server.sent[0].to_bytes().count(b"<request") == 1
    server.failure = StanzaTimeout("too late")
    assert await service(server).send_confirmed("<message id='m1' to='bob@example.org'/>", until="receipt", timeout=0.05) == Confirmation(
        "m1", None
    )


async def test_an_error_ends_the_wait_for_a_receipt() -> None:
    server = Server(f"<message type='error' id='m1' from='bob@example.org' to='shop@http.example.org'>{UNKNOWN}</message>")
    with pytest.raises(StanzaError):
        await service(server).send_confirmed(MESSAGE, until="receipt", timeout=20)


@pytest.mark.parametrize("stanza", ["<presence to='bob@example.org'/>", "<message type='groupchat' to='room@muc.example.org'/>"])
async def test_what_has_no_receipts_is_refused(stanza: str) -> None:
    server = Server()
    with pytest.raises(InvalidStanza, match="receipts are for messages"):
        await service(server).send_confirmed(stanza, until="receipt")
    assert server.sent == []


async def test_a_caller_confirms_what_he_may_send_and_not_more_than_his_share() -> None:
    server = Server()
    callers = service(server)
    alice, root = (callers.for_(Principal(JID(f"{name}@example.org"), roles)) for name, roles in (("alice", USER), ("root", ADMIN)))
    waiting = asyncio.create_task(alice.send_confirmed({"kind": "message", "body": "me"}, until="receipt", timeout=20))
    await until(lambda: server.sent)
    assert server.sent[0].attributes["from"] == "alice@http.example.org"
    with pytest.raises(TooManyWaiting, match="1 confirmations of yours wait already"):
        await alice.send_confirmed({"kind": "message", "body": "me"})
    assert (await root.send_confirmed(MESSAGE)).confirmed == "server"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await alice.send_confirmed({"kind": "message", "body": "me"})).confirmed == "server"
