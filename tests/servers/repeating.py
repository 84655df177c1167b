"""Callers that repeat each message with its Idempotency-Key until it is confirmed, while gateway and server are killed."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.process import serving
from tests.servers.client import Client
from tests.servers.gateway import eventually
from tests.servers.process import USERS, XmppServer

LOGIN = "Basic " + base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
TO, CALLERS, PATIENCE = "bob@localhost", 16, 120.0


@dataclass
class Outcome:
    """What came of it.

    Args:
        sent: how many messages.
        confirmed: those answered 200.
        accepted: numbers of those answered 202, since the time was up.
        refused: statuses of other answers that ended a message.
        repeated: numbers that were sent more than once, since an answer was an error or did not come.
        came: how often each number came.
        ids: of those that came, by number.
        seconds: that it took.
    """

    sent: int
    confirmed: int = 0
    accepted: set[int] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)
    repeated: set[int] = field(default_factory=set)
    came: Counter[int] = field(default_factory=Counter)
    ids: dict[int, set[str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def missing(self) -> set[int]:
        """Return the numbers that did not come."""
        return set(range(self.sent)) - set(self.came)

    @property
    def twice(self) -> set[int]:
        """Return the numbers that came more than once."""
        return {number for number, times in self.came.items() if times > 1}

    def __str__(self) -> str:
        ids = sum(len(ids) > 1 for ids in self.ids.values())
        return (
            f"{self.sent} sent in {self.seconds:.0f} s: {self.confirmed} confirmed, {len(self.accepted)} only accepted, refused "
            f"{dict(self.refused)}; {len(self.repeated)} were repeated; missing {sorted(self.missing)}; {len(self.twice)} came more than "
            f"once, {len(self.twice - self.repeated)} of them unrepeated; {ids} with different ids"
        )


class Gateway:
    """A served gateway that can be killed and started again, with the same state."""

    def __init__(self, server: XmppServer, folder: Path) -> None:
        self._settings = {**server.settings(), "STATE__DATABASE": str(folder / "state.sqlite3"), "AUTH__ADMINS": '["admin@localhost"]'}
        self._folder, self._stack = folder, ExitStack()
        self.base = ""

    def start(self) -> None:
        """Start it."""
        variables = {f"TIGREST__{name}": value for name, value in self._settings.items()}
        _, self.base = self._stack.enter_context(serving(cwd=self._folder, **variables))

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._stack.close()


class Callers:
    """Threads that send numbered messages, each until it is answered 200 or 202.

    Args:
        gateway: that they send to.
        count: how many messages.
    """

    def __init__(self, gateway: Gateway, count: int) -> None:
        self._gateway, self.outcome = gateway, Outcome(count)
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CALLERS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send; wait in the end until all are answered."""
        began = time.monotonic()
        for thread in self._threads:
            thread.start()
        yield
        for thread in self._threads:
            thread.join(600)
        self.outcome.seconds = time.monotonic() - began

    @property
    def done(self) -> int:
        """Return how many messages have been answered."""
        return self.outcome.confirmed + len(self.outcome.accepted)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1")
        while (number := next(self._numbers)) < self.outcome.sent:
            end = time.monotonic() + PATIENCE
            status = 0
            while status not in (200, 202) and time.monotonic() < end:
                if status:
                    time.sleep(0.1)
                connection, status = self._post(connection, number)
                if status not in (200, 202):
                    with self._lock:
                        self.outcome.repeated.add(number)
            with self._lock:
                if status == 200:
                    self.outcome.confirmed += 1
                elif status == 202:
                    self.outcome.accepted.add(number)
                else:
                    self.outcome.refused[status] += 1
        connection.close()

    def _post(self, connection: http.client.HTTPConnection, number: int) -> tuple[http.client.HTTPConnection, int]:
        """Send a message once; return the connection for the next one, and the status: 599 when there was no answer."""
        headers = {"Authorization": LOGIN, "Content-Type": "application/json", "Prefer": "wait=30", "Idempotency-Key": f"message-{number}"}
        host, _, port = self._gateway.base.removeprefix("http://").partition(":")
        if connection.port != int(port):
            connection.close()
            connection = http.client.HTTPConnection(host, int(port), timeout=40)
        try:
            connection.request("POST", "/rest", json.dumps({"to": TO, "type": "chat", "body": str(number)}), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return connection, 599
        return connection, answer.status


def repeated_through_kills(server: XmppServer, folder: Path, count: int) -> Outcome:
    """Send messages to a client, killing the gateway, then the server, then the gateway again.

    Args:
        server: that has started.
        folder: for the log and state of the gateway.
        count: how many messages.
    """
    gateway = Gateway(server, folder)
    gateway.start()
    callers = Callers(gateway, count)
    clients = [Client(server, "bob")]
    clients[0].start()
    try:
        with callers.running():
            eventually(lambda: callers.done > count / 4, 300)
            gateway.kill()
            gateway.start()
            eventually(lambda: callers.done > count / 2, 300)
            server.kill()
            server.start()
            clients.append(Client(server, "bob", "tablet"))
            clients[-1].start()
            eventually(lambda: callers.done > count * 3 / 4, 300)
            gateway.kill()
            gateway.start()
        return _collected(callers.outcome, clients)
    finally:
        gateway.kill()
        for client in clients:
            client.stop()


def _collected(outcome: Outcome, clients: list[Client]) -> Outcome:
    """Add what came to an outcome, until nothing more comes for a while."""
    for client in clients:
        is_last = client is clients[-1]
        while True:
            try:
                stanza = client.incoming.get(timeout=2.0 if is_last else 0.2)
            except queue.Empty:
                break
            if stanza.name == "message" and stanza["body"].isdecimal():
                number = int(stanza["body"])
                outcome.came[number] += 1
                outcome.ids.setdefault(number, set()).add(stanza["id"])
    return outcome
