"""Delivery of messages and presence, against a receiver that misbehaves."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from tests.inbound.webhooks.receiver import Receiver, Request, Response
from tests.inbound.webhooks.world import JSON, LIMITS, XML, World, iq, message
from tests.waiting import until
from tigrest.concurrency.backoff import Backoff
from tigrest.errors import NotConnected, StanzaTooLarge, TigrestError, TooManyWaiting
from tigrest.inbound.webhooks import Statistics
from tigrest.inbound.webhooks.store import DeliveryState
from tigrest.state.batches import BatchLimits
from tigrest.state.database import DatabaseLimits
from tigrest.webhooks import verify
from tigrest.xmpp.stanza import Stanza

SENDERS = [f"user{number}@example.org" for number in range(5)]


def of_sender(receiver: Receiver) -> dict[str, list[str]]:
    """Return what each sender's messages said, in the order of their coming; repeated ones once."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for request in receiver.requests:
        found[Stanza.parse(request.body).attributes["from"]][request.text] = None
    return {sender: list(texts) for sender, texts in found.items()}


async def test_a_message_is_delivered_and_forgotten(world: World) -> None:
    async with world.webhooks() as webhooks:
        assert webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert [request.body for request in world.receiver.requests] == [message().to_bytes("")]
    assert world.sent == []
    assert await world.stored() == []


async def test_what_is_not_for_our_domain_is_left_alone(world: World) -> None:
    async with world.webhooks(world.target(stanzas=["message"])) as webhooks:
        presence = Stanza.parse('<presence from="a@b" to="shop@http.example.org"/>')
        result = Stanza.parse('<iq type="result" from="a@b" to="http.example.org"/>')
        for stanza in (message(to="shop@example.org"), message(to="a@@b"), message().with_(to=None), presence, result):
            assert not webhooks.offer(stanza)
        webhooks.offer(message("last"))
        await until(lambda: world.receiver.requests)
    assert world.receiver.texts == ["last"]


async def test_a_reply_is_sent(world: World) -> None:
    world.receiver.response = Response(200, JSON, b'{"body": "hello"}')
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: world.sent)
    [reply] = world.sent
    assert (reply.type, reply.to, reply.sender) == ("chat", "alice@example.org/desk", "shop@http.example.org")


async def test_every_webhook_that_selects_has_its_own_delivery(world: World) -> None:
    world.receiver.response = Response(200, JSON, b'{"body": "hello"}')
    targets = [world.target("/a", name="a"), world.target("/b", name="b"), world.target("/c", name="c", events=["host"])]
    async with world.webhooks(*targets) as webhooks:
        webhooks.offer(message())
        await until(lambda: len(world.sent) == 2)
    assert sorted(request.target for request in world.receiver.requests) == ["/a", "/b"]
    assert len({request.headers["webhook-id"] for request in world.receiver.requests}) == 2


async def test_order_is_kept_for_each_sender_while_many_are_served_at_once(world: World) -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.001 * (len(request.body) % 3))
        return Response(500 if len(world.receiver.requests) % 7 == 0 else 200)

    world.receiver.respond = slow
    async with world.webhooks(world.target(concurrency=4)) as webhooks:
        for number in range(30):
            for sender in SENDERS:
                webhooks.offer(message(str(number), sender))
        await until(lambda: webhooks.statistics()["hook"].delivered == 150)
    assert of_sender(world.receiver) == {sender: [str(number) for number in range(30)] for sender in SENDERS}
    assert 1 < world.receiver.most_at_once <= 4
    assert await world.stored() == []


async def test_one_sender_waits_and_others_go_on(world: World) -> None:
    async def refuse_alice(request: Request) -> Response:
        return Response(503 if b"alice" in request.body else 202)

    world.receiver.respond = refuse_alice
    async with world.webhooks(world.target(concurrency=1), backoff=Backoff(60)) as webhooks:
        for text in ("1", "2"):
            webhooks.offer(message(text))
        webhooks.offer(message("3", "alice@example.org/phone"))
        for text in ("4", "5"):
            webhooks.offer(message(text, "bob@example.org"))
        await until(lambda: webhooks.statistics()["hook"].delivered == 2)
        assert world.receiver.texts == ["1", "4", "5"]
    assert [(one.state, one.attempts, one.problem) for one in await world.stored()] == [
        (DeliveryState.WAITING, 1, "503 Words"),
        (DeliveryState.WAITING, 0, ""),
        (DeliveryState.WAITING, 0, ""),
    ]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
