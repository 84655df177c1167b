"""An XMPP server as a child of the tests: on free loopback ports, in a folder of its own, stopped by its own pid."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

DOMAIN = "localhost"
COMPONENT = "http.localhost"
SECRET = "component-secret"
USERS = {"admin": "adminpw", "alice": "alicepw", "bob": "bobpw"}

NOT_YET = ("host-gone", "system-shutdown", "internal-server-error", "remote-connection-failed")
"""Stream errors of a server that listens before it can serve users (RFC 6120 §4.9.3): jabberd2's client port answers ``host-gone`` until
its session manager has come."""


PORTS = range(16_384, 32_768)
"""Where ports are looked for: below those that the system gives to connections that go out, which could take one before it is used."""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", secrets.choice(PORTS)))
            except OSError:
                probe.close()
            else:
                probes.append(probe)
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class XmppServer:
    """A server that can be started, killed and started again on the same ports.

    Args:
        folder: for its configuration, state and logs.
        options: switches of its configuration, see the subclasses.
    """

    name = ""
    domain = DOMAIN
    """Whose users it serves."""

    @staticmethod
    def trouble() -> str:
        """Tell why it cannot be started here, and what to do; empty where it can."""
        raise NotImplementedError

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder = folder
        self.options = options
        self.c2s, self.component, self.http = free_ports(3)
        self.process: subprocess.Popen[bytes] | None = None

    def settings(self) -> dict[str, str]:
        """Return the settings of a gateway that is its component: ``SECTION__KEY`` to value, as in the environment."""
        return {
            "XMPP__BACKEND": "component",
            "XMPP__SECRET": SECRET,
            "XMPP__PORT": str(self.component),
            "XMPP__C2S_PORT": str(self.c2s),
            "XMPP__C2S_TLS": "allow",
        }

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; give command and environment."""
        raise NotImplementedError

    def seed(self) -> None:
        """Make the accounts, once it runs."""

    def add_user(self, user: str, password: str) -> None:
        """Make an account while it runs."""
        raise NotImplementedError

    def start(self) -> None:
        """Start, make the accounts, and wait until users can log in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command, environment = self.command()
        self.process = self.run(command, environment)
        self.await_ready()
        self.seed()

    def run(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Run a process that writes into its log."""
        with (self.folder / "stdout.log").open("ab") as out:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def await_ready(self) -> None:
        """Wait until all ports answer, and users get a stream at the client port."""
        for port in self.listening():
            self._wait_for(port)
        self._until(self._serves_users, "does not serve users")

    def listening(self) -> tuple[int, ...]:
        """Return the ports that it listens on once it has started."""
        return self.c2s, self.component, self.http

    def _wait_for(self, port: int) -> None:
        def listens() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
            except OSError:
                return False
            return True

        self._until(listens, "does not listen")

    def _serves_users(self) -> bool:
        """Return whether a client's stream is answered: with features, or with an error that does not pass by waiting.

        An unknown host is such an error: pages tell their readers to add it.
        """
        header = f"<stream:stream to='{self.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", self.c2s), 5.0) as connection:
                connection.sendall(header.encode())
                while b"features>" not in answer and b"</stream:error>" not in answer:
                    received = connection.recv(4096)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return not any(condition.encode() in answer for condition in NOT_YET)

    def _until(self, condition: Callable[[], bool], trouble: str) -> None:
        """Wait until something is so, while the process lives.

        Args:
            condition: tells whether it is so.
            trouble: what the server does otherwise.
        """
        end = time.monotonic() + 60
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended: {self.log()}"
            assert time.monotonic() < end, f"{self.name} {trouble}: {self.log()}"
            time.sleep(0.02)

    def log(self) -> str:
        """Return what it wrote, the end of it."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self.folder.rglob("*.log"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it: in good order, or with SIGKILL at once."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def kill(self) -> None:
        """End it without any farewell."""
        self.stop(signal.SIGKILL)
