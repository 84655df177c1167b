"""The event stream over real connections: roles, addresses, coming back, going away, ending."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import environment
from tests.test_docs import blocks
from tigrest.config import Config, builtin_scripts
from tigrest.gateway import Gateway
from tigrest.http.wire.listener import bind
from tigrest.http.wire.server import serve_gateway
from tigrest.inbound.events.limits import EventLimits
from tigrest.passwords import Passwords
from tigrest.state.location import MEMORY
from tigrest.testing import ACCOUNTS, API_KEY, PASSWORD
from tigrest.xmpp.jid import JID

ALICE = "alice@http.localhost"
EVENTS = "/rest/events"


LONG_BEFORE_GRACE_ENDS = 8.0
"""Seconds. A server that waits for its streams ends after 10."""


@dataclass
class Client:
    """What curl -N would be: one connection, on which pieces are read as they come."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: dict[str, str]
    text: str = ""
    parsed: int = 0
    taken: list[tuple[str, Any, str]] = field(default_factory=list)

    async def piece(self) -> bool:
        """Read on; whether there was more."""
        if self.headers.get("transfer-encoding") != "chunked":
            more = await self.reader.read()
        else:
            size = int(await self.reader.readline() or b"0", 16)
            more = (await self.reader.readexactly(size + 2))[:-2]
        self.text += more.decode()
        return bool(more)

    async def events(self, count: int) -> list[tuple[str, Any]]:
        """Return the next events: name and data."""
        async with asyncio.timeout(10):
            before = len(self.taken)
            while len(self.taken) < before + count:
                assert await self.piece(), self.text
                self._parse()
        return [(name, data) for name, data, _ in self.taken[before:]]

    def _parse(self) -> None:
        *blocks, rest = self.text[self.parsed :].split("\n\n")
        self.parsed = len(self.text) - len(rest)
        for block in blocks:
            lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
            if "data" in lines:
                self.taken.append((lines["event"], json.loads(lines["data"]), lines["id"]))

    async def end(self) -> str:
        """Read to the end."""
        async with asyncio.timeout(10):
            while await self.piece():
                pass
        return self.text

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@dataclass
class World:
    """A gateway that listens, and its clients."""

    gateway: Gateway
    port: int
    stop: asyncio.Event
    task: asyncio.Task[int]
    clients: list[Client] = field(default_factory=list)

    async def ask(self, path: str, login: str = "alice", method: str = "GET", body: str = "", **headers: str) -> Client:
        """Send a request and read the head of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        if login:
            name, colon, password = login.partition(":")
            headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{password if colon else PASSWORD}".encode()).decode()
        if body:
            headers |= {"Content-Length": str(len(body.encode())), "Api-Key": API_KEY}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n{lines}\r\n{body}".encode())
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.strip().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in rest)
        client = Client(reader, writer, int(first.split()[1]), fields)
        self.clients.append(client)
        return client

    async def refused(self, path: str, login: str = "alice") -> tuple[int, str]:
        """Status and detail of an answer that is a problem."""
        client = await self.ask(path, login, Connection="close")
        await client.piece()
        return client.status, json.loads(client.text)["detail"]

    async def tell(self, to: str, body: str) -> None:
        """Send a message, as admin, from outside."""
        message = f"<message to='{to}' from='bob@localhost/desk' id='m1'><body>{body}</body></message>"
        client = await self.ask("/rest/stream", "admin", "POST", message)
        assert client.status == 200
        await client.close()

    async def until_streams(self, count: int) -> None:
        async with asyncio.timeout(5):
            while self.gateway.events.streams != count:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(scripts: Path | None = None, grace: int = 10, **sections: Any) -> AsyncIterator[World]:
    settings: dict[str, Any] = {
        "http": {"port": 0, "stop_timeout": grace},
        "scripts": {"reload": False},
        "xmpp": {"domain": "localhost", "jid": "http.localhost"},
        "auth": {
            "admins": ["admin@localhost"],
            "api_keys": [{"name": "test", "key": API_KEY, "paths": []}],
            "accounts": [{"jid": "robot@elsewhere.org", "password": PASSWORD}],
        },
        "embedded": {"database": MEMORY, "accounts": [{"jid": f"{name}@localhost", "password": PASSWORD} for name in ACCOUNTS]},
        "state": {"database": MEMORY},
    }
    for name, section in sections.items():
        settings[name] |= section
    config = Config.model_validate(settings)
    gateway = Gateway(config, [*([scripts] if scripts else []), builtin_scripts()], Passwords(1, 8, 1))
    stop, ready = asyncio.Event(), asyncio.Event()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    task = asyncio.create_task(serve_gateway(gateway, config, listener, stop=stop, ready=lambda _: ready.set()))
    await asyncio.wait_for(ready.wait(), 10)
    world = World(gateway, port, stop, task)
    try:
        yield world
    finally:
        for client in world.clients:
            client.writer.close()
        stop.set()
        await task


async def test_a_message_sent_by_one_request_arrives_at_the_streams_of_its_address() -> None:
    async with running() as world:
        alice, again, bob = await world.ask(EVENTS), await world.ask(f"{EVENTS}/"), await world.ask(EVENTS, "bob")
        expected = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}
        assert expected.items() <= alice.headers.items()
        assert alice.status == 200
        assert await alice.piece()
        assert alice.text.startswith(": tigrest\nretry: 2000\nid: ")
        await world.tell(f"{ALICE}/desk", "Hello")
        await world.tell("bob@http.localhost", "Hi")
        data = {"kind": "message", "to": f"{ALICE}/desk", "from": "bob@localhost/desk", "id": "m1", "body": "Hello"}
        assert await alice.events(1) == await again.events(1) == [("message", data)]
        assert [data["body"] for _, data in await bob.events(1)] == ["Hi"]


async def test_reading_goes_on_behind_the_last_event_by_header_or_parameter() -> None:
    async with running() as world:
        alice = await world.ask(EVENTS)
        await world.tell(ALICE, "1")
        await alice.events(1)
        await alice.close()
        await world.until_streams(0)
        await world.tell(ALICE, "2")
        last = alice.taken[0][2]
        by_header = await world.ask(f"{EVENTS}?last-event-id=old", Last_Event_ID=last)
        by_parameter = await world.ask(f"{EVENTS}?last-event-id={last}")
        for client in (by_header, by_parameter):
            assert [data["body"] for _, data in await client.events(1)] == ["2"]
        unknown = await world.ask(EVENTS, Last_Event_ID="x-1")
        (gap, lost), *kept = await unknown.events(3)
        assert (gap, lost, [data["body"] for _, data in kept]) == ("gap", {"lost": None}, ["1", "2"])


async def test_who_may_read_what() -> None:
    async with running() as world:
        assert (await world.refused(EVENTS, ""))[0] == 401
        assert (await world.refused(EVENTS, "alice:wrong"))[0] == 401
        assert await world.refused(f"{EVENTS}?address=bob@http.localhost") == (
            403,
            f"only admins may read other addresses than their own, which is {ALICE}",
        )
        assert (await world.refused(f"{EVENTS}?address=*"))[0] == 403
        status, detail = await world.refused(f"{EVENTS}?address=alice@localhost", "admin")
        assert (status, "use one of http.localhost, or * for all" in detail) == (400, True)
        assert (await world.refused(f"{EVENTS}?address=a@b@c", "admin"))[0] == 400
        assert (await world.refused(f"{EVENTS}?address={ALICE}/desk", "admin"))[0] == 400
        readers = [
            await world.ask(f"{EVENTS}?address={ALICE.upper()}"),
            await world.ask(f"{EVENTS}?address="),
            await world.ask(f"{EVENTS}?address={ALICE}", "admin"),
            await world.ask(f"{EVENTS}?address=*", "admin"),
        ]
        robot = await world.ask(EVENTS, "robot@elsewhere.org")
        await world.tell(ALICE, "1")
        await world.tell(r"robot\40elsewhere.org@http.localhost", "2")
        for reader in readers:
            assert [data["body"] for _, data in await reader.events(1)] == ["1"]
        assert [data["body"] for _, data in await readers[3].events(1)] == ["2"]
        assert [data["body"] for _, data in await robot.events(1)] == ["2"]


async def test_streams_are_limited() -> None:
    async with running() as world:
        world.gateway.events.limits = EventLimits(user_streams=1, streams=2)
        alice = await world.ask(EVENTS)
        other = await world.ask(EVENTS)
        assert (other.status, other.headers["retry-after"]) == (429, "10")
        await world.ask(EVENTS, "bob")
        other = await world.ask(EVENTS, "admin")
        assert (other.status, other.headers["retry-after"]) == (503, "10")
        await alice.close()
        await world.until_streams(1)
        assert (await world.ask(EVENTS)).status == 200


async def test_a_reader_who_goes_away_is_noticed_at_once_without_traffic() -> None:
    async with running() as world:
        closes, aborts, pipelines = [await world.ask(EVENTS) for _ in range(3)]
        pipelines.writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        await world.until_streams(3)
        await closes.close()
        await world.until_streams(2)
        aborts.writer.transport.abort()
        await world.until_streams(1)
        await asyncio.sleep(0.1)
        pipelines.writer.transport.abort()  # what waits behind the stream stops the reading: the end is seen when we write
        for _ in range(3):
            await world.tell(ALICE, "hello?")
        await world.until_streams(0)


async def test_a_reader_who_does_not_read_loses_events_and_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as world:
        slow, quick = await world.ask(EVENTS), await world.ask(EVENTS)
        await slow.piece()
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        big, count = "x" * 100_000, 200
        for number in range(count):
            await world.gateway.service.send(f"<message to='{ALICE}' id='{number}'><body>{big}</body></message>")
            assert (await quick.events(1))[0][1]["id"] == str(number)
        assert world.gateway.events._size <= EventLimits.ring_bytes
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        seen: list[tuple[str, Any]] = []
        while not seen or seen[-1][1].get("id") != str(count - 1):
            seen += await slow.events(1)
        [lost] = [data["lost"] for name, data in seen if name == "gap"]
        assert lost + len(seen) - 1 == count
        numbers = [int(data["id"]) for name, data in seen if name != "gap"]
        assert numbers == sorted(numbers)


async def test_head_has_no_stream() -> None:
    async with running() as world:
        client = await world.ask(EVENTS, method="HEAD")
        assert (client.status, client.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        await world.until_streams(0)
        client.writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(client.reader.read(), 5)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_the_time_limit_of_requests_does_not_end_a_stream() -> None:
    async with running(http={"request_timeout": 0.2}) as world:
        world.gateway.events.limits = EventLimits(keep_alive=0.1)
        alice = await world.ask(EVENTS)
        await asyncio.sleep(0.6)
        await world.tell(ALICE, "still here?")
        assert len(await alice.events(1)) == 1
        assert alice.text.count(": keep-alive\n") >= 3


async def test_a_stream_is_counted_when_it_begins() -> None:
    async with running() as world:
        asked = time.monotonic()
        alice = await world.ask(EVENTS)
        begun = time.monotonic()
        await asyncio.sleep(0.3)
        metrics = await world.ask("/metrics", Connection="close")
        await metrics.piece()
        assert 'tigrest_requests_total{method="GET",route="/rest/events",status="200"} 1.0' in metrics.text
        [seconds] = [line for line in metrics.text.splitlines() if line.startswith('tigrest_request_seconds_sum{route="/rest/events"}')]
        assert float(seconds.split()[-1]) < begun - asked + 0.3
        await alice.close()


async def test_a_changed_password_ends_the_streams_of_the_user() -> None:
    async with running() as world:
        alice, bob = await world.ask(EVENTS), await world.ask(EVENTS, "bob")
        await world.gateway.service.users.set_password(JID("alice@localhost"), "new")
        await alice.end()
        await world.until_streams(1)
        await bob.close()


def stuck(client: Client) -> None:
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]


@pytest.mark.parametrize("flood", [0, 20, 200])
async def test_the_end_of_the_gateway_ends_streams_at_once(flood: int) -> None:
    async with running() as world:
        alice, bob, reads_not = await world.ask(EVENTS), await world.ask(EVENTS, "bob"), await world.ask(EVENTS)
        stuck(reads_not)
        for _ in range(flood):
            await world.gateway.service.send(f"<message to='{ALICE}'><body>{'x' * 50_000}</body></message>")
            await alice.events(1)
        began = time.monotonic()
        world.stop.set()
        await asyncio.gather(alice.end(), bob.end())
        await world.task
        assert time.monotonic() - began < LONG_BEFORE_GRACE_ENDS
        assert world.gateway.events.streams == 0


ENDLESS = """
import asyncio
from starlette.responses import StreamingResponse
from tigrest import Handler