async def test_what_may_change_is_tried_again_with_the_same_id(world: World, status: int) -> None:
    async def third_time(_request: Request) -> Response:
        return Response(202 if len(world.receiver.requests) == 2 else status)

    world.receiver.respond = third_time
    async with world.webhooks(world.target(secret="whsec_c2VjcmV0")) as webhooks:
        webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
        assert webhooks.statistics()["hook"].failed == 2
    assert len({request.headers["webhook-id"] for request in world.receiver.requests}) == 1
    assert len(world.receiver.requests) == 3
    assert all(verify("whsec_c2VjcmV0", request.headers, request.body) for request in world.receiver.requests)
    assert world.sent == []


@pytest.mark.parametrize("status", [400, 404, 415])
async def test_a_definite_no_is_told_to_the_sender_at_once(world: World, status: int) -> None:
    world.receiver.response = Response(status)
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: world.sent)
    assert world.sent[0].type == "error"
    assert f"{status} Words" in str(world.sent[0])
    assert len(world.receiver.requests) == 1
    assert await world.stored() == []


async def test_redirects_are_not_followed(world: World) -> None:
    world.receiver.response = Response(307, headers={"Location": "/elsewhere"})
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: world.sent)
    assert [request.target for request in world.receiver.requests] == ["/hook"]
    assert world.sent[0].error is not None
    assert world.sent[0].error.condition == "undefined-condition"


async def test_a_receiver_may_ask_for_time(world: World) -> None:
    async def busy(_request: Request) -> Response:
        return Response(202 if world.receiver.requests else 429, headers={"Retry-After": "3600"})

    world.receiver.respond = busy
    started = time.monotonic()
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert time.monotonic() - started >= 0.3  # the patience of the backoff, not an hour


async def test_a_connection_that_breaks_or_hangs_is_tried_again(world: World) -> None:
    async def strange(_request: Request) -> Response:
        world.receiver.requests.append(_request)
        match len(world.receiver.requests):
            case 1:
                raise ConnectionError
            case 2:
                await asyncio.sleep(60)
        return Response(202)

    world.receiver.respond = strange
    async with world.webhooks(world.target(timeout=0.2)) as webhooks:
        webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
        assert webhooks.statistics()["hook"].failed == 2


async def test_nothing_is_lost_when_the_receiver_is_killed(world: World) -> None:
    """Messages keep coming while it is dead; each sender's come in order."""
    async with world.webhooks(world.target(concurrency=3)) as webhooks:
        for number in range(60):
            for sender in SENDERS:
                webhooks.offer(message(str(number), sender))
            if number == 20:
                await until(lambda: len(world.receiver.requests) > 20)
                await world.receiver.kill()
            if number == 40:
                await until(lambda: webhooks.statistics()["hook"].failed > 3)
                await world.receiver.start()
            await asyncio.sleep(0)
        await until(lambda: webhooks.statistics()["hook"].delivered == 300)
    assert of_sender(world.receiver) == {sender: [str(number) for number in range(60)] for sender in SENDERS}
    assert await world.stored() == []


async def test_all_who_wait_go_on_when_the_receiver_is_back(world: World) -> None:
    await world.receiver.kill()
    async with world.webhooks(backoff=Backoff(60)) as webhooks:
        for sender in SENDERS:
            webhooks.offer(message("1", sender))
        await until(lambda: webhooks.statistics()["hook"].failed == 5)
        await world.receiver.start()
        webhooks.offer(message("new", "bob@example.org"))
        await until(lambda: webhooks.statistics()["hook"].delivered == 6)


