"""Request heads on the wire, against a running server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from starlette.types import Message, Receive, Scope, Send

from tigrest.config import Config
from tigrest.http.wire.head import MAX_HEADERS, MAX_TARGET
from tigrest.http.wire.limits import DEFAULT_LIMITS, ConnectionLimits, ServerLimits
from tigrest.http.wire.listener import bind
from tigrest.http.wire.server import serve_gateway


@dataclass
class Echo:
    """Answers with what it got, and remembers it."""

    scopes: list[Scope] = field(default_factory=list)

    failure = None

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def on_failure(self, callback: Callable[[], None]) -> None: ...

    async def entry(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body, more = b"", True
        while more:
            message: Message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"] == "/slow":
            await asyncio.sleep(0.1)
        answer = scope["raw_path"][:50] + b" " + str(len(body)).encode()
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@dataclass
class Client:
    port: int
    echo: Echo

    async def exchange(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """Send, then read until the server closes or has nothing more to say."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            return await _read(reader)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    data = b""
    try:
        while chunk := await asyncio.wait_for(reader.read(65536), 0.1 if data else 5):
            data += chunk
    except TimeoutError:
        data += b"<open>"
    return data


@asynccontextmanager
async def running(connection: ConnectionLimits = DEFAULT_LIMITS) -> AsyncIterator[Client]:
    echo, stop, ready = Echo(), asyncio.Event(), asyncio.Event()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = Config.model_validate({"http": {"stop_timeout": 1}})
    task = asyncio.create_task(
        serve_gateway(echo, config, listener, stop=stop, ready=lambda _: ready.set(), limits=ServerLimits(connection))
    )
    await asyncio.wait_for(ready.wait(), 5)
    try:
        yield Client(port, echo)
    finally:
        stop.set()
        assert await task == 0


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    found = json.loads(body)
    assert isinstance(found, dict)
    return found


