"""The link of ``tigrest serve`` to real servers that are restarted, stopped or cut off under load."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import threading
import time
import urllib.error
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.process import serving
from tests.servers.conftest import KINDS, StartServer
from tests.servers.process import XmppServer

ADMIN = b64encode(b"admin@localhost:adminpw").decode()


@dataclass
class Served:
    """A gateway as a process."""

    folder: Path
    base: str

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def is_ready(self) -> bool:
        return self.status("/health/ready") == 200

    def status(self, path: str, body: str | None = None) -> int:
        data, headers = body.encode() if body is not None else None, {"Authorization": f"Basic {ADMIN}", "Content-Type": "application/json"}
        try:
            with urlopen(Request(f"{self.base}{path}", data, headers), timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def send(self, number: int) -> int:
        return self.status("/rest", json.dumps({"kind": "message", "to": "bob@localhost", "body": str(number)}))


@contextmanager
def served(server: XmppServer, folder: Path, port: int = 0) -> Iterator[Served]:
    settings = {
        **server.settings(),
        "XMPP__PORT": str(port or server.component),
        "AUTH__ADMINS": '["admin@localhost"]',
        "STATE__DATABASE": str(folder / "state.sqlite3"),
    }
    with serving(cwd=folder, **{f"TIGREST__{name}": value for name, value in settings.items()}) as (process, base):
        gateway = Served(folder, base)
        assert until(gateway.is_ready, 20)
        yield gateway
        process.terminate()
        assert process.wait(15) == 0
    assert "Traceback" not in gateway.log


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until something is so; the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.02)
    return max(time.monotonic() - began, 0.001)


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_of_six_quick_restarts_heals_within_three_seconds(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    with served(server, tmp_path) as gateway:
        healed = []
        for number in range(6):
            server.stop(signal.SIGKILL if number % 2 else signal.SIGTERM)
            until(lambda: not gateway.is_ready(), 5)
            server.start()
            healed.append(until(gateway.is_ready, 10))
        assert max(healed) < 3, healed
        assert gateway.send(1) == 202


@dataclass
class Load:
    """Messages one after another, of several senders; what they were answered, and when."""

    gateway: Served
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    """When each was sent, how long the answer took, and its status."""
    _end: threading.Event = field(default_factory=threading.Event)

    def _run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            status = self.gateway.send(len(self.answers))
            self.answers.append((began, time.monotonic() - began, status))
            time.sleep(0.02)

    @contextmanager
    def running(self, senders: int = 4) -> Iterator[None]:
        threads = [threading.Thread(target=self._run) for _ in range(senders)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()


class Wire:
    """A TCP proxy that can be cut without a word."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_cut = False
        self._sockets = [self._listener]

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.is_cut:
                    sink.sendall(data)

    @contextmanager
    def running(self) -> Iterator[None]:
        threading.Thread(target=self._serve, daemon=True).start()
        try:
            yield
        finally:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()


def assert_noticed(load: Load, stopped: float, log: str) -> None:
    """Check that what was sent in time is 202; that a dead link is noticed within 15 s, and from then on answers are 503 at once."""
    first = min(began + took for began, took, status in load.answers if status == 503)
    noticed = min(began for began, took, status in load.answers if status == 503 and took < 1.0)
    assert {status for _, _, status in load.answers} == {202, 503}
    assert first - stopped < 15
    assert noticed - stopped < 15
    assert max(took for began, took, _ in load.answers if began > noticed + 0.1) < 2.0
    lost = re.search(r"the last (\d+) stanzas sent may not have got there", log)
    assert lost is not None
    assert int(lost[1]) >= sum(status == 202 and began > stopped for began, _, status in load.answers)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_stopped_server_is_noticed_under_load(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    with served(server, tmp_path) as gateway:
        load = Load(gateway)
        assert gateway.send(0) == 202  # the login is cached from now on
        assert server.process is not None
        with load.running():
            time.sleep(1.0)
            server.process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            until(lambda: not gateway.is_ready(), 15)
            time.sleep(1.0)
        server.process.send_signal(signal.SIGCONT)
        until(gateway.is_ready, 20)
        assert_noticed(load, stopped, gateway.log)


def test_a_wire_that_is_cut_is_noticed_though_little_is_sent(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("prosody")
    wire = Wire(server.component)
    with wire.running(), served(server, tmp_path, wire.port) as gateway:
        assert gateway.send(0) == 202
        time.sleep(1.5)
        wire.is_cut = True
        cut = time.monotonic()
        assert gateway.send(1) == 202
        until(lambda: not gateway.is_ready(), 15)
        assert time.monotonic() - cut < 15
        assert gateway.send(2) == 503
        assert re.search(r"the last [12] stanzas sent may not have got there", gateway.log)


def test_two_gateways_with_one_address_do_not_spin(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("prosody")  # it throws the older one out
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with served(server, tmp_path / "one") as one, served(server, tmp_path / "two") as two:
        time.sleep(8)  # what is tested is that little happens in it
        assert one.log.count("connected to ") + two.log.count("connected to ") < 12  # one every half a second each would be 32
        assert "conflict" in one.log