async def test_what_is_stored_is_delivered_after_a_restart(world: World) -> None:
    await world.receiver.kill()
    async with world.webhooks() as webhooks:
        for number in range(50):
            for sender in SENDERS:
                webhooks.offer(message(str(number), sender))
    assert len(await world.stored()) == 250
    await world.receiver.start()
    async with world.webhooks() as webhooks:
        await until(lambda: webhooks.statistics()["hook"].delivered == 250)
    assert of_sender(world.receiver) == {sender: [str(number) for number in range(50)] for sender in SENDERS}


async def test_what_is_under_way_at_the_end_is_delivered_again(world: World) -> None:
    async def hang(_request: Request) -> Response:
        world.receiver.requests.append(_request)
        await asyncio.sleep(60)
        return Response()

    world.receiver.respond = hang
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: world.receiver.requests)
    [first] = world.receiver.requests
    world.receiver.respond = world.receiver._same
    async with world.webhooks() as webhooks:
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert {request.headers["webhook-id"] for request in world.receiver.requests} == {first.headers["webhook-id"]}


async def test_a_delivery_is_dead_after_the_last_attempt(world: World) -> None:
    world.receiver.response = Response(503)
    async with world.webhooks(world.target(max_attempts=3)) as webhooks:
        webhooks.offer(message("1"))
        webhooks.offer(message("2"))
        await until(lambda: len(world.sent) == 2)
        await until(lambda: webhooks.statistics()["hook"] == Statistics(0, 2, 0, 6))
    assert world.receiver.texts == ["1", "1", "1", "2", "2", "2"]
    assert all("service-unavailable" in str(reply) and "503 Words" in str(reply) for reply in world.sent)
    assert [(one.state, one.attempts, one.problem) for one in await world.stored()] == 2 * [(DeliveryState.DEAD, 3, "503 Words")]


async def test_attempts_are_counted_across_restarts(world: World) -> None:
    world.receiver.response = Response(500)
    for attempt in range(1, 4):
        async with world.webhooks(world.target(max_attempts=3), backoff=Backoff(60)) as webhooks:
            if attempt == 1:
                webhooks.offer(message())
            await until(lambda: webhooks.statistics()["hook"].failed)
            if attempt == 3:
                await until(lambda: world.sent)
    assert len(world.receiver.requests) == 3
    assert [one.state for one in await world.stored()] == [DeliveryState.DEAD]


async def test_an_unreachable_webhook_is_told_in_the_end(world: World) -> None:
    await world.receiver.kill()
    async with world.webhooks(world.target(max_attempts=2)) as webhooks:
        webhooks.offer(message())
        await until(lambda: world.sent)
    assert world.sent[0].error is not None
    assert (world.sent[0].error.condition, world.sent[0].error.type) == ("recipient-unavailable", "wait")
    assert "cannot be reached" in (await world.stored())[0].problem


async def test_errors_are_delivered_but_not_answered(world: World) -> None:
    world.receiver.response = Response(404)
    async with world.webhooks() as webhooks:
        webhooks.offer(message(type="error"))
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert world.sent == []


@pytest.mark.parametrize("refusal", [NotConnected(), TooManyWaiting(400, "stanzas")])
async def test_a_reply_waits_for_the_link_even_through_a_restart(world: World, refusal: TigrestError) -> None:
    world.receiver.response = Response(200, JSON, b'{"body": "hello"}')
    world.is_up, world.refusal = False, refusal
    async with world.webhooks() as webhooks:
        webhooks.offer(message("1"))
        webhooks.offer(message("2"))
        await until(lambda: world.refused > 2)
    assert [one.state for one in await world.stored()] == [DeliveryState.ANSWERED, DeliveryState.WAITING]
    world.is_up = True
    async with world.webhooks():
        await until(lambda: len(world.sent) == 2)
    assert world.receiver.texts == ["1", "2"]
    assert await world.stored() == []


