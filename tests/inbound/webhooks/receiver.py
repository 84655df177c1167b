"""A webhook's other end: a small HTTP server that can be killed, and brought back at the same port."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """Return the text of ``<body/>``."""
        found = re.search(rb"<body>(.*?)</body>", self.body)
        return found[1].decode() if found else ""


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: int = 202
    content_type: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reason: str = "Words"

    def to_bytes(self) -> bytes:
        """Write it."""
        headers = {"Content-Length": str(len(self.body))} | ({"Content-Type": self.content_type} if self.content_type else {})
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *[f"{name}: {value}" for name, value in (headers | self.headers).items()]]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Answer = Callable[[Request], Awaitable[Response]]


class Receiver:
    """Serves on the loopback; :attr:`respond` may be replaced at any time."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self.running = self.most_at_once = 0
        self.response = Response()
        self.respond: Answer = self._same
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def texts(self) -> list[str]:
        """Return what the messages said, in the order of their coming."""
        return [request.text for request in self.requests]

    async def start(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Be gone, with all connections."""
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _same(self, _request: Request) -> Response:
        return self.response

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        request = Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            response = await self.respond(request)
        finally:
            self.running -= 1
        self.requests.append(request)
        writer.write(response.to_bytes())
        await writer.drain()
        return True
