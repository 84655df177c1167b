"""A gateway as it is served, with everything around it in use, and what must hold whatever is sent to it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.cli.process import Process, serving
from tests.servers.fuzzing.answers import Answer, answers_to, is_allowed, kind_of
from tests.servers.fuzzing.batches import Batch
from tests.servers.fuzzing.callers import CALLERS, KEY, MALLORY
from tests.servers.fuzzing.calls import Call
from tests.servers.fuzzing.hook import Hook, hook
from tests.servers.fuzzing.reader import Reader
from tests.servers.gateway import eventually
from tests.servers.process import USERS, XmppServer

MOST_LOG = 5_000_000
"""Bytes that the log may have."""

MOST_MEMORY = 250
"""MiB that the gateway may take more than at the start: its caches and buffers have limits, 64 MiB each of avatars and of events."""

EVE = ("eve", "evepw")
"""Who sends and answers as a client."""

ADMIN = ("admin", USERS["admin"])

CAROL = ("carol", "carolpw")
"""Who reads what comes in for her. Nobody names her account: what an administrator does to one ends its streams, as it should."""

SCRIPT = """
from tigrest import Handler, Match

class Reflect(Handler):
    regex = "/reflect"
    def exec_post(self, content):
        return {"content": type(content).__name__ if hasattr(content, "scope") else content}  # a body that was not parsed

class Bot(Handler):
    match = Match(local="bot", type=("chat", "normal", "headline"))
    async def on_message(self, body):
        return body
    async def on_presence(self, stanza):
        return None
    async def on_iq(self, stanza):
        return {"version": {"name": "bot"}}

class Marker(Handler):
    match = Match(local="marker")
    async def on_message(self, body):
        return f"heard {body}"