async def test_a_stored_reply_that_may_not_be_sent_any_more_holds_nobody_up(world: World) -> None:
    world.receiver.response = Response(200, JSON, b'{"body": "hello"}')
    world.is_up = False
    async with world.webhooks() as webhooks:
        webhooks.offer(message("1"))
        webhooks.offer(message("2"))
        await until(lambda: world.refused > 2)
    with sqlite3.connect(world.folder / "state.sqlite3") as file:  # an earlier version let it in
        [number] = [one.number for one in await world.stored() if one.state == DeliveryState.ANSWERED]
        file.execute("UPDATE webhook_deliveries SET reply = ? WHERE number = ?", (b"<message><x xmlns='a b'/></message>", number))
    file.close()
    world.is_up = True
    async with world.webhooks():
        await until(lambda: len(world.sent) == 1)
        await until(lambda: len(world.receiver.texts) == 2)
    assert await world.stored() == []


async def test_the_error_of_a_dead_delivery_waits_for_the_link(world: World) -> None:
    world.receiver.response = Response(503)
    world.is_up = False
    async with world.webhooks(world.target(max_attempts=1)) as webhooks:
        webhooks.offer(message())
        await until(lambda: world.refused > 2)
        assert [one.state for one in await world.stored()] == [DeliveryState.FAILED]
        world.is_up = True
        await until(lambda: world.sent)
    assert len(world.receiver.requests) == 1
    assert [(one.state, one.attempts) for one in await world.stored()] == [(DeliveryState.DEAD, 1)]


async def test_a_reply_that_cannot_be_sent_is_no_reply(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_stanza: Stanza) -> None:
        raise StanzaTooLarge

    monkeypatch.setattr(world, "send", refuse)
    world.receiver.response = Response(200, JSON, b'{"body": "hello"}')
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert await world.stored() == []


async def test_what_cannot_be_written_is_dead_at_once(world: World) -> None:
    async with world.webhooks() as webhooks:
        webhooks.offer(message(id="unwritable"))
        webhooks.offer(message("next"))
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert world.receiver.texts == ["next"]
    assert "internal-server-error" in str(world.sent[0])
    assert [(one.state, one.problem) for one in await world.stored()] == [
        (DeliveryState.DEAD, f"cannot be written as {XML}: no form for this")
    ]


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
async def test_an_answer_that_is_too_large_or_compressed_is_not_read(world: World, headers: dict[str, str]) -> None:
    body = b'{"body": "' + (b"" if headers else b"x" * 2**20) + b'"}'
    world.receiver.response = Response(200, JSON, body, headers)
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
    assert world.sent == []


async def test_a_full_buffer_is_told_and_nothing_is_lost(world: World) -> None:
    async with world.webhooks(limits=replace(LIMITS, buffered_stanzas=20)) as webhooks:
        for number in range(50):
            webhooks.offer(message(str(number)))
        room = message("room", "room@muc.example.org/nick", type="groupchat")
        webhooks.offer(room)
        await until(lambda: len(world.sent) == 30)
        await until(lambda: webhooks.statistics()["hook"].delivered == 20)
    assert {(reply.error.condition, reply.error.type) for reply in world.sent if reply.error} == {("resource-constraint", "wait")}
    assert world.receiver.texts == [str(number) for number in range(20)]


async def test_after_the_end_nothing_is_taken(world: World) -> None:
    async with world.webhooks() as webhooks:
        pass
    webhooks.offer(message())
    await until(lambda: world.sent)
    assert "resource-constraint" in str(world.sent[0])


async def test_more_senders_than_are_kept_in_memory(world: World) -> None:
    async with world.webhooks(limits=replace(LIMITS, page=3, senders=5)) as webhooks:
        for number in range(200):
            webhooks.offer(message(str(number), f"user{number % 40}@example.org"))
        await until(lambda: webhooks.statistics()["hook"].delivered == 200)
        assert len(webhooks._couriers[0]._queues) <= 7
    assert all(texts == sorted(texts, key=int) for texts in of_sender(world.receiver).values())


