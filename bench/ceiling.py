"""How fast a server takes the messages of a component that does nothing else: the most that any gateway in front of it could reach.

Messages to a user, as fast as flow control lets them go; the same, each confirmed by a ping behind it; and messages to a room, of which
each has to come back. A line gives the rate, and the server's processor time a message, which other load on the machine changes less.

    python bench/ceiling.py [--messages 8000] [--rounds 3] [--only NAME]
"""

from __future__ import annotations

import argparse
import hashlib
import re
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import gateway  # noqa: F401  puts the tests on the path
from load import CONNECTIONS, cpu_seconds, middle
from receiving import receiver

from tests.servers.ejabberd import Ejabberd
from tests.servers.process import SECRET
from tests.servers.prosody import Prosody

BODY = "Hello there, this is a message of some length"
ROOM, OCCUPANT = "bench@rooms.localhost", "bench@http.localhost/room"
STREAM = (
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='http.localhost'>"  # XEP-0114 §3
)
CHAT = f'<message to="bob@localhost" type="chat" from="http.localhost" id="m"><body>{BODY}</body></message>'.encode()
SAID = f'<message to="{ROOM}" type="groupchat" from="{OCCUPANT}" id="m"><body>{BODY}</body></message>'.encode()
PING = b'<iq type="get" to="localhost/ping" from="http.localhost" id="barrier"><ping xmlns="urn:xmpp:ping"/></iq>'
PONG, ECHO = re.compile(rb"<iq[^>]*barrier[^>]*>"), re.compile(rb"</message>")
ARCHIVE = {"Prosody": "muc#roomconfig_enablearchiving", "ejabberd": "mam"}
"""The field of a room's form that switches its archive off: with one, both servers are slower."""

STEP, BARRIERS = 64, 4
"""Messages between two pings, and most unanswered pings, as in the gateway's flow control."""
QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Component:
    """A component that counts what comes back.

    Args:
        port: of the server, for components.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tail = b""
        self.send(STREAM.encode())
        identity = self._until(re.compile(rb"<stream:stream[^>]* id=['\"]([^'\"]+)['\"]"))
        self.send(f"<handshake>{hashlib.sha1(identity[1] + SECRET.encode()).hexdigest()}</handshake>".encode())
        self._until(re.compile(rb"<handshake\s*/>"))

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def count(self, what: re.Pattern[bytes]) -> int:
        """Wait for what comes next, and return how often it has something."""
        if QUICK_ACK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        data = self._socket.recv(65536)
        assert data, "the server has closed the link"
        self._tail += data
        found = list(what.finditer(self._tail))
        self._tail = self._tail[found[-1].end() if found else 0 :]
        return len(found)

    def _until(self, what: re.Pattern[bytes]) -> re.Match[bytes]:
        while (found := what.search(self._tail)) is None:
            self._tail += self._socket.recv(65536)
        self._tail = self._tail[found.end() :]
        return found

    def enter_room(self, archive: str) -> None:
        """Make the room, without an archive, and enter it."""
        self.send(f'<presence to="{ROOM}/bench" from="{OCCUPANT}"><x xmlns="http://jabber.org/protocol/muc"/></presence>'.encode())
        self._until(re.compile(rb"</presence>"))
        form = f'<field var="{archive}"><value>0</value></field>'
        form = f'<field var="FORM_TYPE"><value>http://jabber.org/protocol/muc#roomconfig</value></field>{form}'
        query = f'<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit">{form}</x></query>'
        self.send(f'<iq type="set" id="made" to="{ROOM}" from="{OCCUPANT}">{query}</iq>'.encode())
        assert b"result" in self._until(re.compile(rb"<iq[^>]*made[^>]*>")).group()
        time.sleep(0.5)  # what the room says of it
        self._socket.settimeout(0.1)
        with suppress(TimeoutError):
            self._socket.recv(65536)
        self._socket.settimeout(30)
        self._tail = b""

    def unconfirmed(self, messages: int) -> None:
        """Send messages to a user within the flow control."""
        self._in_steps(messages, STEP, BARRIERS)

    def confirmed(self, messages: int) -> None:
        """Send messages to a user for so many callers, each of whom waits for a ping behind his: two pings are under way."""
        self._in_steps(messages, CONNECTIONS // 2, 2)

    def _in_steps(self, messages: int, step: int, barriers: int) -> None:
        unanswered = 0
        for _ in range(messages // step):
            self.send(CHAT * step + PING)
            unanswered += 1
            while unanswered >= barriers:
                unanswered -= self.count(PONG)
        while unanswered:
            unanswered -= self.count(PONG)

    def to_room(self, messages: int) -> None:
        """Send messages to the room for so many callers, each of whom waits until his has come back."""
        sent = back = 0
        while back < messages:
            if more := min(CONNECTIONS - (sent - back), messages - sent):
                self.send(SAID * more)
                sent += more
            back += self.count(ECHO)


CASES: dict[str, Callable[[Component, int], None]] = {
    "message": Component.unconfirmed,
    "message, confirmed": Component.confirmed,
    "message to a room": Component.to_room,
}


def measure(server: Prosody | Ejabberd, messages: int, rounds: int) -> None:
    """Measure the cases in turn, and print."""
    assert server.process is not None
    component, pid = Component(server.component), server.process.pid
    component.enter_room(ARCHIVE[server.name])
    rates: dict[str, list[float]] = {name: [] for name in CASES}
    used: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, run in CASES.items():
            with receiver(server):
                began, before = time.perf_counter(), cpu_seconds(pid)
                run(component, messages)
                rates[name].append(messages / (time.perf_counter() - began))
                used[name].append((cpu_seconds(pid) - before) / messages * 1e6)
    for name in CASES:
        shares = f"{middle(rates[name]) / middle(rates['message']):.2f} of the rate, {middle(used['message']) / middle(used[name]):.2f}"
        print(f"{server.name}: {name:20} {middle(rates[name]):7.0f}/s {middle(used[name]):6.0f} µs; {shares} by processor time")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=8000, help="of each case and round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, in which the cases take turns; medians are printed")
    parser.add_argument("--only", default="", help="only servers with this in their names")
    arguments = parser.parse_args()
    kinds: tuple[type[Prosody | Ejabberd], ...] = (Prosody, Ejabberd)
    with tempfile.TemporaryDirectory() as folder:
        for kind in (kind for kind in kinds if arguments.only in kind.name):
            if trouble := kind.trouble():
                print(f"{kind.name} is left out: {trouble}")
                continue
            server = kind(Path(folder) / kind.name)
            try:
                server.start()
                measure(server, arguments.messages, arguments.rounds)
            finally:
                server.stop()


if __name__ == "__main__":
    main()
