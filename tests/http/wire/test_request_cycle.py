"""Whole answers in one piece, and when they are sent in the usual messages instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from tests.waiting import until
from tigrest.concurrency.caller import CALLER, Caller
from tigrest.config import Config
from tigrest.http.replies import Reply
from tigrest.http.wire.listener import bind
from tigrest.http.wire.server import serve_gateway
from tigrest.http.wire.whole_reply import WHOLE_REPLY

BIG = b"x" * (8 * 1024 * 1024)


class Answers:
    """Answers by the path."""

    def __init__(self) -> None:
        self.whole: list[bool] = []
        self.callers: list[Caller] = []
        self.gone: list[str] = []

    failure = None

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def on_failure(self, callback: Callable[[], None]) -> None: ...

    async def entry(self, scope: Scope, receive: Receive, send: Send) -> None:
        answers = {
            "/hello": Reply(200, b"text/plain", b"hello", [(b"x-one", b"1"), (b"x-one", b"2")]),
            "/none": Reply(204, b"", b"", [(b"allow", b"GET")]),
            "/close": Reply(200, b"text/plain", b"bye", [(b"connection", b"close")]),
            "/big": Reply(200, b"text/plain", BIG),
        }
        if scope["path"] == "/silent":
            return
        if scope["path"] == "/body":
            parts, more = 0, True
            while more:
                message = await receive()
                parts, more = parts + len(message.get("body", b"")), message.get("more_body", False)
            await Reply(200, b"text/plain", str(parts).encode())(scope, receive, send)
            return
        if scope["path"].startswith("/wait"):
            await self.wait(scope, receive, send)
            return
        if scope["path"] == "/gone":
            await receive()
            message = await receive()
            self.whole.append(message["type"] == "http.disconnect")
            return
        whole = scope["extensions"][WHOLE_REPLY]

        def watched(*arguments: object) -> bool:
            self.whole.append(whole(*arguments))
            return self.whole[-1]

        await answers[scope["path"]]({**scope, "extensions": {WHOLE_REPLY: watched}}, receive, send)

    async def wait(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note when the caller goes away; answer after 0.2 s, or, at /wait/long, after 10 s."""
        caller: Caller = scope["extensions"][CALLER]
        self.callers.append(caller)
        task = asyncio.current_task()
        assert task is not None
        note, dropped = lambda: self.gone.append(scope["path"]), lambda: self.gone.append("dropped")
        caller.on_gone(dropped)
        caller.on_gone(note)
        caller.off_gone(dropped)
        caller.off_gone(dropped)
        if scope["path"] == "/wait/long":
            caller.on_gone(task.cancel)
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                self.gone.append("cancelled")
                caller.on_gone(lambda: self.gone.append("late"))
                raise
        await asyncio.sleep(0.2)
        await Reply(200, b"text/plain", b"waited")(scope, receive, send)


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Answers, asyncio.StreamReader, asyncio.StreamWriter]]:
    answers, stop, ready = Answers(), asyncio.Event(), asyncio.Event()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = Config.model_validate({"http": {"stop_timeout": 1}})
    task = asyncio.create_task(serve_gateway(answers, config, listener, stop=stop, ready=lambda _: ready.set()))
    await asyncio.wait_for(ready.wait(), 5)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield answers, reader, writer
    finally:
        writer.close()
        stop.set()
        await task


async def answer(reader: asyncio.StreamReader, with_body: bool = True) -> tuple[str, bytes]:
    """One answer: its head and its body."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
    return head, await asyncio.wait_for(reader.readexactly(length), 10) if with_body else b""


async def test_an_answer_comes_whole_and_the_connection_stays() -> None:
    async with running() as (answers, reader, writer):
        writer.write(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
        for _ in range(3):
            head, body = await answer(reader)
            assert head.startswith("http/1.1 200 ok\r\ndate: ")
            assert "x-one: 1\r\nx-one: 2\r\n" in head
            assert "connection" not in head
            assert body == b"hello"
        assert answers.whole == [True] * 3


async def test_head_has_the_length_and_no_body_and_204_has_neither() -> None:
    async with running() as (answers, reader, writer):
        writer.write(b"HEAD /hello HTTP/1.1\r\nhost: x\r\n\r\nGET /none HTTP/1.1\r\nhost: x\r\n\r\n")
        head, _ = await answer(reader, with_body=False)
        assert "content-length: 5\r\n" in head
        head, _ = await answer(reader)
        assert head.startswith("http/1.1 204 no content\r\n")
        assert "allow: get" in head
        assert "content-length" not in head
        assert "\r\ncontent-type" not in head
        assert answers.whole == [True, True]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /hello HTTP/1.0\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /close HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
async def test_the_connection_is_closed_when_either_side_wants_that(request_: bytes) -> None:
    async with running() as (answers, reader, writer):
        writer.write(request_)
        head, _ = await answer(reader)
        assert head.count("connection: close") == 1
        assert await asyncio.wait_for(reader.read(), 5) == b""
        assert answers.whole == [b"/close" not in request_]  # who frames the answer himself goes the usual way


async def test_answers_wait_for_a_caller_who_does_not_read() -> None:
    async with running() as (answers, reader, writer):
        writer.write(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
        await asyncio.sleep(0.3)
        assert len(answers.whole) == 2  # one is on the way, the next waits for it, the last has not begun
        for _ in range(3):
            assert (await answer(reader))[1] == BIG
        assert answers.whole[:2] == [True, False]


async def test_a_body_comes_in_pieces_and_an_end_is_told() -> None:
    async with running() as (answers, reader, writer):
        writer.write(b"POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"2\r\nde\r\n0\r\n\r\n")
        assert (await answer(reader))[1] == b"5"
        writer.write(b"POST /body HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 300000\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 100 ")
        writer.write(b"y" * 300_000)
        assert (await answer(reader))[1] == b"300000"
        writer.write(b"GET /gone HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.close()
        for _ in range(100):
            if answers.whole:
                break
            await asyncio.sleep(0.02)
        assert answers.whole == [True]


async def test_an_application_that_says_nothing_is_500(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as (_, reader, writer):
        writer.write(b"GET /silent HTTP/1.1\r\nhost: x\r\n\r\n")
        head, _ = await answer(reader)
        assert head.startswith("http/1.1 500 ")
    assert "ended without an answer" in caplog.text


async def test_who_asked_is_told_once_when_the_caller_goes_away_while_a_handler_waits(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as (answers, _, writer):
        writer.write(b"GET /wait/long HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: bool(answers.callers))
        seen = [answers.callers[0].is_gone]
        writer.transport.abort()
        await until(lambda: "late" in answers.gone)
        assert [*seen, answers.callers[0].is_gone] == [False, True]
        assert answers.gone == ["/wait/long", "cancelled", "late"]
    assert "Exception" not in caplog.text


async def test_nobody_is_told_when_the_caller_goes_away_behind_his_answer() -> None:
    async with running() as (answers, reader, writer):
        writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await answer(reader))[1] == b"waited"
        answers.callers[0].on_gone(lambda: answers.gone.append("too late"))
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert answers.gone == []


async def test_the_request_being_answered_is_told_though_another_waits_behind_it() -> None:
    async with running() as (answers, _, writer):
        writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\nGET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: bool(answers.callers))
        answers.callers[0].protocol.transport.abort()  # type: ignore[attr-defined]  # nothing more is read, so the server sees it late
        await until(lambda: answers.gone == ["/wait"])
        assert answers.whole == []
