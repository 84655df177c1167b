"""Microseconds that the gateway's own code needs for a request, without sockets, processes or the kernel.

HTTP requests are fed into the protocol that serves connections, and the XMPP server is played by a transport that answers
iqs at once. So this is the price of the hot path alone, much less noisy than requests per second.

    python bench/inside.py [--requests 20000] [--rounds 5] [--only NAME] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import logging
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
import uvloop
from load import write_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tigrest.auth.principal import Principal  # noqa: E402
from tigrest.auth.token_store import TokenStore  # noqa: E402
from tigrest.backends.component.stream import ComponentStream  # noqa: E402
from tigrest.backends.component.window import Window  # noqa: E402
from tigrest.config import Config  # noqa: E402
from tigrest.gateway import Gateway  # noqa: E402
from tigrest.http.wire.memory import calm_garbage_collection  # noqa: E402
from tigrest.http.wire.protocol import HttpProtocol  # noqa: E402
from tigrest.http.wire.server import uvicorn_config  # noqa: E402
from tigrest.xmpp.jid import JID  # noqa: E402
from tigrest.xmpp.occupant import Occupant  # noqa: E402

LOGIN = base64.b64encode(b"admin:secret").decode()
MESSAGE = "<message to='bob@localhost' type='chat'><body>Hello there, this is a message of some length</body></message>"
ROOM = "bench@rooms.localhost"
SAID = '{"body": "Hello there, this is a message of some length"}'
PING = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

SCRIPT = """
from tigrest import Handler


class Values(Handler):
    regex = "/values"

    async def exec_get(self):
        return {"user": {"jid": "alice@localhost", "resources": ["phone", "laptop"], "priority": 5, "away": False}}
"""


COMMANDS = """
from tigrest import CommandContext, command


@command(role=None, effect="read")
async def constant(ctx: CommandContext) -> str:
    return "pong"


@command(effect="read")
async def greeting(ctx: CommandContext, name: str, times: int = 1) -> str:
    return f"hello {name}"
"""


class Transport(asyncio.Transport):
    """A connection whose other side is this program.

    Args:
        on_write: what the other side does with what it gets.
    """

    def __init__(self, on_write: Callable[[bytes], None]) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8080)})
        self.write = on_write  # type: ignore[assignment,method-assign]
        self.writelines = lambda parts: on_write(b"".join(parts))  # type: ignore[assignment,method-assign]

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing to close."""

    abort = pause_reading = resume_reading = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is kept."""

    def get_write_buffer_size(self) -> int:
        """Nothing is kept."""
        return 0


class Caller:
    """A client that sends its next request when it has the answer to the last one."""

    def __init__(self, kind: type[HttpToolsProtocol], config: uvicorn.Config, state: Any, request: bytes) -> None:
        self._request, self._left = request, 0
        self._done = asyncio.Event()
        self.answer = b""
        self.protocol = kind(config=config, server_state=state, app_state={})
        self.protocol.connection_made(Transport(self._written))
        self._loop = asyncio.get_running_loop()

    def _written(self, data: bytes) -> None:
        if data == b"hello":
            return  # uvicorn writes head and body apart
        if self._left == 0:
            self.answer = bytes(data)
            self._done.set()
            return
        self._left -= 1
        self._loop.call_soon(self.protocol.data_received, self._request)

    async def ask(self, times: int) -> None:
        """Ask so many times."""
        self._left, self._done = times - 1, asyncio.Event()
        self.protocol.data_received(self._request)
        await self._done.wait()


def play_server(stream: ComponentStream) -> Callable[[bytes], None]:
    """Do what the server's side of the stream does: answer iqs with empty results, let into a room, and send back what is said there."""
    identity = re.compile(rb'<iq[^>]* id="([^"]+)"')
    reply = b'<iq type="result" id="%s" from="localhost" to="http.localhost"/>'
    said = re.compile(rb'<message type="groupchat" from="([^"]+)" to="[^"]+" id="([^"]+)">(.*?</message>)')
    echo = b'<message from="bench@rooms.localhost/admin" to="%s" type="groupchat" id="%s">%s'

    def written(data: bytes) -> None:
        answers = [echo % found for found in said.findall(data)] if b"groupchat" in data else []
        answers += [reply % found for found in identity.findall(data)]
        if answers:
            asyncio.get_running_loop().call_soon(stream.data_received, b"".join(answers))

    return written


async def enter_room(gateway: Gateway) -> None:
    """Have the caller in the room already, as the server's side knows nothing of entering."""
    rooms = gateway.service.for_(Principal(JID("admin@localhost"), frozenset({"user", "admin"}), "basic")).rooms
    place = rooms._place(JID(ROOM), "admin")
    place.state = "in"
    place.people.add(Occupant("admin", place.address, "member", "participant"))
    gateway.service._callers.of.cache_clear()  # the caller of the requests is another object


