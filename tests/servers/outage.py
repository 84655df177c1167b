"""Webhooks under load while one of the processes is killed: what was sent, what came, in which order."""

from __future__ import annotations

import contextlib
import queue
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.client import Client, online
from tests.servers.collector import Collected, collected
from tests.servers.process import XmppServer
from tests.servers.webhook import Receiver, gateway_process

BOT = "bot@http.localhost"
SENDERS = ("alice", "bob")


class Load:
    """Clients that take turns to send numbered messages to the gateway, so many a second, until told to stop."""

    def __init__(self, clients: list[Client], rate: float) -> None:
        self._clients, self._rate = clients, rate
        self.sent: list[tuple[str, str]] = []
        """Sender and text, in order."""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        start = time.monotonic()
        while not self._end.wait(max(0.0, start + len(self.sent) / self._rate - time.monotonic())):
            number = len(self.sent)
            client = self._clients[number % len(self._clients)]
            client.send(f"<message to='{BOT}' type='chat' id='{number}'><body>{number}</body></message>")
            self.sent.append((client.jid.partition("/")[0], str(number)))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for the time being."""
        self._thread.start()
        try:
            yield
        finally:
            self._end.set()
            self._thread.join()

    def bounced(self) -> set[str]:
        """Numbers of the messages that came back with an error."""
        numbers = set()
        for client in self._clients:
            with contextlib.suppress(queue.Empty):
                while True:
                    stanza = client.incoming.get_nowait()
                    if stanza.name == "message" and stanza["type"] == "error":
                        numbers.add(stanza["id"])
        return numbers


@dataclass(frozen=True)
class Report:
    """What came of it.

    Args:
        sent: how many messages.
        stored: how many waited in the store when it was looked at.
        came: how many requests came, duplicates included.
        missing: numbers that never came.
        bounced: of these, those whose sender was told so.
        duplicates: requests whose ``webhook-id`` had come before.
        is_in_order: whether each sender's came in the order in which they were sent, duplicates aside.
        recovery: seconds from the return of what was killed until all was there.
    """

    sent: int
    stored: int
    came: int
    missing: list[str]
    bounced: list[str]
    duplicates: int
    is_in_order: bool
    recovery: float


def receiver_killed(server: XmppServer, folder: Path, outage: float, rate: float = 50.0) -> Report:
    """Kill the receiver under load, and bring it back.

    Args:
        server: through which the messages go.
        folder: for logs and state.
        outage: seconds.
        rate: messages a second, of two senders together.
    """
    with _stage(server, folder, rate) as (load, receiver, file), gateway_process(server, folder, receiver, ("message",)):
        with load.running():
            time.sleep(1.0)
            receiver.kill()
            time.sleep(outage)
            stored = len(stored_texts(folder))
            receiver.start()
            back = time.monotonic()
            time.sleep(1.0)
        _until(lambda: len({one.id for one in collected(file)}) >= len(load.sent), 2 * outage + 30)
        return _report(load, collected(file), stored, time.monotonic() - back)


def gateway_killed(server: XmppServer, folder: Path, rate: float = 50.0) -> tuple[Report, list[str]]:
    """Kill the gateway under load while the receiver is away, and bring both back.

    Returns:
        What came of it, and the texts that were in the store when the gateway was killed.
    """
    with _stage(server, folder, rate) as (load, receiver, file), ExitStack() as stack:
        with gateway_process(server, folder, receiver, ("message",)) as (process, _):
            stack.enter_context(load.running())
            time.sleep(0.7)
            receiver.kill()
            time.sleep(1.0)
            process.send_signal(signal.SIGKILL)
            process.wait(5)
        stored = stored_texts(folder)
        time.sleep(0.3)
        receiver.start()
        with gateway_process(server, folder, receiver, ("message",)):
            back = time.monotonic()
            time.sleep(0.5)
            last = load.sent[-1][1]
            _until(lambda: {last, *stored} <= {one.text for one in collected(file)}, 20)
            return _report(load, collected(file), len(stored), time.monotonic() - back, int(last)), stored


@contextmanager
def _stage(server: XmppServer, folder: Path, rate: float) -> Iterator[tuple[Load, Receiver, Path]]:
    file = folder / "collected"
    receiver = Receiver([sys.executable, "-m", "tests.servers.collector", "PORT", str(file)], folder)
    with ExitStack() as stack:
        receiver.start()
        stack.callback(receiver.kill)
        clients = [stack.enter_context(online(server, user)) for user in SENDERS]
        yield Load(clients, rate), receiver, file


def stored_texts(folder: Path) -> list[str]:
    """Texts of the messages that wait in the store of a gateway."""
    with contextlib.closing(sqlite3.connect(folder / "state.sqlite3")) as database:
        rows = database.execute("SELECT stanza FROM webhook_deliveries ORDER BY 1").fetchall()
    return [bytes(stanza).partition(b"<body>")[2].partition(b"</body>")[0].decode() for (stanza,) in rows]


def _report(load: Load, came: list[Collected], stored: int, recovery: float, last: int | None = None) -> Report:
    sent = load.sent[: last + 1] if last is not None else load.sent
    first = list({one.id: one for one in came}.values())
    missing = sorted({text for _, text in sent} - {one.text for one in first}, key=int)
    numbers = {sender: [int(one.text) for one in first if one.sender == sender] for sender in Counter(one.sender for one in first)}
    in_order = all(texts == sorted(texts) for texts in numbers.values())
    bounced = load.bounced()
    told = [text for text in missing if text in bounced]
    return Report(len(sent), stored, len(came), missing, told, len(came) - len(first), in_order, recovery)


def _until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
