"""A receiver that writes down what it gets before it answers, so that it may be killed at any time.

python -m tests.servers.collector PORT FILE

Each line of the file is a request: the ``webhook-id``, the sender, and the body of the message; ``unsigned`` in place of the id where the
signature is wrong. The secret is in ``WEBHOOK_SECRET``.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tigrest.webhooks import verify


@dataclass(frozen=True)
class Collected:
    """A request that came.

    Args:
        id: the ``webhook-id``.
        sender: bare address.
        text: body of the message.
    """

    id: str
    sender: str
    text: str


def collected(file: Path) -> list[Collected]:
    """Return what came so far, in order."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [Collected(*line.split("\t")) for line in lines]


class Handler(BaseHTTPRequestHandler):
    """Writes down, then says 202."""

    protocol_version = "HTTP/1.1"
    file = 0

    def do_POST(self) -> None:
        """Take a delivery."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = verify(os.environ["WEBHOOK_SECRET"], dict(self.headers), body)
        stanza = json.loads(body)
        words = (self.headers["webhook-id"] if signed else "unsigned", stanza["from"].partition("/")[0], stanza.get("body", ""))
        os.write(self.file, ("\t".join(words) + "\n").encode())
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    Handler.file = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