async def link_up(gateway: Gateway) -> None:
    """Give the gateway a link whose server is played here."""
    link = gateway.backend.link  # type: ignore[attr-defined]
    stream = ComponentStream("http.localhost", "secret", link._receive, Window())
    stream.connection_made(Transport(lambda data: None))
    stream.data_received(b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>")
    stream.data_received(b"<handshake/>")
    stream._transport = Transport(play_server(stream))
    link._stream = stream


def request(method: str, path: str, body: str = "", *headers: str) -> bytes:
    """Return a request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:8080", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


KEYED = (f"Authorization: Basic {LOGIN}", "Api-Key: bench-key")
TOKEN = "Authorization: Bearer TOKEN"
"""With the token in the place of its last word once there is one."""
BEARER_COMMAND, BEARER_MESSAGE = "POST /api/greeting, Bearer", "message, Bearer"
CASES = {
    "GET /rest/tested/test": request("GET", "/rest/tested/test"),
    "script's dict as JSON": request("GET", "/rest/values?type=json"),
    "script's dict as XML": request("GET", "/rest/values"),
    "GET /api/constant": request("GET", "/api/constant"),
    "POST /api/constant": request("POST", "/api/constant", "{}", "Content-Type: application/json"),
    "POST /api/greeting": request("POST", "/api/greeting", '{"name":"Bob","times":2}', *KEYED[:1], "Content-Type: application/json"),
    BEARER_COMMAND: request("POST", "/api/greeting", '{"name":"Bob","times":2}', TOKEN, "Content-Type: application/json"),
    "message by /rest/stream": request("POST", "/rest/stream", MESSAGE, *KEYED, "Content-Type: application/xml"),
    BEARER_MESSAGE: request("POST", "/rest/stream", MESSAGE, TOKEN, KEYED[1], "Content-Type: application/xml"),
    "message by /rest/stream, confirmed": request("POST", "/rest/stream?confirm=server", MESSAGE, *KEYED, "Content-Type: application/xml"),
    "message to a room": request("POST", f"/rest/room/{ROOM}", SAID, *KEYED, "Content-Type: application/json"),
    "iq ping by /rest/stream": request("POST", "/rest/stream", PING, *KEYED, "Content-Type: application/xml"),
}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer as the smallest ASGI application does."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Measure the cases in turn, and print."""
    (folder / "scripts").mkdir()
    (folder / "scripts" / "values.py").write_text(SCRIPT)
    (folder / "commands").mkdir()
    (folder / "commands" / "constant.py").write_text(COMMANDS)
    config = Config.model_validate(
        {
            "xmpp": {"backend": "component", "secret": "secret", "port": 1, "jid": "http.localhost", "domain": "localhost"},
            "auth": {
                "admins": ["admin@localhost"],
                "accounts": [{"jid": "admin@localhost", "password": "secret"}],
                "api_keys": [{"name": "bench", "key": "bench-key", "paths": []}],
            },
            "state": {"database": ":memory:"},
            "scripts": {"reload": False},
        }
    )
    gateway = Gateway(config, [folder / "scripts", ROOT / "scripts" / "rest"], command_dirs=[folder / "commands"])
    logging.disable()  # nobody listens on that port: the server is played below
    await gateway.start()
    await link_up(gateway)
    await enter_room(gateway)
    served = uvicorn_config(gateway, config)
    calm_garbage_collection()
    served.load()
    bare = uvicorn.Config(hello, http="httptools", access_log=False, log_config=None)
    bare.load()
    state = uvicorn.Server(served).server_state
    state.default_headers = [(b"date", b"Sat, 21 Nov 2026 09:00:00 GMT"), (b"server", b"tigrest")]
    token = await TokenStore(gateway.parts.databases.state).add("bench", JID("admin@localhost"), ["admin"])
    cases = {name: data.replace(b"Bearer TOKEN", f"Bearer {token}".encode()) for name, data in CASES.items() if arguments.only in name}
    each = range(arguments.connections)
    callers = {"bare uvicorn hello": [Caller(HttpToolsProtocol, bare, state, request("GET", "/"))]}
    callers |= {name: [Caller(HttpProtocol, served, state, data) for _ in each] for name, data in cases.items()}
    times: dict[str, list[float]] = {}
    for number in range(arguments.rounds + 1):
        for name, at_once in callers.items():
            share = arguments.requests // len(at_once)
            began = time.process_time()
            await asyncio.gather(*[caller.ask(share) for caller in at_once])
            if number:
                times.setdefault(name, []).append((time.process_time() - began) / (share * len(at_once)) * 1e6)
            answer = at_once[0].answer
            assert answer.startswith(b"HTTP/1.1 20") or b"hello" in answer, answer
    print(f"{'case':30} {'median µs':>10} {'min':>7} {'max':>7}")
    for name, values in times.items():
        print(f"{name:30} {statistics.median(values):10.1f} {min(values):7.1f} {max(values):7.1f}")
    for bearer, basic in ((BEARER_COMMAND, "POST /api/greeting"), (BEARER_MESSAGE, "message by /rest/stream")):
        if bearer in times and basic in times:
            print(f"{bearer} / {basic}: {statistics.median(times[bearer]) / statistics.median(times[basic]):.2f}")
    await gateway.stop()
    write_json(arguments.json, {"inside_us": times})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000, help="requests of each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case, taken in turn; medians are printed")
    parser.add_argument(
        "--connections", type=int, default=1, help="callers that ask at a time; those who wait for the server share its answers"
    )
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    with TemporaryDirectory() as folder:
        uvloop.run(measure(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