async def send_forever(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send until the other side has had enough."""
    for _ in range((100 << 20) // len(piece)):
        writer.write(piece)
        await writer.drain()


GET = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"


async def test_a_normal_request_is_answered_and_the_connection_stays_open() -> None:
    async with running() as client:
        answer = await client.exchange(GET % (b"/hello", b""))
        assert status(answer) == 200
        assert answer.endswith(b"/hello 0<open>")
        assert b"server: tigrest" in answer
        assert b"date: " in answer


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with running() as client:
        answer = await client.exchange(GET % (b"/slow", b"") + GET % (b"/2", b"") + GET % (b"/3", b""))
        assert [line for line in answer.split(b"\r\n\r\n") if line.startswith(b"/")][-1] == b"/3 0<open>"
        assert answer.index(b"/slow 0") < answer.index(b"/2 0") < answer.index(b"/3 0")


async def test_invalid_utf8_in_the_path_reaches_the_application() -> None:
    async with running() as client:
        assert status(await client.exchange(GET % (b"/a%ffb", b""))) == 200
        assert client.echo.scopes[0]["raw_path"] == b"/a%ffb"
        assert client.echo.scopes[0]["path"] == "/a\ufffdb"


@pytest.mark.parametrize("piece", [1 << 20, 65536, 1000])
async def test_a_header_of_a_megabyte_is_refused(piece: int) -> None:
    head = GET % (b"/", b"X: " + b"a" * (1 << 20) + b"\r\n")
    async with running() as client:
        answer = await client.exchange(*[head[a:b] for a, b in pairwise([*range(0, len(head), piece), len(head)])])
        assert problem(answer)["status"] == status(answer) == 431
        assert not client.echo.scopes


async def test_a_target_of_a_megabyte_is_refused() -> None:
    async with running() as client:
        answer = await client.exchange(GET % (b"/" + b"a" * (1 << 20), b""))
        assert problem(answer)["status"] == status(answer) == 414


@pytest.mark.parametrize(("length", "expected"), [(MAX_TARGET, 200), (MAX_TARGET + 1, 414)])
async def test_a_target_is_measured_exactly(length: int, expected: int) -> None:
    async with running() as client:
        assert status(await client.exchange(GET % (b"/" + b"a" * (length - 1), b""))) == expected


@pytest.mark.parametrize(("length", "expected"), [(60_000, 200), (66_000, 431)])
async def test_a_head_is_measured_whole(length: int, expected: int) -> None:
    async with running() as client:
        headers = b"".join(b"X: %s\r\n" % (b"a" * 995) for _ in range(length // 1000))
        assert status(await client.exchange(GET % (b"/", headers))) == expected


@pytest.mark.parametrize(("count", "expected"), [(MAX_HEADERS - 1, 200), (MAX_HEADERS, 431)])
async def test_headers_are_counted(count: int, expected: int) -> None:
    async with running() as client:
        assert status(await client.exchange(GET % (b"/", b"X: y\r\n" * count))) == expected


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 10000),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 1000),
        (b"GET / HTTP/1.1\r\nX:", b" " * 10000),
        (b"GET /", b"a" * 10000),
        (b"\r\n", b"\r\n" * 5000),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a" * 10000),
    ],
    ids=["value", "headers", "spaces", "target", "newlines", "trailers", "chunk extension"],
)
async def test_an_endless_head_is_refused_and_then_cut_off(start: bytes, piece: bytes) -> None:
    async with running() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        answer = asyncio.create_task(_read(reader))
        writer.write(start)
        with pytest.raises(ConnectionError):
            await send_forever(writer, piece)
        writer.close()
        assert status(await answer) in (414, 431)


async def test_a_refused_head_does_not_overtake_the_answers_before_it() -> None:
    async with running() as client:
        answer = await client.exchange(GET % (b"/slow", b"") + b"GET / HTTP/1.1\r\nX: ", b"a" * 100_000, pause=0.02)
        assert answer.endswith(b"/slow 0")
        assert answer.count(b"HTTP/1.1") == 1


async def test_a_body_is_not_counted_as_head() -> None:
    body = b"b" * 300_000
    async with running() as client:
        request = GET.replace(b"GET", b"POST") % (b"/", b"Content-Length: %d\r\n" % len(body)) + body
        answer = await client.exchange(request + request + GET % (b"/end", b""))
        assert answer.count(b"/ 300000") == 2
        assert answer.endswith(b"/end 0<open>")


async def test_a_chunked_body_in_small_pieces_is_not_counted_as_head() -> None:
    async with running() as client:
        chunks = [b"3e8\r\n", b"c" * 1000, b"\r\n"] * 150
        answer = await client.exchange(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n")
        assert b"/ 150000" in answer


@pytest.mark.parametrize("request_", [b"NOT HTTP\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"\x16\x03\x01\x02"])
async def test_what_is_not_http_is_answered_400(request_: bytes) -> None:
    async with running() as client:
        answer = await client.exchange(request_)
        assert status(answer) == 400
        assert problem(answer)["detail"] == "the request is not valid HTTP/1.1"


def request_for(*hosts: bytes, target: bytes = b"/here", version: bytes = b"1.1") -> bytes:
    fields = b"".join([b"Host:%b\r\n" % host for host in hosts])
    return b"GET %b HTTP/%b\r\nX: y\r\n%bConnection: close\r\n\r\n" % (target, version, fields)


NO_HOST = [
    request_for(),
    request_for(b"x", b"x"),
    request_for(b"x", b" y"),
    request_for(b"x", b""),
    request_for(b"", b"x"),
    request_for(b"x", b"y", version=b"1.0"),
    request_for(target=b"http://a/here"),
    request_for(b"x", b"y", target=b"http://a/here"),
    request_for(b"a b", target=b"http://a/here"),
    request_for(b"x", target=b"http:///here"),
    request_for(b"x", target=b"http://user@a/here"),
    request_for(b"x", target=b"http://a:b/here"),
    request_for(b"x", target=b"ftp://a/here"),
    request_for(b"x", target=b"x:1").replace(b"GET", b"CONNECT"),
]
MALFORMED: tuple[bytes, ...] = (
    b"",
    b" ",
    b"a b",
    b"a,b c",
    b"a/b",
    b"a@b",
    b"http://a",
    b"a:b",
    b"a:1:2",
    b":80",
    b"a:123456",
    b"\xc3\xa4",
    b"[::1",
    b"::1",
)
MALFORMED += (b"[g]", b"a%2", b"a%zz", b"a?b", b"a#b", b'"a"', b"a\\b", b"<a>", b"a\tb")
WELL_FORMED = (b"x", b" a.example", b"a:80 ", b"a:", b"[::1]:8080", b"[::1]", b"127.0.0.1:5280", b"a_b", b"xn--d1acufc.xn--p1ai", b"a%20b")


async def test_a_missing_doubled_or_malformed_host_is_400() -> None:
    async with running() as client:
        for request_ in NO_HOST + [request_for(host, version=version) for host in MALFORMED for version in (b"1.0", b"1.1")]:
            answer = await client.exchange(request_)
            assert status(answer) == 400, request_
            detail = str(problem(answer)["detail"])
            assert "Host" in detail or "target" in detail, detail
        assert client.echo.scopes == []


async def test_a_host_with_an_optional_port_is_fine_and_http_1_0_may_have_none() -> None:
    async with running() as client:
        for request_ in [request_for(version=b"1.0"), *[request_for(host) for host in WELL_FORMED]]:
            assert status(await client.exchange(request_)) == 200, request_


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [(b"http://b.example:81/here?x=1", "/here", b"x=1"), (b"HTTPS://b.example:81", "/", b""), (b"http://b.example:81?x", "/", b"x")],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_the_host_of_an_absolute_target_counts(target: bytes, path: str, query: bytes, version: bytes) -> None:
    async with running() as client:
        assert status(await client.exchange(request_for(b"a.example", target=target, version=version))) == 200
        [scope] = client.echo.scopes
        assert [value for name, value in scope["headers"] if name == b"host"] == [b"b.example:81"]
        assert (scope["path"], scope["query_string"]) == (path, query)
        assert (b"x", b"y") in scope["headers"]


async def test_each_request_of_a_connection_names_its_host() -> None:
    async with running() as client:
        answer = await client.exchange(GET % (b"/1", b"") + GET % (b"/2", b"") + GET % (b"/3", b"Host: x\r\n"))
        assert [scope["path"] for scope in client.echo.scopes] == ["/1", "/2"]
        assert answer.count(b"HTTP/1.1 200") == 2


async def test_trailer_fields_are_no_header_fields() -> None:
    async with running() as client:
        trailers = b"0\r\nHost: y\r\nAuthorization: Basic eDp5\r\n\r\n"
        answer = await client.exchange(b"POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n" + trailers)
        assert b"/t 1" in answer
        assert [name for name, _ in client.echo.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


async def test_an_offered_upgrade_does_not_lose_the_body(caplog: pytest.LogCaptureFixture) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    plain = b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" + offer + b"\r\n"
    chunked = b"POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + offer + b"\r\n"
    with caplog.at_level(logging.WARNING):
        async with running() as client:
            answer = await client.exchange(plain + b"12345" + GET % (b"/next", b""))
            assert b"/up 5" in answer
            assert answer.endswith(b"/next 0<open>")
            answer = await client.exchange(
                chunked, b"3\r\nabc\r\n", b"0\r\n\r\n" + GET % (b"/next", offer) + GET % (b"/last", b""), pause=0.02
            )
            assert b"/up 3" in answer
            assert b"/next 0" in answer
            assert answer.endswith(b"/last 0<open>")
    assert not caplog.records


async def test_a_connection_that_gets_nowhere_is_closed() -> None:
    async with running(ConnectionLimits(progress=0.1)) as client:
        assert await client.exchange() == b""
        assert status(await client.exchange(b"GET / HTTP/1.1\r\n")) == 408
        assert b"/slow 0" in await client.exchange(GET % (b"/slow", b""))