async def test_a_store_that_fails_for_a_while_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.webhooks(limits=replace(LIMITS, batches=BatchLimits(retry_seconds=0.01))) as webhooks:
        write, failures = webhooks._store.write, iter(range(3))

        async def fail(changes: object) -> None:
            if next(failures, None) is not None:
                raise OSError("disk full")
            await write(changes)  # type: ignore[arg-type]

        monkeypatch.setattr(webhooks._store, "write", fail)
        for number in range(5):
            webhooks.offer(message(str(number)))
        await until(lambda: webhooks.statistics()["hook"].delivered == 5)
    assert caplog.text.count("cannot be stored: disk full") == 1


async def test_the_store_and_the_log_have_no_secrets(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tigrest")
    world.receiver.response = Response(503)
    url = world.receiver.url.replace("//", "//me:hush@") + "/?token=hush"
    async with world.webhooks(world.target(url=url, secret="hush", max_attempts=2)) as webhooks:
        webhooks.offer(message())
        await until(lambda: world.sent)
    assert "is dead after 2 attempts" in caplog.text
    assert "hush" not in caplog.text
    assert all(b"hush" not in file.read_bytes() for file in tmp_path.iterdir())


async def test_deliveries_for_a_webhook_that_is_gone_are_named(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.receiver.kill()
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
    async with world.webhooks(world.target(name="other")):
        pass
    assert "deliveries wait for webhook hook, which is not configured" in caplog.text
    assert len(await world.stored()) == 1


async def test_a_store_that_cannot_be_read_for_a_while_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.webhooks() as webhooks:
        failures = iter(range(6))
        read = webhooks._store._open

        async def fail(*arguments: object) -> object:
            if next(failures, None) is not None:
                raise OSError("no such disk")
            return await read(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(webhooks._store, "_open", fail)
        for number in range(5):
            webhooks.offer(message(str(number)))
        await until(lambda: webhooks.statistics()["hook"].delivered == 5)
    assert world.receiver.texts == [str(number) for number in range(5)]
    assert "the store cannot be read: no such disk" in caplog.text


async def test_a_codec_that_surprises_does_no_harm(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def read(*_: object, **__: object) -> Stanza:
        raise RecursionError

    monkeypatch.setattr("tests.inbound.webhooks.world.TinyCodec.read", read)
    world.receiver.response = Response(200, JSON, b"[[[[")
    async with world.webhooks() as webhooks:
        webhooks.offer(message())
        await until(lambda: webhooks.statistics()["hook"].delivered)
        assert "internal-server-error" in str(await webhooks.answer(iq()))
    assert "an answer cannot be understood" in caplog.text
    assert await world.stored() == []


async def test_a_codec_that_breaks_is_a_failed_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def write(*_: object) -> bytes:
        raise KeyError("oops")

    monkeypatch.setattr("tests.inbound.webhooks.world.TinyCodec.write", write)
    async with world.webhooks(world.target(max_attempts=2)) as webhooks:
        webhooks.offer(message())
        await until(lambda: world.sent)
        assert "internal-server-error" in str(await webhooks.answer(iq()))
    assert "an attempt ended badly" in caplog.text
    assert [(one.state, one.attempts, one.problem) for one in await world.stored()] == [(DeliveryState.DEAD, 2, "internal error: KeyError")]


async def test_senders_are_told_what_could_not_be_stored_before_the_end(world: World) -> None:
    world.database_limits = DatabaseLimits(busy_seconds=0.05)
    limits = replace(LIMITS, batches=BatchLimits(stop_seconds=0.2))
    other = sqlite3.connect(world.folder / "state.sqlite3", isolation_level=None)
    async with world.webhooks(world.target(), world.target(name="second"), limits=limits) as webhooks:
        other.execute("BEGIN EXCLUSIVE")
        for text in ("one", "two"):
            webhooks.offer(message(text))
    other.execute("ROLLBACK")
    other.close()
    errors = [(stanza.to, stanza.error.condition, stanza.error.type) for stanza in world.sent if stanza.error is not None]
    assert errors == [("alice@example.org/desk", "resource-constraint", "wait")] * 2
    assert await world.stored() == []
    assert world.receiver.requests == []
