"""The link against a server that can be told to misbehave."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.waiting import until
from tigrest.backends.component.link import Link
from tigrest.backends.component.reconnecting import ReconnectLimits
from tigrest.backends.component.settings import LinkLimits, LinkSettings
from tigrest.backends.component.window import WindowLimits
from tigrest.concurrency.backoff import Backoff
from tigrest.errors import NotConnected, StanzaTimeout, StanzaTooLarge
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

DOMAIN, OURS = JID("example.org"), JID("http.example.org")
PING = Stanza.parse("<iq type='get' id='mine' to='example.org' from='http.example.org'><ping xmlns='urn:xmpp:ping'/></iq>")


class Server:
    """A component port that does as it is told."""

    def __init__(self) -> None:
        self.received = ""
        self.handshake = "<handshake/>"
        self.answer: Callable[[str], str] = lambda id: f"<iq type='result' from='example.org' id='{id}'/>"
        self.connections: list[asyncio.StreamWriter] = []
        self.reads = True
        self.drops = "nothing"
        """Text of the start tags of iqs that it leaves unanswered."""
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.connections:
            writer.transport.abort()
        await self._server.wait_closed()

    def push(self, text: str) -> None:
        self.connections[-1].write(text.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        header = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s1'>"
        seen = ""
        while data := await reader.read(65536):
            while not self.reads:
                await asyncio.sleep(0.01)
            seen += data.decode()
            self.received += data.decode()
            if "<stream:stream" in seen:
                writer.write(header.encode())
                seen = seen.partition("<stream:stream")[2].partition(">")[2]
            if "<handshake>" in seen:
                writer.write(self.handshake.encode())
                seen = seen.partition("</handshake>")[2]
            for iq in re.findall(r"<iq[^>]*>", seen):
                for id in re.findall(r" id=\"([^\"]+)\"", "" if self.drops in iq else iq):
                    writer.write(self.answer(id).encode())
                seen = ""
        writer.close()


WINDOW = WindowLimits()
SOON = LinkLimits(reconnect=ReconnectLimits(backoff=Backoff(first=0.05, jitter=(0.5, 1.0))))


def link_to(port: int, limits: LinkLimits, on_stanza: Callable[[Stanza], None]) -> Link:
    settings = LinkSettings(jid=OURS, domain=DOMAIN, secret="secret", host="127.0.0.1", port=port, max_stanza=262_144, limits=limits)
    return Link(settings, on_stanza=on_stanza, on_up=lambda: None, on_down=lambda: None)


@asynccontextmanager
async def linked(server: Server, limits: LinkLimits | None = None, wait: bool = True) -> AsyncIterator[tuple[Link, list[Stanza]]]:
    port = await server.start()
    incoming: list[Stanza] = []
    link = link_to(port, limits or LinkLimits(), incoming.append)
    await link.start()
    try:
        assert link.connected is wait
        yield link, incoming
    finally:
        await link.stop()
        await server.stop()


@asynccontextmanager
async def talking(server: Server) -> AsyncIterator[None]:
    """Have a server send something all the time."""

    async def talk() -> None:
        while True:
            server.push("<presence from='a@example.org'/>")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(talk())
    yield
    task.cancel()


@pytest.mark.parametrize("host", ["a..example", f"{'x' * 64}.example", "a\0b"])
async def test_a_host_that_cannot_be_a_name_is_logged(host: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = LinkSettings(jid=OURS, domain=DOMAIN, secret="secret", host=host, port=5347, max_stanza=262_144)
    link = Link(settings, on_stanza=lambda _: None, on_up=lambda: None, on_down=lambda: None)
    await link.start()
    await link.stop()
    assert link.trouble.startswith(f"{host}:5347 cannot be reached: ")
    assert [record.getMessage() for record in caplog.records] == [link.trouble]


async def test_a_link_that_ends_by_a_defect_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    port = await server.start()
    settings = LinkSettings(jid=OURS, domain=DOMAIN, secret="secret", host="127.0.0.1", port=port, max_stanza=262_144)
    link = Link(settings, on_stanza=lambda _: None, on_up=lambda: 1 // 0, on_down=lambda: None)  # type: ignore[arg-type]
    await link.start(patience=0.2)
    await link.stop()
    await server.stop()
    [failure] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failure.getMessage() == "Link._run failed"
    assert failure.exc_info is not None
    assert failure.exc_info[0] is ZeroDivisionError


async def test_a_link_that_is_stopped_just_as_the_server_has_accepted_it_is_closed() -> None:
    server, stopping = Server(), list[asyncio.Task[None]]()
    server.handshake = "<handshake/><presence from='a@example.org'/>"  # comes before the link knows that it is up
    link = link_to(await server.start(), LinkLimits(), lambda _: stopping.append(asyncio.create_task(link.stop())))
    await link.start(patience=0.2)
    await until(lambda: stopping)
    await stopping[0]
    assert not link.connected
    await until(lambda: server.connections[0].is_closing())
    await server.stop()


async def test_a_server_that_drops_iqs_to_its_bare_address_is_alive() -> None:
    """ejabberd 24.10 to 24.12 with mod_privilege is one."""
    server, window = Server(), WindowLimits(step=2)
    server.drops = 'to="example.org"'
    limits = LinkLimits(ping_seconds=0.0, watch_seconds=0.02, barrier_seconds=0.3, window=window)
    async with linked(server, limits) as (link, _):
        for _ in range(10 * window.step):
            await link.send(MESSAGE)
        with pytest.raises(StanzaTimeout):
            await link.request(PING, 0.5)
        assert link.connected
        assert len(server.connections) == 1
        assert server.received.count('to="example.org/ping"') > 10


async def test_a_reply_comes_back_with_the_id_of_the_caller() -> None:
    async with linked(Server()) as (link, _):
        replies = await asyncio.gather(*[link.request(PING, 5.0) for _ in range(50)])
        assert {reply.id for reply in replies} == {"mine"}


@pytest.mark.parametrize("sender", ["from='stranger.org'", "from='x@example.org'", "from='@'"])
async def test_a_reply_from_a_stranger_is_not_ours(sender: str) -> None:
    server = Server()
    server.answer = lambda id: f"<iq type='result' {sender} id='{id}'/>"
    async with linked(server) as (link, _):
        with pytest.raises(StanzaTimeout, match="did not answer within 0.2 s"):
            await link.request(PING, 0.2)


async def test_what_goes_out_has_prepared_addresses_and_an_iq_has_an_id() -> None:
    server = Server()
    async with linked(server) as (link, _):
        for kind, rest in (("message", ""), ("iq", " type='get'"), ("iq", " type='get' id=''")):
            await link.send(Stanza.parse(f"<{kind} from='X@HTTP.Example.org.' to='\uff21@B.'{rest}><x xmlns='urn:x'/></{kind}>"))
        await link.request(PING.with_(to="EXAMPLE.org", sender="HTTP.example.org"), 5.0)
        await link.send(Stanza.parse("<message from='a b@c' to='@' id='none of ours'/>"))
        await link.request(PING, 5.0)
    sent = re.findall(r"<(message|iq) ([^>]*)>", server.received)
    assert all('from="x@http.example.org" to="a@b"' in attributes for _, attributes in sent[:3])
    assert all(re.search(r'\bid="[^"]+"', attributes) for kind, attributes in sent if kind == "iq")
    assert 'to="example.org" from="http.example.org"' in sent[3][1] or 'from="http.example.org" to="example.org"' in sent[3][1]
    assert 'from="a b@c" to="@"' in sent[4][1]


async def test_replies_nobody_waits_for_are_dropped_and_other_stanzas_passed_on() -> None:
    server = Server()
    async with linked(server) as (link, incoming):
        server.push(
            "<iq type='result' id='none' from='example.org'/><message from='a@b'/><iq type='get' id='q' from='a@b'><x xmlns='y'/></iq>"
        )
        await link.request(PING, 5.0)
        assert [stanza.kind for stanza in incoming] == ["message", "iq"]


async def test_waiting_requests_end_at_once_when_the_stream_drops_and_it_comes_back() -> None:
    server = Server()
    answer, server.answer = server.answer, lambda id: ""
    async with linked(server, SOON) as (link, _):
        waiting = [asyncio.create_task(link.request(PING, 30.0)) for _ in range(20)]
        await asyncio.sleep(0.1)
        server.connections[-1].transport.abort()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 2.0)
        assert {type(outcome) for outcome in outcomes} == {NotConnected}
        with pytest.raises(NotConnected, match="no connection to the XMPP server"):
            await link.send(PING)
        server.answer = answer
        for _ in range(100):
            if link.connected:
                break
            await asyncio.sleep(0.02)
        assert (await link.request(PING, 5.0)).type == "result"


@pytest.mark.parametrize(
    ("condition", "words"),
    [("not-authorized", "the secret is wrong"), ("host-unknown", "does not know the component"), ("conflict", "another program")],
)
async def test_a_refused_handshake_is_explained(condition: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    error = f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    server.handshake = error
    async with linked(server, wait=False) as (link, _):
        assert words in link.trouble
        assert words in caplog.text
        with pytest.raises(NotConnected, match=words):
            await link.request(PING, 1.0)


@pytest.mark.parametrize(
    "data",
    [
        "<message></iq>",
        "</stream:stream>",
        "<!DOCTYPE x>",
        "<?xml version='1.0'?>",
        "&evil;",
        "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>bye</text></stream:error>",
    ],
)
async def test_whatever_ends_the_stream_is_told_and_survived(data: str, caplog: pytest.LogCaptureFixture) -> None:
    async with linked(server := Server(), SOON) as (link, _):
        server.push(data)
        for _ in range(200):
            if len(server.connections) == 2 and link.connected:
                break
            await asyncio.sleep(0.02)
        assert (await link.request(PING, 5.0)).type == "result"
        assert "is down" in caplog.text


async def test_a_server_that_does_not_read_is_503_in_time_and_memory_stays() -> None:
    server = Server()
    async with linked(server, LinkLimits(window=WindowLimits(wait_seconds=0.2))) as (link, _):
        server.reads = False
        big = Stanza.parse(f"<message to='a@example.org' from='http.example.org'><body>{'x' * 100_000}</body></message>")
        sent = 0
        with pytest.raises(NotConnected, match="does not keep up"):
            for _ in range(2000):
                await link.send(big)
                await asyncio.sleep(0)
                sent += 1
        assert sent < 500
        server.reads = True


async def test_a_stanza_that_the_server_would_not_take_stays_here() -> None:
    server = Server()
    async with linked(server) as (link, _):
        with pytest.raises(StanzaTooLarge, match="max_stanza"):
            await link.send(Stanza.parse(f"<message to='a@example.org'><body>{'x' * 300_000}</body></message>"))
        assert (await link.request(PING, 5.0)).type == "result"
        assert "xxx" not in server.received


async def test_a_stanza_is_never_half_sent() -> None:
    server = Server()
    async with linked(server) as (link, _):
        for number in range(100):
            await link.send(PING.with_(id=f"n{number}"))
        await link.request(PING, 5.0)
    stanzas = server.received.partition("</handshake>")[2].removesuffix("</stream:stream>")
    assert len(re.findall(r"<iq [^>]*><ping xmlns='urn:xmpp:ping'/></iq>", stanzas)) == 101
    assert re.sub(r"<iq [^>]*><ping xmlns=['\"]urn:xmpp:ping['\"]/></iq>", "", stanzas) == ""


async def test_a_server_that_is_not_there_is_named(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    port = await server.start()
    await server.stop()
    link = link_to(port, LinkLimits(), lambda _: None)
    await link.start()
    try:
        assert f"127.0.0.1:{port} cannot be reached" in link.trouble
    finally:
        await link.stop()


MESSAGE = Stanza.parse("<message to='a@example.org' from='http.example.org'><body>x</body></message>")


async def test_a_flood_is_held_back_until_the_server_has_dealt_with_what_it_has() -> None:
    server, held = Server(), list[str]()
    answer, server.answer = server.answer, lambda id: held.append(id) or ""  # type: ignore[func-returns-value]
    async with linked(server) as (link, _):
        flood = [asyncio.create_task(link.send(MESSAGE)) for _ in range(700)]
        await asyncio.sleep(0.3)
        assert sum(task.done() for task in flood) == WINDOW.barriers * WINDOW.step
        assert len(held) == WINDOW.barriers
        server.answer = answer
        for id in held:
            server.push(answer(id))
        await asyncio.wait_for(asyncio.gather(*flood), 5.0)
    assert server.received.count("<body>x</body>") == 700


async def test_a_server_that_does_not_answer_pings_but_talks_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.answer = lambda id: ""

    async with linked(server, LinkLimits(barrier_seconds=0.2, patience_seconds=0.5)) as (link, _), talking(server):
        await asyncio.wait_for(asyncio.gather(*[link.send(MESSAGE) for _ in range(700)]), 5.0)
        assert link.connected
    assert "does not answer pings" in caplog.text


async def test_answers_that_another_connection_gets_are_not_waited_for_and_the_link_is_made_anew_once_they_come(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """ejabberd hands them to any of the connections under one address; with one of them it takes the privileges of all back."""
    server = Server()
    answer, numbers = server.answer, itertools.count()
    server.answer = lambda id: answer(id) if next(numbers) % 2 else ""
    limits = LinkLimits(barrier_seconds=1.5, patience_seconds=60.0, watch_seconds=0.02, regained=5)
    async with linked(server, limits) as (link, _), talking(server):
        with pytest.raises(StanzaTimeout, match="its answer got lost"):
            while True:
                await link.send(MESSAGE)
                await link.confirmed(20.0)
        await asyncio.gather(*[link.send(MESSAGE) for _ in range(300)])  # flow control goes on
        assert len(server.connections) == 1
        assert (link.lost.is_losing, link.lost.count > 0) == (True, True)
        server.answer = answer
        await until(lambda: len(server.connections) == 2 and link.connected)
        assert (link.lost.is_losing, link.lost.count > 0) == (False, True)
        await link.send(MESSAGE)
        await link.confirmed(20.0)
    lost, regained, down = [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "WARNING")]
    assert lost.startswith("answers of the server get lost, so requests fail: another connection as http.example.org gets them")
    assert regained.startswith("answers of the server arrive again; connecting anew")
    assert "is down: closed by us" in down


async def test_a_server_that_says_nothing_under_load_is_gone() -> None:
    server = Server()
    server.answer = lambda id: ""
    async with linked(server, LinkLimits(barrier_seconds=0.2)) as (link, _):
        outcomes = await asyncio.gather(*[link.send(MESSAGE) for _ in range(900)], return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {type(None), NotConnected}


async def test_requests_that_wait_for_replies_are_bounded() -> None:
    server = Server()
    server.answer = lambda id: ""
    async with linked(server, LinkLimits(pending=5)) as (link, _):
        waiting = [asyncio.create_task(link.request(PING, 0.3)) for _ in range(5)]
        await asyncio.sleep(0.05)
        with pytest.raises(NotConnected, match="5 requests wait for replies already"):
            await link.request(PING, 0.3)
        assert {type(outcome) for outcome in await asyncio.gather(*waiting, return_exceptions=True)} == {StanzaTimeout}
        with pytest.raises(StanzaTimeout):
            await link.request(PING, 0.1)


async def test_a_stanza_that_is_too_large_takes_nobodys_turn() -> None:
    server, held = Server(), list[str]()
    answer, server.answer = server.answer, lambda id: held.append(id) or ""  # type: ignore[func-returns-value]
    large = Stanza.parse(f"<message to='a@example.org'><body>{'x' * 300_000}</body></message>")
    async with linked(server) as (link, _):
        flood = [asyncio.create_task(link.send(MESSAGE)) for _ in range(WINDOW.barriers * WINDOW.step)]
        await asyncio.gather(*flood)
        refused = [asyncio.create_task(link.send(large)) for _ in range(WINDOW.step)]
        waiting = [asyncio.create_task(link.send(MESSAGE)) for _ in range(10)]
        assert {type(each) for each in await asyncio.gather(*refused, return_exceptions=True)} == {StanzaTooLarge}
        server.answer = answer
        while len(held) < WINDOW.barriers:
            await asyncio.sleep(0.01)
        for id in held:
            server.push(answer(id))
        await asyncio.wait_for(asyncio.gather(*waiting), 5.0)


async def test_a_single_stanza_is_followed_by_a_barrier_so_that_a_dead_link_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    async with linked(server, LinkLimits(barrier_seconds=0.3, watch_seconds=0.05)) as (link, _):
        await link.send(MESSAGE)
        await until(lambda: "urn:xmpp:ping" in server.received)
        await asyncio.sleep(0.5)
        assert link.connected
        assert server.received.count("urn:xmpp:ping") == 1
        server.reads = False
        for _ in range(3):
            await link.send(MESSAGE)
        await until(lambda: not link.connected)
        with pytest.raises(NotConnected, match="did not answer for"):
            await link.send(MESSAGE)
        await until(lambda: "is down" in caplog.text)
        server.reads = True
    assert "the last 3 stanzas sent may not have got there" in caplog.text


async def test_a_server_that_falls_silent_behind_a_word_is_gone_too(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.answer = lambda id: "<presence from='a@example.org'/>"  # the last it says, after the barrier was sent
    async with linked(server, LinkLimits(barrier_seconds=0.3, watch_seconds=0.05)) as (link, _):
        await link.send(MESSAGE)
        await until(lambda: not link.connected)
    assert "does not answer pings" not in caplog.text


async def test_a_silent_server_is_asked_whether_it_is_there() -> None:
    server = Server()
    async with linked(server, LinkLimits(ping_seconds=0.1, barrier_seconds=0.3, watch_seconds=0.05)) as (link, _):
        await until(lambda: server.received.count("urn:xmpp:ping") > 2)
        assert link.connected
        server.answer = lambda id: ""
        await until(lambda: not link.connected)


async def test_an_iq_that_the_server_returns_as_it_was_sent_is_an_error_of_whom_was_asked() -> None:
    """jabberd2 does so with what it cannot route."""
    server = Server()
    server.answer = lambda id: (
        f"<iq type='error' from='http.example.org' to='rooms.example.org' id='{id}'>"
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
    async with linked(server) as (link, _):
        reply = await link.request(PING.with_(to="rooms.example.org"), 5.0)
        assert (reply.sender, reply.to, reply.id) == ("rooms.example.org", "http.example.org", "mine")
        assert reply.error is not None
        assert reply.error.condition == "service-unavailable"
