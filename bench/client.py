"""A small HTTP client for what wrk cannot do: a fixed rate, and answers that say when to come back."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from load import Case

_STATUS = slice(9, 12)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
_BODILESS = (204, 304)
TICK = 0.001
"""Seconds between two looks at what is due."""

GRACE = 30.0
"""Seconds for the last answers."""

Answered = Callable[["Connection", int, int], None]
"""Called with the connection, the status, and the seconds of ``Retry-After`` or 0; with status 0 when it was cut."""


class Connection(asyncio.Protocol):
    """A connection that is kept, with one request at a time.

    Args:
        answered: what to do with an answer.
    """

    def __init__(self, answered: Answered) -> None:
        self.answered = answered
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.began = 0.0
        """When its request was sent, or due, by :func:`time.perf_counter`: the clock of uvloop has but milliseconds."""
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def ask(self, request: bytes, began: float) -> None:
        """Send a request."""
        self.began, self.is_busy = began, True
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Wait for a whole answer."""
        self._buffer = data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        status = int(data[_STATUS])
        length = _LENGTH.search(data, 0, end)
        if len(data) < end + 4 + (int(length[1]) if length and status not in _BODILESS else 0):
            return
        self._buffer, self.is_busy = b"", False
        later = _RETRY_AFTER.search(data, 0, end) if status >= 400 else None
        self.answered(self, status, int(later[1]) if later else 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell, if an answer was awaited."""
        if self.is_busy:
            self.is_busy = False
            self.answered(self, 0, 0)

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


async def connect(base: str, answered: Answered) -> Connection:
    """Open a connection."""
    place = urlsplit(base)
    host, port = place.hostname or "", place.port or 80
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(answered), host, port)
    return connection


async def peak(case: Case, seconds: float, connections: int) -> float:
    """Ask as fast as the answers come; answers per second."""
    request, number, end = case.raw(), 0, time.perf_counter() + seconds

    def answered(connection: Connection, status: int, _: int) -> None:
        nonlocal number
        assert 200 <= status < 300, f"{case.name}: {status}"
        number += 1
        if time.perf_counter() < end:
            connection.ask(request, 0.0)

    every = [await connect(case.base, answered) for _ in range(connections)]
    began = time.perf_counter()
    for connection in every:
        connection.ask(request, 0.0)
    await _quiet(every, seconds)
    return number / (time.perf_counter() - began)


async def _quiet(connections: list[Connection], seconds: float) -> None:
    """Wait for so many seconds, and until all have their answers; then close them."""
    await asyncio.sleep(seconds)
    async with asyncio.timeout(GRACE):
        while any(connection.is_busy for connection in connections):  # noqa: ASYNC110 - of many
            await asyncio.sleep(TICK)
    for connection in connections:
        connection.close()


async def paced(case: Case, rate: float, seconds: float, connections: int) -> tuple[float, list[float]]:
    """Ask at a fixed rate, whatever the answers do.

    A request is sent when it is due, or when a connection is free after that. Its latency counts from when it was due: an
    answer that is late makes the ones behind it late too, and they are counted so.

    Returns:
        Answers per second, and their latencies in milliseconds.
    """
    request, free, due, latencies = case.raw(), deque[Connection](), deque[float](), list[float]()

    def answered(connection: Connection, status: int, _: int) -> None:
        assert 200 <= status < 300, f"{case.name}: {status}"
        latencies.append((time.perf_counter() - connection.began) * 1000)
        if due:
            connection.ask(request, due.popleft())
        else:
            free.append(connection)

    every = [await connect(case.base, answered) for _ in range(connections)]
    free.extend(every)
    began, sent, wanted = time.perf_counter(), 0, int(rate * seconds)
    while sent < wanted:
        now = time.perf_counter() - began
        while sent < wanted and sent / rate <= now:
            due.append(began + sent / rate)
            sent += 1
        while due and free:
            free.pop().ask(request, due.popleft())
        await asyncio.sleep(TICK)
    await _quiet(every, 0.0)
    took = time.perf_counter() - began
    assert len(latencies) == wanted, f"{case.name}: {wanted - len(latencies)} were not answered"
    return wanted / took, latencies
