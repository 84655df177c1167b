"""Iqs: asked at once, answered in time or with an error, never stored."""

from __future__ import annotations

import asyncio

import pytest

from tests.inbound.webhooks.receiver import Request, Response
from tests.inbound.webhooks.world import JSON, XML, World, iq, message
from tests.waiting import until
from tigrest.inbound.webhooks import Webhooks
from tigrest.webhooks import verify
from tigrest.xmpp.stanza import Stanza


async def ask(webhooks: Webhooks, iq: Stanza) -> Stanza:
    reply = await webhooks.answer(iq)
    assert reply is not None
    return reply


@pytest.mark.parametrize("type", ["get", "set"])
async def test_an_iq_is_answered(world: World, type: str) -> None:
    world.receiver.response = Response(200, XML, b"<iq type='result'><query xmlns='jabber:iq:version'><name>shop</name></query></iq>")
    async with world.webhooks(world.target(secret="s")) as webhooks:
        reply = await ask(webhooks, iq(type))
    assert (reply.type, reply.id, reply.to) == ("result", "q1", "alice@example.org/desk")
    assert "<name>shop</name>" in str(reply)
    assert verify("s", world.receiver.requests[0].headers, world.receiver.requests[0].body)
    assert await world.stored() == []
    assert world.sent == []


async def test_the_first_webhook_that_selects_it_answers(world: World) -> None:
    targets = [
        world.target("/a", name="a", stanzas=["message"]),
        world.target("/b", name="b", events=["bare"]),
        world.target("/c", name="c"),
        world.target("/d", name="d"),
    ]
    async with world.webhooks(*targets) as webhooks:
        assert (await ask(webhooks, iq())).type == "result"
    assert [request.target for request in world.receiver.requests] == ["/c"]


async def test_an_iq_that_nobody_selects_is_left_to_others(world: World) -> None:
    async with world.webhooks(world.target(stanzas=["message"])) as webhooks:
        assert await webhooks.answer(iq()) is None
        assert not webhooks.offer(iq())
    assert world.receiver.requests == []


async def test_time_is_limited(world: World) -> None:
    async def hang(_request: Request) -> Response:
        await asyncio.sleep(60)
        return Response()

    world.receiver.respond = hang
    async with world.webhooks(world.target(timeout=0.1, concurrency=1)) as webhooks:
        replies = await asyncio.gather(*[ask(webhooks, iq()) for _ in range(3)])
    for reply in replies:
        assert reply.error is not None
        assert (reply.error.condition, reply.error.type, reply.error.text) == ("remote-server-timeout", "wait", "")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_iq_is_not_tried_again(world: World, status: int) -> None:
    world.receiver.response = Response(status)
    async with world.webhooks() as webhooks:
        assert (await ask(webhooks, iq())).type == "error"
    assert len(world.receiver.requests) == 1


async def test_a_webhook_that_is_away_is_an_error(world: World) -> None:
    await world.receiver.kill()
    async with world.webhooks() as webhooks:
        error = (await ask(webhooks, iq())).error
    assert error is not None
    assert (error.condition, error.type, error.text) == ("recipient-unavailable", "wait", "")


async def test_an_answer_that_is_too_large_is_an_error(world: World) -> None:
    world.receiver.response = Response(200, JSON, b" " * (2**20 + 1))
    async with world.webhooks() as webhooks:
        error = (await ask(webhooks, iq())).error
    assert error is not None
    assert error.condition == "internal-server-error"


async def test_an_iq_that_cannot_be_written_is_an_error(world: World) -> None:
    async with world.webhooks() as webhooks:
        error = (await ask(webhooks, iq().with_(id="unwritable"))).error
    assert error is not None
    assert error.condition == "internal-server-error"


async def test_iqs_do_not_wait_for_messages(world: World) -> None:
    async def hang_on_messages(request: Request) -> Response:
        if request.body.startswith(b"<message"):
            await asyncio.sleep(60)
        return Response(202)

    world.receiver.respond = hang_on_messages
    async with world.webhooks(world.target(concurrency=1)) as webhooks:
        webhooks.offer(message())
        await until(lambda: world.receiver.running)
        assert (await ask(webhooks, iq())).type == "result"


async def test_what_waits_for_its_turn_at_the_end_is_refused_quietly(world: World, caplog: pytest.LogCaptureFixture) -> None:
    asked = asyncio.Event()

    async def hang(_request: Request) -> Response:
        asked.set()
        await asyncio.sleep(60)
        return Response()

    world.receiver.respond = hang
    async with world.webhooks(world.target(timeout=30.0, concurrency=1)) as webhooks:
        asking = [asyncio.create_task(ask(webhooks, iq())) for _ in range(3)]
        await asyncio.wait_for(asked.wait(), 5)
    replies = await asyncio.wait_for(asyncio.gather(*asking), 5)
    assert [reply.type for reply in replies] == ["error"] * 3
    assert [reply.error.condition for reply in replies[1:] if reply.error is not None] == ["resource-constraint"] * 2
    assert "Traceback" not in caplog.text
