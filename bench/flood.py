"""A flood of messages: far more senders than the server can serve.

They all begin at once. Every sender sends its next message when it has the answer to the last one; told to come back later, up to
a second after that. Meanwhile others ask for something that needs no server, 20 times a second each. Counted are accepted answers
and their latency, refusals, what arrives, and the memory of gateway and server.

A message that was accepted and did not arrive is a failure: then the exit status is 1.

    python bench/flood.py [--seconds 10] [--connections 500 2000] [--cold] [--server Prosody] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from client import GRACE, Answered, Connection, connect
from gateway import API_KEY, Running, gateway, in_front_of
from load import Case, percentile, resident, write_json
from receiving import image, receiver, set_avatar
from servers import AVATAR_BYTES, LOGIN, MESSAGE

from tests.servers.ejabberd import Ejabberd
from tests.servers.process import USERS, XmppServer
from tests.servers.prosody import Prosody

QUANTILES = (0.5, 0.99, 1.0)
OTHERS = (
    ("a script", "/rest/tested/test", True),
    ("a cached avatar", "/rest/avatar/alice@localhost", True),
    ("a script, new connection", "/rest/tested/test", False),
)
"""What else is asked for: name, path, and whether on a connection that is kept."""

PROBE_SECONDS = 0.05
SAMPLE_SECONDS = 0.5
BEGIN_SECONDS = 1.0
"""How long the beginning lasts, in which all come at once."""


@dataclass
class Flood:
    """What a flood gave.

    Args:
        accepted, delivered: numbers of messages.
        refused: numbers of other answers, by status; 0 is a connection that was cut.
        latencies: of the accepted ones, in milliseconds.
        later: those of them that came in after the first second.
        retry_after: seconds that the refused were told to wait, and how many were.
        others: latencies of the other requests, in milliseconds, by name.
        memory: MiB of gateway and server over time.
        seconds: how long it was kept up.
    """

    accepted: int = 0
    delivered: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    retry_after: Counter[int] = field(default_factory=Counter)
    others: dict[str, list[float]] = field(default_factory=dict)
    memory: list[tuple[float, float]] = field(default_factory=list)
    seconds: float = 0.0


async def send(case: Case, connections: int, seconds: float, cold: bool, result: Flood) -> None:
    """Flood for some seconds, and wait for the last answers."""
    loop = asyncio.get_running_loop()
    request, end, open_ones = case.raw(), loop.time() + 1e9, 0
    done = asyncio.Event()

    def ask(connection: Connection) -> None:
        nonlocal open_ones
        if loop.time() < end:
            open_ones += 1
            connection.ask(request, time.perf_counter())

    def answered(connection: Connection, status: int, retry_after: int) -> None:
        nonlocal open_ones
        open_ones -= 1
        if 200 <= status < 300:
            result.accepted += 1
            latency = (time.perf_counter() - connection.began) * 1000
            result.latencies.append(latency)
            if loop.time() > end - seconds + BEGIN_SECONDS:
                result.later.append(latency)
            ask(connection)
        else:
            result.refused[status] += 1
            if status in (429, 503):
                result.retry_after[retry_after] += 1
                loop.call_later(retry_after + random.random(), ask, connection)
        if open_ones == 0 and loop.time() >= end:
            done.set()

    every = [await connect(case.base, answered) for _ in range(connections)] if cold else await opened(case.base, connections, answered)
    began = loop.time()
    end = began + seconds
    for connection in every:
        ask(connection)
    await asyncio.sleep(seconds)
    if open_ones:
        async with asyncio.timeout(GRACE):
            await done.wait()
    result.seconds = loop.time() - began
    for connection in every:
        connection.close()


async def opened(base: str, connections: int, answered: Answered) -> list[Connection]:
    """Open connections, and have each of them answered once: the flood is one of messages, not of connections."""
    every, left = [], connections
    first = asyncio.Event()

    def is_open(connection: Connection, status: int, _: int) -> None:
        nonlocal left
        assert status == 200, f"/health/live: {status}"
        connection.answered = answered
        left -= 1
        if left == 0:
            first.set()

    for _ in range(connections):
        connection = await connect(base, is_open)
        connection.ask(Case("live", base, "/health/live").raw(), 0.0)
        every.append(connection)
    async with asyncio.timeout(GRACE):
        await first.wait()
    return every


async def probe(case: Case, keeps: bool, into: list[float]) -> None:
    """Ask for something else every now and then; latency counts from when it was due.

    Args:
        case: what.
        keeps: whether on one connection, or on a new one each time.
        into: latencies in milliseconds.
    """
    statuses: asyncio.Queue[int] = asyncio.Queue()
    connection = None
    due = time.perf_counter()
    while True:
        if connection is None or not keeps:
            connection = await connect(case.base, lambda _connection, status, _later: statuses.put_nowait(status))
        connection.ask(case.raw(), due)
        status = await statuses.get()
        assert status == 200, f"{case.paths[0]}: {status}"
        if not keeps:
            connection.close()
        into.append((time.perf_counter() - due) * 1000)
        due = max(due + PROBE_SECONDS, time.perf_counter())
        await asyncio.sleep(due - time.perf_counter())


async def sample(pids: tuple[int, int], into: list[tuple[float, float]]) -> None:
    """Look at the memory every now and then."""
    while True:
        into.append((resident(pids[0]), resident(pids[1])))
        await asyncio.sleep(SAMPLE_SECONDS)


async def run(running: Running, server_pid: int, connections: int, seconds: float, cold: bool) -> Flood:
    """Flood a gateway, and look at the rest meanwhile."""
    result = Flood()
    headers = {"Authorization": LOGIN, "Api-Key": API_KEY, "Content-Type": "application/xml"}
    message = Case("message", running.base, "/rest/stream", "POST", MESSAGE, headers)
    tasks = [asyncio.create_task(sample((running.pid, server_pid), result.memory))]
    for name, path, keeps in OTHERS:
        latencies = result.others.setdefault(name, [])
        tasks.append(asyncio.create_task(probe(Case(name, running.base, path), keeps, latencies)))
    await send(message, connections, seconds, cold, result)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return result


def flood(server: XmppServer, running: Running, connections: int, seconds: float, cold: bool) -> Flood:
    """Flood a gateway and count what arrives."""
    assert server.process is not None
    with receiver(server):
        uvloop.run(run(running, server.process.pid, 32, 1.0, False))  # warm-up
    with receiver(server) as counted:
        result = uvloop.run(run(running, server.process.pid, connections, seconds, cold))
    result.delivered = counted[0]
    return result


def show(name: str, connections: int, result: Flood) -> bool:
    """Print what a flood gave; tell whether all that was accepted has arrived, and nothing else."""
    print(f"\ntigrest on {name}, {connections} connections for {result.seconds:.1f} s")
    refused, total = sum(result.refused.values()), result.accepted + sum(result.refused.values())
    print(f"  accepted {result.accepted}, {result.accepted / result.seconds:.0f}/s; delivered {result.delivered}")
    told = ", ".join(f"{seconds} s" for seconds in sorted(result.retry_after)) or "-"
    kinds = ", ".join(f"{count} × {status or 'cut'}" for status, count in sorted(result.refused.items())) or "none"
    print(f"  refused: {kinds}, {refused / total:.1%} of all; Retry-After: {told}")
    print(f"  {'latency':30} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'number':>8}")
    for what, latencies in ({"accepted": result.latencies, "accepted, after 1 s": result.later} | result.others).items():
        row = [percentile(latencies, share) for share in QUANTILES]
        print(f"  {what:30} {row[0]:8.1f} {row[1]:8.1f} {row[2]:8.1f} {len(latencies):8}")
    for number, who in enumerate(("tigrest", name)):
        over_time = [each[number] for each in result.memory]
        print(f"  memory of {who}: {' '.join(f'{mib:.0f}' for mib in over_time[:: max(1, len(over_time) // 10)])} MiB over time")
    if result.delivered == result.accepted:
        return True
    print(f"  FAILED: {result.accepted} were accepted, {result.delivered} were delivered")
    return False


def as_dict(result: Flood) -> dict[str, object]:
    """Return what a flood gave, with quantiles instead of every latency."""
    every = {"accepted": result.latencies, "accepted, after 1 s": result.later} | result.others
    return {
        "seconds": result.seconds,
        "accepted": result.accepted,
        "delivered": result.delivered,
        "refused": dict(result.refused),
        "retry_after": dict(result.retry_after),
        "p50_p99_max_ms": {name: [percentile(values, share) for share in QUANTILES] for name, values in every.items()},
        "memory_mib": result.memory,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="length of each flood")
    parser.add_argument("--connections", type=int, nargs="+", default=[500, 2000], help="how many senders; of several numbers one by one")
    parser.add_argument("--cold", action="store_true", help="connections are opened as the flood begins, not before")
    parser.add_argument("--server", choices=["Prosody", "ejabberd"], help="only this one")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536, hard))
    well, numbers = True, {}
    for kind in (Prosody, Ejabberd):
        if not kind.is_installed():
            print(f"{kind.name} is not installed and left out")
        if not kind.is_installed() or arguments.server not in (None, kind.name):
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = kind(folder / kind.name)
            stack.callback(server.stop)
            server.start()
            set_avatar(server, "alice", USERS["alice"], image(0, AVATAR_BYTES))
            running = stack.enter_context(gateway(folder, in_front_of(server)))
            for connections in arguments.connections:
                result = flood(server, running, connections, arguments.seconds, arguments.cold)
                well = show(kind.name, connections, result) and well
                numbers[f"{kind.name}, {connections}"] = as_dict(result)
    write_json(arguments.json, {"floods": numbers})
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
