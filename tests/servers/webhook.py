"""Gateways as processes, with a webhook whose receiver is a process too."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.process import ROOT, Process, environment, serving
from tests.servers.process import XmppServer, free_ports

BOT = ROOT / "examples" / "flask_bot.py"
SIGNED_WITH = "whsec_c2lnbmVkIHdpdGggdGhpcw=="


class Receiver:
    """A process that receives: started, killed by its own pid, and started again on the same port.

    Args:
        command: what to run; ``PORT`` in it is the port.
        folder: where it runs.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        [self.port] = free_ports(1)
        self._command = [word.replace("PORT", str(self.port)) for word in command]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        variables = environment(WEBHOOK_SECRET=SIGNED_WITH, PYTHONWARNINGS="default")
        with (self._folder / "receiver.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=self._folder, env=variables, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            assert self._process.poll() is None, (self._folder / "receiver.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                assert time.monotonic() < end, "the receiver does not listen"
                time.sleep(0.02)

    def kill(self) -> None:
        """End it without any farewell."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(5)
            self._process = None


@contextmanager
def flask_bot(folder: Path) -> Iterator[Receiver]:
    """Run the bot of the examples."""
    bot = Receiver([sys.executable, "-m", "flask", "--app", str(BOT), "run", "--port", "PORT"], folder)
    bot.start()
    try:
        yield bot
    finally:
        bot.kill()


@contextmanager
def gateway_process(
    server: XmppServer, folder: Path, receiver: Receiver, stanzas: tuple[str, ...] = ("message", "presence", "iq"), **xmpp: str
) -> Iterator[tuple[Process, str]]:
    """Run ``tigrest serve`` in front of a server, with a webhook; gives the process and its base URL."""
    url = f"http://127.0.0.1:{receiver.port}/api"
    hook = f'{{name = "receiver", url = "{url}", secret = "{SIGNED_WITH}", stanzas = {json.dumps(stanzas)}}}'
    settings = {
        **server.settings(),
        "STATE__DATABASE": str(folder / "state.sqlite3"),
        "WEBHOOKS": f"[{hook}]",
    }
    given = settings | {f"XMPP__{name.upper()}": value for name, value in xmpp.items()}
    variables = {f"TIGREST__{name}": value for name, value in given.items()}
    with serving(cwd=folder, **variables) as (process, base):
        _wait_until_ready(base)
        yield process, base


def _wait_until_ready(base: str) -> None:
    host, port = base.removeprefix("http://").split(":")
    end = time.monotonic() + 20
    while True:
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
            if connection.recv(64).startswith(b"HTTP/1.1 200"):
                return
        assert time.monotonic() < end, "the gateway is not ready"
        time.sleep(0.05)
