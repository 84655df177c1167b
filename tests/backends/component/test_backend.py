"""The component as a whole, against a server played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.backends.component.test_link import Server
from tigrest.backends.component.backend import Component
from tigrest.backends.component.probes import ProbeLimits
from tigrest.backends.component.settings import ComponentLimits, ComponentSettings, LinkSettings
from tigrest.backends.inbound import Inbound
from tigrest.errors import NotSupported
from tigrest.state.database import Database
from tigrest.state.location import MEMORY
from tigrest.xmpp.jid import JID
from tigrest.xmpp.sasl import LoginSecret
from tigrest.xmpp.stanza import Stanza

OURS, DOMAIN = JID("http.example.org"), JID("example.org")
SOON = ComponentLimits(privilege_seconds=0.1, probes=ProbeLimits(user_seconds=0.1, iq_seconds=0.1))


class NoPasswords:
    async def check(self, jid: JID, password: str) -> bool:
        return False

    async def check_login(self, jid: JID, secret: str) -> LoginSecret | None:
        return None

    async def owner_of_token(self, token: str) -> JID | None:
        return None


@asynccontextmanager
async def component(server: Server, borrows: bool = False, inbound: Inbound | None = None) -> AsyncIterator[Component]:
    port, database = await server.start(), Database(MEMORY)
    link = LinkSettings(jid=OURS, domain=DOMAIN, secret="s", host="127.0.0.1", port=port, max_stanza=10_000)
    running = Component(
        ComponentSettings(link=link, is_trusted=True, borrows=borrows, limits=SOON),
        passwords=NoPasswords(),
        database=database,
        administers=frozenset[JID]().__contains__,
        inbound=inbound or Inbound(OURS),
    )
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
        await server.stop()
        await database.stop()


async def eventually(server: Server, text: str) -> None:
    async with asyncio.timeout(5):
        while text not in server.received:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("name", "is_tigase"), [("Tigase ver. 8.4.0", True), ("Prosody", False)])
async def test_tigase_is_recognised_and_opens_bosh_sessions_itself(name: str, is_tigase: bool) -> None:
    server = Server()
    version = f"<query xmlns='jabber:iq:version'><name>{name}</name></query>"
    server.answer = lambda id: f"<iq type='result' from='example.org' id='{id}'>{version}</iq>"
    async with component(server) as running:
        server.push(
            "<message from='example.org'><privilege xmlns='urn:xmpp:privilege:1'><perm access='roster' type='get'/></privilege></message>"
        )
        async with asyncio.timeout(5):
            while running.software != name:
                await asyncio.sleep(0.01)
        assert (running.is_tigase, running.opens_bosh) == (is_tigase, is_tigase)
        assert running.privileges.allows_roster
        server.connections[-1].transport.abort()
        async with asyncio.timeout(5):
            while running.privileges.allows_roster:
                await asyncio.sleep(0.01)


async def test_privileges_announced_by_a_stranger_do_not_count() -> None:
    server = Server()
    async with component(server) as running:
        for sender in ("evil.org", "alice@example.org", "http.example.org"):
            server.push(
                f"<message from='{sender}'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/></privilege></message>"
            )
        server.push("<iq type='get' id='i' from='a@b' to='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
        await eventually(server, 'id="i"')
        assert running.privileges.summary() == "none"


@pytest.mark.parametrize(
    ("stanza", "answer"),
    [
        ("<iq type='get' id='i' from='a@b' to='http.example.org'><x xmlns='urn:x'/></iq>", "service-unavailable"),
        ("<iq type='get' id='i' from='a@b' to='someone@http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>", "service-unavailable"),
        ("<iq type='get' id='i' from='a@b' to='http.example.org'/>", "bad-request"),
        ("<iq type='get' id='i' from='a@b' to='http.example.org'><a xmlns='x'/><b xmlns='x'/></iq>", "bad-request"),
        ("<iq type='bogus' id='i' from='a@b' to='http.example.org'><a xmlns='x'/></iq>", "bad-request"),
        ("<message id='i' from='a@b' to='http.example.org'><body>hello</body></message>", "service-unavailable"),
    ],
)
async def test_what_is_not_understood_gets_a_proper_error(stanza: str, answer: str) -> None:
    server = Server()
    async with component(server):
        server.push(stanza)
        await eventually(server, answer)
        assert 'to="a@b"' in server.received


@pytest.mark.parametrize(
    "stanza",
    [
        "<message type='error' from='a@b' to='http.example.org'><body>hello</body></message>",
        "<message from='a@b' to='http.example.org'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<iq type='error' id='i' from='a@b' to='http.example.org'/>",
        "<presence type='subscribe' from='a@b' to='http.example.org'/>",
        "<iq type='get' id='i' from='not an address' to='http.example.org'><a xmlns='x'/></iq>",
        "<presence from='not an address'/>",
    ],
)
async def test_nothing_that_comes_in_does_harm(stanza: str) -> None:
    server = Server()
    async with component(server) as running:
        server.push(stanza)
        server.push("<iq type='get' id='last' from='a@b' to='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
        await eventually(server, 'id="last"')
        assert running.connected


async def test_acting_for_a_user_needs_a_grant() -> None:
    ask = Stanza.parse("<iq type='set' id='i' to='alice@example.org'><pubsub xmlns='http://jabber.org/protocol/pubsub'/></iq>")
    server = Server()
    async with component(server) as running:
        with pytest.raises(NotSupported, match=r"XEP-0356"):
            await running.request_as(JID("alice@example.org"), ask, 1.0)
    server = Server()
    server.answer = lambda id: f"<iq type='result' from='alice@example.org' id='{id}'/>"
    async with component(server, borrows=True) as running:
        assert (await running.request_as(JID("alice@example.org"), ask, 1.0)).type == "result"
        assert 'from="alice@example.org"' in server.received


async def test_an_archive_is_not_read_in_the_name_of_a_user_whose_clients_would_get_its_messages() -> None:
    server = Server()
    async with component(server) as running:
        perm = "<perm access='iq'><namespace ns='urn:xmpp:mam:2' type='both'/></perm>"
        server.push(f"<message from='example.org'><privilege xmlns='urn:xmpp:privilege:2'>{perm}</privilege></message>")
        async with asyncio.timeout(5):
            while running.privileges.summary() == "none":
                await asyncio.sleep(0.01)
        ask = Stanza.parse("<iq type='set' id='i' to='hall@rooms.example.org'><query xmlns='urn:xmpp:mam:2'/></iq>")
        with pytest.raises(NotSupported, match="archives cannot be read in the name of a user"):
            await running.request_as(JID("alice@example.org"), ask, 1.0)
        assert "privileged_iq" not in server.received


@pytest.mark.parametrize(
    ("perm", "trouble"),
    [
        ("<perm access='roster' type='both'/>", {"get": "", "set": ""}),
        ("<perm access='roster' type='get'/>", {"get": "", "set": "grant http.example.org iq set for jabber:iq:roster"}),
        ("<perm access='iq'><namespace ns='jabber:iq:roster' type='set'/></perm>", {"get": "iq get for jabber:iq:roster", "set": ""}),
    ],
)
async def test_what_is_granted_for_users_is_told_before_it_is_tried(perm: str, trouble: dict[str, str]) -> None:
    server = Server()
    async with component(server) as running:
        assert running.delegation_trouble("get", "jabber:iq:roster")
        server.push(f"<message from='example.org'><privilege xmlns='urn:xmpp:privilege:2'>{perm}</privilege></message>")
        async with asyncio.timeout(5):
            while running.privileges.summary() == "none":
                await asyncio.sleep(0.01)
        for type, words in trouble.items():
            told = running.delegation_trouble(type, "jabber:iq:roster")
            assert bool(told) == bool(words)
            assert words in told
        assert running.delegation_trouble("get", "jabber:iq:private")
    async with component(Server(), borrows=True) as running:
        assert running.delegation_trouble("set", "jabber:iq:private") == ""


async def test_a_granted_roster_is_asked_for_from_our_own_address() -> None:
    server = Server()
    server.answer = lambda id: f"<iq type='result' from='alice@example.org' id='{id}'><query xmlns='jabber:iq:roster'/></iq>"
    ask = Stanza.parse("<iq type='get' id='i'><query xmlns='jabber:iq:roster'/></iq>")
    async with component(server) as running:
        server.push(
            "<message from='example.org'><privilege xmlns='urn:xmpp:privilege:1'><perm access='roster' type='get'/></privilege></message>"
        )
        async with asyncio.timeout(5):
            while not running.privileges.allows_roster:
                await asyncio.sleep(0.01)
        assert (await running.request_as(JID("alice@example.org"), ask, 1.0)).type == "result"
        assert 'from="alice@example.org"' not in server.received
        assert "privileged_iq" not in server.received


class Listens:
    """Takes what is for a bot."""

    def __init__(self) -> None:
        self.taken: list[Stanza] = []

    def offer(self, stanza: Stanza) -> bool:
        if stanza.to is None or stanza.to.local == "nobody":
            return False
        self.taken.append(stanza)
        return True

    async def answer(self, iq: Stanza) -> Stanza | None:
        return iq.reply() if iq.to is not None and iq.to.local == "bot" else None


async def test_what_somebody_listens_to_is_his_and_the_rest_is_ours() -> None:
    server, inbound, bot = Server(), Inbound(OURS), Listens()
    inbound.add(bot)
    async with component(server, inbound=inbound):
        server.push(
            "<message from='a@example.org' to='bot@http.example.org' id='m1'><body>x</body></message>"
            "<presence from='a@example.org' to='bot@http.example.org'/>"
            "<message from='a@example.org' to='nobody@http.example.org' id='m2'><body>x</body></message>"
            "<message from='a@example.org' to='nobody@http.example.org' id='m3' type='error'><body>x</body></message>"
            "<iq type='get' id='i1' from='a@example.org' to='bot@http.example.org'><x xmlns='y'/></iq>"
            "<iq type='get' id='i2' from='a@example.org' to='else@http.example.org'><x xmlns='y'/></iq>"
            "<iq type='get' id='i3' from='a@example.org' to='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
            "<iq type='result' id='i4' from='a@example.org' to='bot@http.example.org'/>"
        )
        for id, type in (("m2", "error"), ("i1", "result"), ("i2", "error"), ("i3", "result")):
            await eventually(server, f'id="{id}"')
            assert f'type="{type}"' in next(tag for tag in server.received.split("<") if f'id="{id}"' in tag)
        assert [stanza.kind for stanza in bot.taken] == ["message", "presence"]
        assert "m3" not in server.received
        assert "i4" not in server.received


async def test_our_own_commands_stay_ours_whoever_listens() -> None:
    class Everything(Listens):
        async def answer(self, iq: Stanza) -> Stanza | None:
            return iq.reply()

    server, inbound = Server(), Inbound(OURS)
    inbound.add(Everything())
    async with component(server, inbound=inbound):
        server.push(
            "<iq type='set' id='c1' from='a@example.org' to='http.example.org'>"
            "<command xmlns='http://jabber.org/protocol/commands' node='x' action='execute'/></iq>"
        )
        await eventually(server, "forbidden")


async def test_a_watcher_that_fails_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    server, inbound = Server(), Inbound(OURS)
    seen: list[str] = []

    def fails(stanza: Stanza) -> bool:
        raise RuntimeError("no")

    def sees(stanza: Stanza) -> bool:
        seen.append(stanza.id)
        return True

    end = inbound.watch(fails)
    inbound.watch(sees)
    async with component(server, inbound=inbound):
        server.push("<message from='a@example.org' to='http.example.org' id='m1'><body>x</body></message>")
        server.push("<iq type='get' id='i3' from='a@example.org' to='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
        await eventually(server, 'id="i3"')
        end()
    assert seen == ["m1", "i3"]
    assert "m1" not in server.received
    assert "could not be shown" in caplog.text


async def test_what_belongs_to_a_request_goes_to_nobody_else() -> None:
    server, inbound, bot = Server(), Inbound(OURS), Listens()
    inbound.add(bot)
    claimed: list[str] = []

    def belongs(stanza: Stanza) -> bool:
        claimed.append(stanza.id)
        return stanza.id == "m1"

    end = inbound.claim(belongs)
    async with component(server, inbound=inbound):
        for id in ("m1", "m2"):
            server.push(f"<message from='a@example.org' to='bot@http.example.org' id='{id}'><body>x</body></message>")
        server.push("<iq type='get' id='i1' from='a@example.org' to='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
        await eventually(server, 'id="i1"')
        end()
        server.push("<message from='a@example.org' to='bot@http.example.org' id='m1'><body>y</body></message>")
        server.push("<iq type='get' id='i2' from='a@example.org' to='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")
        await eventually(server, 'id="i2"')
    assert claimed == ["m1", "m2"]
    assert [stanza.id for stanza in bot.taken] == ["m2", "m1"]


VERSION = "<query xmlns='jabber:iq:version'><name>{}</name></query>"


@asynccontextmanager
async def connected_to(name: str) -> AsyncIterator[tuple[Server, Component]]:
    """Run a component of a server whose software is known."""
    server = Server()
    server.answer = lambda id: f"<iq type='result' from='example.org' id='{id}'>{VERSION.format(name)}</iq>"
    async with component(server) as running:
        async with asyncio.timeout(5):
            while running.software != name:
                await asyncio.sleep(0.01)
        yield server, running


@pytest.mark.parametrize(("name", "marked"), [("Tigase ver. 8.4.0", 1), ("Prosody", 0), ("ejabberd", 0)])
async def test_only_what_may_use_the_gateways_rights_is_marked_and_only_for_tigase(name: str, marked: int) -> None:
    async with connected_to(name) as (server, running):
        before = server.received.count("perm=")
        asked = Stanza.parse("<iq type='set' to='example.org' perm='ADMIN'><x xmlns='y'/></iq>").with_(sender=OURS)
        await running.request(asked, 5.0)
        await running.send(asked)
        await eventually(server, 'from="http.example.org"')
        assert server.received.count("perm=") == before
        await running.request(asked.entitled(), 5.0)
        assert server.received.count('perm="ADMIN"') - before == marked


async def test_attributes_that_no_standard_knows_do_not_reach_the_server() -> None:
    async with connected_to("Tigase ver. 8.4.0") as (server, running):
        marks = "perm='bogus' pr='bogus' foo='1' xml:lang='de' xmlns:x='urn:x' x:foo='2'"
        for kind in ("message", "presence"):
            await running.send(
                Stanza.parse(f"<{kind} to='a@example.org' from='http.example.org' {marks} id='{kind}'><x xmlns='y'/></{kind}>")
            )
        await running.request(Stanza.parse(f"<iq type='get' to='example.org' from='http.example.org' {marks}><x xmlns='y'/></iq>"), 5.0)
        relayed = Stanza.received(f"<message from='http.example.org' to='a@example.org' {marks} id='relayed'><body>x</body></message>")
        await running.send(relayed.with_(to="b@example.org"))
        await eventually(server, 'id="relayed"')
        assert "bogus" not in server.received
        assert ' foo="1"' not in server.received
        assert server.received.count('xml:lang="de"') == server.received.count('x:foo="2"') == 4


async def test_what_comes_for_a_shown_presence_is_nobodys_to_read() -> None:
    server, inbound, bot = Server(), Inbound(OURS), Listens()
    inbound.add(bot)
    async with component(server, inbound=inbound):
        server.push(
            "<presence from='a@example.org' to='user-status-endpoint@http.example.org/1'/>"
            "<message from='a@example.org' to='user-status-endpoint@http.example.org/1' id='m1'><body>x</body></message>"
        )
        await eventually(server, "no client is here")
        assert bot.taken == []


async def test_what_a_script_answers_has_no_unknown_attributes_either() -> None:
    class Marks(Listens):
        async def answer(self, iq: Stanza) -> Stanza | None:
            return Stanza.parse(f"<iq type='result' id='{iq.id}' from='{iq.to}' to='{iq.sender}' perm='bogus'/>")

    server, inbound = Server(), Inbound(OURS)
    inbound.add(Marks())
    async with component(server, inbound=inbound):
        server.push("<iq type='get' id='i1' from='a@example.org' to='bot@http.example.org'><x xmlns='y'/></iq>")
        await eventually(server, 'id="i1"')
        assert "bogus" not in server.received


async def test_an_answer_that_the_server_would_not_take_is_an_error_instead() -> None:
    class Verbose(Listens):
        async def answer(self, iq: Stanza) -> Stanza | None:
            return Stanza.parse(f"<iq type='result' id='{iq.id}' from='{iq.to}' to='{iq.sender}'><x xmlns='y'>{'long ' * 3000}</x></iq>")

    server, inbound = Server(), Inbound(OURS)
    inbound.add(Verbose())
    async with component(server, inbound=inbound):
        server.push("<iq type='get' id='i1' from='a@example.org' to='bot@http.example.org'><x xmlns='y'/></iq>")
        await eventually(server, "resource-constraint")
        assert "the reply is too large: the iq has 15" in server.received
        assert "long long" not in server.received
