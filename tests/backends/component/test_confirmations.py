"""Confirmed sends over the link, against a server that answers when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from tests.backends.component.test_link import MESSAGE, SOON, WINDOW, Server, linked, talking
from tests.waiting import until
from tigrest.backends.component.confirmations import SHARED_BY, Confirmations
from tigrest.backends.component.link import Link
from tigrest.backends.component.settings import LinkLimits
from tigrest.concurrency.deadlines import Deadlines
from tigrest.errors import NotConnected, StanzaTimeout


class Holding(Server):
    """A server that keeps its answers until it is told to give them."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []
        self.pass_on, self.answer = self.answer, self._hold

    def _hold(self, id: str) -> str:
        self.held.append(id)
        return ""

    def give(self, count: int = 1) -> None:
        """Give the oldest answers."""
        for id in self.held[:count]:
            self.push(self.pass_on(id))
        del self.held[:count]


async def confirmed(link: Link, timeout: float = 20.0) -> None:
    await link.send(MESSAGE)
    await link.confirmed(timeout)


async def test_who_send_in_a_turn_share_barriers_group_by_group_and_those_who_do_not_ask_cause_none() -> None:
    server = Holding()
    async with linked(server, LinkLimits(watch_seconds=60)) as (link, _):
        await link.send(MESSAGE)
        await link.send(MESSAGE)
        waiting = [asyncio.create_task(confirmed(link)) for _ in range(2 * SHARED_BY + 1)]
        await until(lambda: len(server.held) == 3)
        assert [part.count("<body>") for part in server.received.split("urn:xmpp:ping")] == [2 + SHARED_BY, SHARED_BY, 1, 0]
        assert not any(each.done() for each in waiting)
        server.give()
        await until(lambda: sum(each.done() for each in waiting) == SHARED_BY)
        server.give(2)
        await asyncio.gather(*waiting)
    assert server.received.count("urn:xmpp:ping") == 3


async def test_senders_are_told_some_at_a_time_so_that_the_server_has_work_while_others_go_on() -> None:
    confirmations = Confirmations(lambda: None, Deadlines(), limit=0)
    waiting = [asyncio.create_task(confirmations.wait(20.0)) for _ in range(2 * SHARED_BY + 1)]
    await asyncio.sleep(0)
    confirmations.answered(confirmations.covered())
    told: list[int] = []
    while not all(each.done() for each in waiting):
        await asyncio.sleep(0)
        told.append(sum(each.done() for each in waiting))
    assert {SHARED_BY, 2 * SHARED_BY} <= set(told)


async def test_while_the_server_is_slow_further_senders_share_the_next_barrier() -> None:
    server = Holding()
    async with linked(server, LinkLimits(watch_seconds=60, confirming=1)) as (link, _):
        first = asyncio.create_task(confirmed(link))
        await until(lambda: server.held)
        later = []
        for _ in range(10):
            later.append(asyncio.create_task(confirmed(link)))
            await asyncio.sleep(0)
        await until(lambda: server.received.count("<body>") == 11)
        assert len(server.held) == 1
        server.give()
        await first
        await until(lambda: server.held)
        server.give()
        await asyncio.gather(*later)
    assert server.received.count("urn:xmpp:ping") == 2


async def test_a_barrier_of_the_flow_control_confirms_too_and_permits_are_counted_as_before() -> None:
    server = Holding()
    async with linked(server, LinkLimits(watch_seconds=60, confirming=1)) as (link, _):
        first = asyncio.create_task(confirmed(link))
        await until(lambda: server.held)
        second = asyncio.create_task(confirmed(link))
        await asyncio.sleep(0)
        for _ in range(WINDOW.step - 2):
            await link.send(MESSAGE)
        await until(lambda: len(server.held) == 2)  # the second is one of the flow control
        server.give(2)
        await asyncio.gather(first, second)
        assert server.received.count("urn:xmpp:ping") == 2
        flood = [asyncio.create_task(link.send(MESSAGE)) for _ in range(WINDOW.barriers * WINDOW.step + 50)]
        await until(lambda: len(server.held) == WINDOW.barriers)
        assert sum(each.done() for each in flood) == WINDOW.barriers * WINDOW.step
        server.answer = server.pass_on
        server.give(WINDOW.barriers)
        await asyncio.gather(*flood)


async def test_who_waits_too_long_is_told_and_what_he_sent_was_sent() -> None:
    server = Holding()
    async with linked(server, LinkLimits(watch_seconds=60)) as (link, _):
        with pytest.raises(StanzaTimeout, match=r"has not confirmed the stanza within 0\.1 s; it was sent nevertheless"):
            await confirmed(link, 0.1)
        server.give()
        server.answer = server.pass_on
        await confirmed(link)
    assert server.received.count("<body>") == 2


async def test_a_link_that_breaks_says_that_the_stanza_may_have_arrived() -> None:
    server = Holding()
    async with linked(server, LinkLimits(watch_seconds=60, confirming=1)) as (link, _):
        waiting = [asyncio.create_task(confirmed(link))]
        await until(lambda: server.held)
        waiting.append(asyncio.create_task(confirmed(link)))  # no barrier has followed this one
        await until(lambda: server.received.count("<body>") == 2)
        server.connections[-1].transport.abort()
        for each in waiting:
            with pytest.raises(NotConnected, match="may have arrived or not.* Idempotency-Key"):
                await each
        with pytest.raises(NotConnected, match="no connection to the XMPP server"):
            await confirmed(link)


async def test_a_server_that_answers_no_pings_is_not_waited_for() -> None:
    server = Holding()
    limits = LinkLimits(watch_seconds=60, barrier_seconds=1.0, patience_seconds=0.5)
    async with linked(server, limits) as (link, _):
        first = asyncio.create_task(confirmed(link))
        while not first.done():
            if link.connected:
                server.push("<presence from='a@example.org'/>")
            await asyncio.sleep(0.05)
        for again in (first, asyncio.create_task(confirmed(link))):
            with pytest.raises(StanzaTimeout, match="answers no pings"):
                await again
        assert link.connected
    assert server.received.count("<body>") == 2


async def test_answers_that_come_after_pings_were_given_up_do_not_let_more_barriers_out_on_the_next_link() -> None:
    server = Holding()
    limits = LinkLimits(watch_seconds=60, barrier_seconds=1.5, patience_seconds=0.2, confirming=1, reconnect=SOON.reconnect)
    async with linked(server, limits) as (link, _):
        async with talking(server):
            with pytest.raises(StanzaTimeout, match="answers no pings"):
                await confirmed(link)
        server.give(len(server.held))
        server.connections[-1].transport.abort()
        await until(lambda: len(server.connections) == 2 and link.connected)
        before, waiting = server.received.count("<body>"), []
        for number in range(1, 4):
            waiting.append(asyncio.create_task(confirmed(link)))
            await until(lambda: server.received.count("<body>") == before + number)  # noqa: B023 - awaited here
        assert len(server.held) == 1
        server.answer = server.pass_on
        server.give()
        await asyncio.gather(*waiting)