"""


@dataclass
class World:
    """A gateway in front of a server, and those around it.

    Args:
        server: which.
        process: of the gateway.
        base: its URL.
        log: its log.
        eve: a client that sends and answers what it is told to.
        bob: a client that reads.
        hook: a webhook.
    """

    server: XmppServer
    process: Process
    base: str
    log: Path
    eve: Reader
    bob: Reader
    hook: Hook
    memory: float = 0.0
    """MiB that it took at the start."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers so far."""
    sent: int = 0
    """Stanzas that eve sent."""
    unanswered: int = 0
    """Connections without any answer, where none was due."""
    findings: dict[str, str] = field(default_factory=dict)
    """Answers and tracebacks that should not be, one of each kind."""
    trouble: str = ""
    """What makes it useless to go on, with the batch that led to it."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _read: int = 0

    def __str__(self) -> str:
        statuses = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items()))
        return (
            f"{sum(self.statuses.values())} answers ({statuses}), {self.unanswered} connections without an answer; "
            f"{self.sent} stanzas of eve, {self.eve.asked} iqs to her; {self.hook.delivered} deliveries; log {self.log.stat().st_size} bytes; "
            f"memory {self.memory:.0f} MiB, at the end {memory(self.process.pid):.0f} MiB; {len(self.findings)} findings"
        )

    @property
    def port(self) -> int:
        """Return where the gateway listens."""
        return int(self.base.rpartition(":")[2])

    def run(self, batch: Batch) -> None:
        """Do all of a batch, and see what became of the gateway; what went wrong is in ``findings`` and ``trouble``."""
        self.eve.replies, self.hook.answers = batch.replies, batch.hook
        sender = threading.Thread(target=self._send, args=(batch.stanzas,))
        sender.start()
        calls = [call.as_(who) for who in CALLERS for call in batch.calls]
        found = asyncio.run(self._ask(calls))
        sender.join()
        for call, answers in zip(calls, found, strict=True):
            self._note(call, answers)
        try:
            self.check()
        except AssertionError as error:
            self.trouble = f"{error}\n\nIt was in this batch, whose calls came from each of CALLERS:\n{batch.all()}"

    def _note(self, call: Call, answers: list[Answer] | None) -> None:
        """Count answers, and keep those that should not be."""
        if answers is None:
            self.findings.setdefault("no answer", f"no answer to {call!r}")
            return
        for answer in answers:
            if not is_allowed(answer):
                self.findings.setdefault(kind_of(answer), f"{answer} to {call!r}")
        self.statuses.update(answer.status for answer in answers)
        self.unanswered += not answers

    async def _ask(self, calls: list[Call]) -> list[list[Answer] | None]:
        return await asyncio.gather(*(answers_to(self.port, call) for call in calls))

    def _send(self, stanzas: tuple[bytes, ...]) -> None:
        for stanza in stanzas:
            self.eve.send(stanza)
            self.sent += 1
        # What answers the last message, be it an error, comes when all others are through; unless the server has closed her stream.
        mark = f"mark{next(self._numbers)}."
        self.eve.send(f"<message to='marker@http.localhost' id='{mark}' type='chat'><body>{mark}</body></message>".encode())
        self.eve.saw(mark.encode(), 10.0)

    def check(self) -> None:
        """See that nothing has happened to it."""
        assert self.process.poll() is None, f"the gateway ended: {self.log.read_text()[-5000:]}"
        self.check_log()
        most = self.memory + MOST_MEMORY
        assert memory(self.process.pid) < most, f"the gateway takes {memory(self.process.pid):.0f} MiB, at the start {self.memory:.0f}"

    def check_log(self) -> None:
        """See that it has nothing to complain of."""
        with self.log.open(errors="replace") as file:
            file.seek(self._read)
            news = file.read().replace("is down: closed by us", "")
            self._read = file.tell()
        for found in re.finditer(r"(?m)^Traceback[^\0]*?^(\S.*)", news):
            self.findings.setdefault(found[1], found[0])
        for word in ("is down", "cannot be reached", "did not answer for"):
            assert word not in news, news[-10_000:]
        assert self._read < MOST_LOG, f"the log has {self._read} bytes; its end: {news[-3000:]}"

    def check_honest_people(self) -> None:
        """See that those who mean no harm are served."""
        self.eve.replies, self.hook.answers = (), ()
        with httpx2.Client(base_url=self.base, timeout=20, headers={"Accept": "application/json"}) as http:
            assert http.get("/health/ready").status_code == 200
            for user in ("admin", "alice"):
                pong = http.get("/rest/ping/localhost", auth=(user, USERS[user]))
                assert (pong.status_code, pong.json().get("type")) == (200, "result"), (user, pong.text)
            mark = f"honest {next(self._numbers)}."
            sent = http.post("/rest/message/chat/bob@localhost%2Fraw", auth=("alice", USERS["alice"]), json={"body": mark})
            assert sent.status_code == 202, sent.text
        assert self.bob.saw(mark.encode()), "bob did not get alice's message"


def memory(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def world_of(server: XmppServer, folder: Path) -> Iterator[World]:
    """Serve a gateway in front of a server, with clients, event streams and a webhook."""
    (folder / "scripts" / "rest").mkdir(parents=True)
    (folder / "scripts" / "rest" / "fuzzed.py").write_text(SCRIPT)
    for user, password in (MALLORY, EVE, CAROL):
        server.add_user(user, password)
    with hook() as webhook:
        settings = {
            **server.settings(),
            "XMPP__SEND_AS": "user",
            "XMPP__ADHOC_AS": "user" if server.name == "Prosody" else "gateway",
            "HTTP__REQUEST_TIMEOUT": "2.0",
            "HTTP__TRUSTED_PROXIES": '["127.0.0.1"]',
            "BOSH__URL": f"http://127.0.0.1:{server.http}/http-bind",
            "STATE__DATABASE": str(folder / "state.sqlite3"),
            "AUTH__API_KEYS": f'[{{name = "fuzz", key = "{KEY}", paths = []}}]',
            "WEBHOOKS": f'[{{name = "json", url = "{webhook.url}", max_attempts = 1}}, '
            f'{{name = "xml", url = "{webhook.url}/{{kind}}?t={{type}}&a={{to}}", content_type = "application/xmpp+xml", max_attempts = 2}}]',
        }
        with serving(cwd=folder, **{f"TIGREST__{name}": value for name, value in settings.items()}) as (process, base):
            with httpx2.Client(base_url=base, timeout=20) as http:
                eventually(lambda: http.get("/health/ready").status_code == 200)
            eve, bob = Reader(server, *EVE), Reader(server, "bob", USERS["bob"])
            world = World(server, process, base, folder / "log", eve, bob, webhook)
            try:
                world.check_honest_people()
                world.memory = memory(process.pid)
                with _events(base, CAROL, "") as own, _events(base, ADMIN, "?address=*") as every:
                    yield world
                    if world.trouble:
                        return
                    assert own.is_alive(), "carol's event stream has ended"
                    assert every.is_alive(), "the admin's event stream has ended"
                process.terminate()
                assert process.wait(30) == 0, world.log.read_text()[-5000:]
                world.check_log()
            finally:
                eve.close()
                bob.close()


@contextmanager
def _events(base: str, login: tuple[str, str], query: str) -> Iterator[threading.Thread]:
    """Read an event stream all the time, in a thread that ends with it."""
    with httpx2.Client(base_url=base, auth=login, timeout=None) as http, http.stream("GET", f"/rest/events{query}") as stream:
        assert stream.status_code == 200

        def read() -> None:
            with contextlib.suppress(httpx2.HTTPError, httpx2.StreamError, OSError, ValueError):
                for _ in stream.iter_raw():
                    pass

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        yield thread