class Endless(Handler):
    regex = "/endless/([^/]+)"
    ended = []

    async def exec_get(self, type):
        return StreamingResponse(self.pieces(), media_type="text/" + type)

    async def exec_delete(self):
        return self.ended

    async def pieces(self):
        try:
            while True:
                yield b"data: x\\n\\n" * 1000
                await asyncio.sleep(0.001)
        finally:
            self.ended.append("ended")
"""


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    (tmp_path / "endless.py").write_text(ENDLESS.replace("async def exec_delete(self)", "async def exec_delete(self, type)"))
    return tmp_path


async def test_streams_of_scripts_are_ended_and_closed_too(endless: Path) -> None:
    async with running(endless) as world:

        async def until_ended(count: int) -> None:
            async with asyncio.timeout(5):
                while True:
                    answer = await world.ask("/rest/endless/x", method="DELETE", Connection="close")
                    await answer.piece()
                    if len(json.loads(answer.text)) == count:
                        return
                    await asyncio.sleep(0.02)

        reads_not, reads = await world.ask("/rest/endless/event-stream"), await world.ask("/rest/endless/event-stream")
        stuck(reads_not)
        await reads.piece()
        await asyncio.sleep(0.3)  # it is waited for now, which Starlette alone would leave to the garbage collector
        reads_not.writer.transport.abort()
        await until_ended(1)
        head = await world.ask("/rest/endless/plain", method="HEAD")
        assert head.status == 200
        world.stop.set()
        began = time.monotonic()
        await reads.end()
        await world.task
        assert time.monotonic() - began < LONG_BEFORE_GRACE_ENDS


async def test_a_stream_that_begins_at_the_end_ends_too(endless: Path) -> None:
    (endless / "late.py").write_text(
        ENDLESS.replace('"/endless/([^/]+)"', '"/late/(.+)"')
        .replace("self, type):\n        return S", "self, type):\n        await asyncio.sleep(0.5)\n        return S")
        .replace("delete(self)", "delete(self, type)")
    )
    async with running(endless) as world:
        late = asyncio.create_task(world.ask("/rest/late/event-stream"))
        await asyncio.sleep(0.2)
        world.stop.set()
        began = time.monotonic()
        assert (await late).status == 200
        await world.task
        assert time.monotonic() - began < LONG_BEFORE_GRACE_ENDS


# What docs/events.md prints


def example(language: str, beginning: str) -> str:
    [found] = [block.text for block in blocks("events.md", language) if block.text.startswith(beginning)]
    return found


@pytest.mark.parametrize(
    ("language", "beginning", "command"),
    [("bash", "# -N", ["sh", "-c"]), ("python", "# listen.py", [sys.executable, "-u", "-c"])],
)
async def test_the_examples_listen(language: str, beginning: str, command: list[str]) -> None:
    async with running() as world:
        text = example(language, beginning).replace("127.0.0.1:8080", f"127.0.0.1:{world.port}").replace("curl", "exec curl")
        process = await asyncio.create_subprocess_exec(*command, text, env=environment(PYTHONWARNINGS=""), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            await world.until_streams(1)
            await world.tell(ALICE, "Hello")
            seen = b""
            async with asyncio.timeout(10):
                while b"Hello" not in seen:
                    seen += await process.stdout.readline()
        finally:
            process.kill()
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]
