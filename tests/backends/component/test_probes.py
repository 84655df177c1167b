"""Probes of what a server delivers, against one played by the test; real ones: ``tests/servers/test_probes.py``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tigrest.backends.component.probes import PROBE_USER, ProbeLimits, Probes
from tigrest.errors import NotConnected, NotSupported, StanzaTimeout
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import Stanza

OURS, DOMAIN, ALICE = JID("http.example.org"), JID("example.org"), JID("alice@example.org/x")
SOON = ProbeLimits(user_seconds=0.05, iq_seconds=0.01)


class Link:
    """A link that answers iqs to some addresses, and notes what is sent."""

    def __init__(self, answers: Callable[[JID], bool] = lambda _: True) -> None:
        self.answers = answers
        self.sent: list[Stanza] = []
        self.pinged: list[JID] = []
        self.is_up = True

    async def send(self, stanza: Stanza) -> None:
        if not self.is_up:
            raise NotConnected("down")
        self.sent.append(stanza)

    async def request(self, iq: Stanza, timeout: float) -> Stanza:
        if not self.is_up:
            raise NotConnected("down")
        assert iq.to is not None
        self.pinged.append(iq.to)
        if not self.answers(iq.to):
            await asyncio.sleep(timeout)
            raise StanzaTimeout(f"no answer within {timeout}")
        return iq.with_(type="result")


@asynccontextmanager
async def probing(link: Link, tries_users: bool = True, limits: ProbeLimits = SOON) -> AsyncIterator[Probes]:
    probes = Probes(link, OURS, DOMAIN, tries_users=tries_users, limits=limits)
    probes.begin()
    await asyncio.sleep(0)
    try:
        yield probes
    finally:
        await probes.stop()


def iq(to: str, payload: str = "<ping xmlns='urn:xmpp:ping'/>") -> Stanza:
    return Stanza.parse(f"<iq type='get' to='{to}' id='q'>{payload}</iq>")


async def test_a_probe_that_comes_back_shows_that_users_are_trusted() -> None:
    link = Link()
    async with probing(link) as probes:
        [probe] = link.sent
        assert (probe.sender, probe.to) == (f"{PROBE_USER}@example.org", OURS)
        waiting = asyncio.ensure_future(probes.check(ALICE))
        await asyncio.sleep(0)
        assert (probes.is_limited, waiting.done()) == (True, False)
        await probes.check(OURS)  # what the gateway sends itself waits for nothing
        assert not probes.take(Stanza.parse("<message from='tigrest-probe@example.org' to='http.example.org' id='probe-guessed'/>"))
        assert probes.take(probe)
        await waiting
        probes.recognise("Prosody")
        assert (probes.is_limited, probes.users_trouble) == (False, "")
        assert not probes.take(probe)


async def test_without_an_outcome_users_are_sent_for(caplog: pytest.LogCaptureFixture) -> None:
    async with probing(Link()) as probes:
        await probes.check(ALICE)
        await probes.try_iqs()
        assert not probes.is_limited
    assert caplog.text == ""


@pytest.mark.parametrize("way", ["returned", "closed"])
async def test_a_server_that_takes_nothing_from_users_is_told_once(way: str, caplog: pytest.LogCaptureFixture) -> None:
    link = Link()
    async with probing(link) as probes:
        if way == "returned":
            assert probes.take(link.sent[0].with_(type="error"))
        else:
            probes.end("invalid-from")
        for _ in range(2):
            with pytest.raises(NotSupported, match=r'let it trust this component, or set \[xmpp\] send_as = "gateway"'):
                await probes.check(ALICE)
        assert probes.is_limited
        if way == "closed":
            probes.begin()  # it would close each
            assert len(link.sent) == 1
            probes.end("")  # as a server does that starts again, perhaps with another configuration
        else:
            probes.end("")
        probes.begin()
        await asyncio.sleep(0)
        assert len(link.sent) == 2
        assert probes.take(link.sent[1])
        await probes.check(ALICE)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_nothing_is_tried_for_users_whom_nobody_sends_for() -> None:
    link = Link()
    async with probing(link, tries_users=False) as probes:
        probes.recognise("Prosody")
        assert (link.sent, probes.is_limited) == ([], False)


@pytest.mark.parametrize(
    ("answered", "lost", "passed", "words"),
    [
        ("http.example.org|example.org.*", "", "rooms.example.org elsewhere.org example.org", ""),
        ("example.org.*", "rooms.example.org t@rooms.example.org elsewhere.org", "example.org bob@example.org r@rooms.example.org/x", "iq"),
        ("example.org/ping", "example.org bob@example.org rooms.example.org", "bob@example.org/x example.org/x", "update it to 25.03"),
        ("nothing", "", "rooms.example.org example.org", ""),
    ],
)
async def test_iqs_that_get_lost_are_found_out(answered: str, lost: str, passed: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    async with probing(Link(lambda to: re.fullmatch(answered, to) is not None), tries_users=False) as probes:
        probes.recognise("ejabberd")
        for _ in range(2):
            await probes.try_iqs()
        assert [to for to in (lost + " " + passed).split() if await probes.drops(iq(to))] == lost.split()
        for payload in ("<query xmlns='jabber:iq:roster'/>", "<privileged_iq xmlns='urn:xmpp:privilege:2'/>"):
            assert not await probes.drops(iq("bob@example.org", payload))
        assert words in probes.iqs_trouble
        assert probes.is_limited is bool(lost)
        assert len(caplog.records) == bool(lost)


async def test_iqs_to_bare_addresses_wait_until_it_is_known_that_they_get_there() -> None:
    link = Link(lambda to: bool(to.resource))  # as ejabberd 25.03 and later do until privileges have come
    async with probing(link, tries_users=False) as probes:
        addresses = ("example.org", "bob@example.org", "rooms.example.org")
        inside, bob, outside = waiting = [asyncio.ensure_future(probes.drops(iq(to))) for to in addresses]
        rosters = asyncio.ensure_future(probes.drops(iq("bob@example.org", "<query xmlns='jabber:iq:roster'/>")))
        assert not await probes.drops(iq("bob@example.org/x"))
        assert not any(each.done() for each in (*waiting, rosters))
        link.answers = lambda to: to.domain == DOMAIN  # they have come
        trying = asyncio.ensure_future(probes.try_iqs())
        assert [await inside, await bob, await rosters, outside.done()] == [False, False, False, False]
        probes.recognise("ejabberd")
        await trying
        assert await outside


async def test_iqs_that_wait_go_on_when_the_link_ends_or_the_server_is_another() -> None:
    async with probing(Link(lambda _: False), tries_users=False) as probes:
        for go_on in (partial(probes.end, ""), partial(probes.recognise, "Prosody")):
            probes.begin()
            waiting = [asyncio.ensure_future(probes.drops(iq(to))) for to in ("example.org", "rooms.example.org")]
            await asyncio.sleep(0)
            assert (probes.is_limited, [each.done() for each in waiting]) == (True, [False, False])
            go_on()
            assert (probes.is_limited, [await each for each in waiting]) == (False, [False, False])


async def test_what_could_not_be_decided_is_tried_once_the_server_is_known(caplog: pytest.LogCaptureFixture) -> None:
    async with probing(Link(lambda to: to != OURS), tries_users=False) as probes:
        await probes.try_iqs()
        assert (probes.iqs_trouble, caplog.text) == ("", "")  # a server that is no ejabberd need not send us our own pings
        probes.recognise("ejabberd")
        async with asyncio.timeout(5):
            while not probes.iqs_trouble:
                await asyncio.sleep(0.01)


async def test_other_servers_need_not_deliver_what_a_component_sends_to_itself() -> None:
    link = Link(lambda to: to != OURS)
    async with probing(link, tries_users=False) as probes:
        probes.recognise("Tigase")
        await probes.try_iqs()
        assert (link.pinged, await probes.drops(iq("rooms.example.org"))) == ([DOMAIN], False)


@pytest.mark.parametrize(
    ("sender", "to", "payload", "is_answered"),
    [
        (OURS, OURS, "<ping xmlns='urn:xmpp:ping'/>", True),
        (OURS, OURS, "<query xmlns='jabber:iq:version'/>", False),
        (ALICE, OURS, "<ping xmlns='urn:xmpp:ping'/>", False),
        (OURS, OURS.with_resource("desk"), "<ping xmlns='urn:xmpp:ping'/>", False),
    ],
)
async def test_only_a_ping_of_ourselves_is_kept_from_bots(sender: JID, to: JID, payload: str, is_answered: bool) -> None:
    async with probing(Link()) as probes:
        reply = probes.answer(iq(str(to), payload).with_(sender=sender))
    assert (reply is not None) is is_answered
    if reply is not None:
        assert (reply.type, reply.to, reply.id) == ("result", OURS, "q")


async def test_what_was_found_out_is_tried_again_later() -> None:
    link = Link(lambda to: to != OURS)
    async with probing(link, tries_users=False, limits=ProbeLimits(iq_seconds=0.01, again_seconds=0.0)) as probes:
        probes.recognise("ejabberd")
        await probes.try_iqs()
        link.answers = lambda _: True
        assert await probes.drops(iq("rooms.example.org"))
        async with asyncio.timeout(5):
            while await probes.drops(iq("rooms.example.org")):
                await asyncio.sleep(0.01)


async def test_a_link_that_ends_says_nothing_about_iqs() -> None:
    link = Link()
    async with probing(link, tries_users=False) as probes:
        link.is_up = False
        probes.recognise("ejabberd")
        await probes.try_iqs()
        assert probes.iqs_trouble == ""
