"""Starting, running and ending the HTTP server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from tigrest.config import Config
from tigrest.errors import ConfigError, DatabaseInUse, NotConnected, TigrestError
from tigrest.http.wire.listener import bind
from tigrest.http.wire.server import serve_gateway


@dataclass
class Fake:
    """A gateway that notes what happens to it."""

    events: list[str] = field(default_factory=list)
    start_error: Exception | None = None
    failure: TigrestError | None = None
    starting: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    slow_start: bool = False

    async def start(self) -> None:
        self.events.append("start")
        self.starting.set()
        if self.start_error:
            raise self.start_error
        if self.slow_start:
            await asyncio.sleep(60)

    async def stop(self) -> None:
        self.events.append("stop")

    def on_failure(self, callback: Callable[[], None]) -> None:
        self.fail = callback

    async def entry(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        if scope["path"] == "/held":
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.events.append("cancelled")
                raise
        answer = f"{scope['client'][0]} {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(answer)).encode())]})
        await send({"type": "http.response.body", "body": answer})


@dataclass
class Running:
    port: int
    stop: asyncio.Event
    task: asyncio.Task[int]
    bases: list[str]


@asynccontextmanager
async def running(fake: Fake, config: Config | None = None, host: str = "127.0.0.1", grace: float = 1) -> AsyncIterator[Running]:
    config = config or Config.model_validate({"http": {"host": host, "stop_timeout": grace}})
    stop, ready, bases = asyncio.Event(), asyncio.Event(), list[str]()

    def note(base: str) -> None:
        bases.append(base)
        ready.set()

    listener = bind(host, 0)
    task = asyncio.create_task(serve_gateway(fake, config, listener, stop=stop, ready=note))
    await asyncio.wait_for(ready.wait(), 5)
    yield Running(listener.getsockname()[1], stop, task, bases)
    stop.set()
    await task


async def get(port: int, path: str = "/", headers: str = "", host: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def until_refused(port: int) -> None:
    """Connect again and again until nobody accepts."""
    async with asyncio.timeout(5):
        while True:
            try:
                await get(port)
            except ConnectionError:
                return
            await asyncio.sleep(0.02)


async def test_the_gateway_is_started_before_and_stopped_after(capfd: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    async with running(fake) as server:
        assert fake.events == ["start"]
        answer = await get(server.port)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
        assert b"\r\nserver: tigrest\r\n" in answer
        assert server.bases == [f"http://127.0.0.1:{server.port}"]
        assert capfd.readouterr().out == f"tigrest: listening on http://127.0.0.1:{server.port}/rest/\n"
    assert fake.events == ["start", "stop"]
    assert server.task.result() == 0


async def test_an_ipv6_address_is_shown_in_brackets(capfd: pytest.CaptureFixture[str]) -> None:
    async with running(Fake(), host="::1") as server:
        assert b"::1 http" in await get(server.port, host="::1")
    assert capfd.readouterr().out == f"tigrest: listening on http://[::1]:{server.port}/rest/\n"


async def test_a_running_request_is_finished_and_new_ones_are_not_accepted() -> None:
    fake = Fake()
    async with running(fake, grace=5) as server:
        answer = asyncio.create_task(get(server.port, "/held"))
        await fake.entered.wait()
        server.stop.set()
        await until_refused(server.port)
        fake.hold.set()
        assert (await answer).endswith(b"127.0.0.1 http")
        assert await server.task == 0
    assert fake.events == ["start", "stop"]


async def test_a_request_that_does_not_finish_is_cancelled_in_the_end() -> None:
    fake = Fake()
    async with running(fake, grace=0.1) as server:
        answer = asyncio.create_task(get(server.port, "/held"))
        await fake.entered.wait()
    assert fake.events == ["start", "cancelled", "stop"]
    answer.cancel()


async def test_idle_connections_do_not_hold_up_the_end() -> None:
    async with running(Fake(), grace=60) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"http")
        server.stop.set()
        assert await asyncio.wait_for(server.task, 5) == 0
        writer.close()


@pytest.mark.parametrize("failure", [ConfigError("no"), NotConnected()])
async def test_a_gateway_that_does_not_start_ends_it(failure: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    fake = Fake(start_error=failure)
    with pytest.raises(type(failure)):
        await serve_gateway(fake, Config(), bind("127.0.0.1", 0), stop=asyncio.Event())
    assert fake.events == ["start"]
    assert capfd.readouterr().out == ""


async def test_a_gateway_that_cannot_go_on_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    with pytest.raises(DatabaseInUse):
        async with running(fake) as server:
            fake.failure = DatabaseInUse("state.sqlite3")
            fake.fail()
            await asyncio.wait({server.task}, timeout=5)
    assert fake.events == ["start", "stop"]


async def test_it_can_be_stopped_while_the_gateway_starts() -> None:
    fake, stop = Fake(slow_start=True), asyncio.Event()
    task = asyncio.create_task(serve_gateway(fake, Config(), bind("127.0.0.1", 0), stop=stop))
    await fake.starting.wait()
    stop.set()
    assert await asyncio.wait_for(task, 5) == 0
    assert fake.events == ["start"]


@pytest.mark.parametrize(
    ("proxies", "expected"), [([], b"127.0.0.1 http"), (["127.0.0.0/8"], b"192.0.2.1 https"), (["10.0.0.1"], b"127.0.0.1 http")]
)
async def test_only_trusted_proxies_are_believed(proxies: list[str], expected: bytes) -> None:
    config = Config.model_validate({"http": {"trusted_proxies": proxies}})
    async with running(Fake(), config) as server:
        answer = await get(server.port, headers="X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n")
        assert answer.endswith(expected)


def test_a_port_in_use_is_a_config_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigError) as caught:
        bind("127.0.0.1", port := other.getsockname()[1])
    assert caught.value.problems == (
        f"http.port {port} on 127.0.0.1 is already in use; stop the other program or choose another with --port",
    )


async def test_a_port_that_another_program_takes_meanwhile_is_a_config_error() -> None:
    listener = bind("127.0.0.1", 0)
    config = Config.model_validate({"http": {"port": listener.getsockname()[1]}})
    fake = Fake()
    with bind("127.0.0.1", config.http.port) as other:
        other.listen()
        with pytest.raises(ConfigError, match="is already in use"):
            await serve_gateway(fake, config, listener, stop=asyncio.Event())
    assert fake.events == ["start", "stop"]


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "host.invalid", "a" * 70])
def test_an_address_that_is_not_ours_is_a_config_error(host: str) -> None:
    with pytest.raises(ConfigError, match=rf'^http\.host "{host}" is not an address of this machine \(.*\); choose another with --host$'):
        bind(host, 0)


def test_a_name_is_bound_to_its_ipv4_address_first() -> None:
    with bind("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


async def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    async with running(Fake()):
        pass
    assert threading.active_count() == before
