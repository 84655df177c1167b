"""An XMPP client that reads all the time, and answers what it is told to."""

from __future__ import annotations

import itertools
import re
import threading
import time
from contextlib import ExitStack

from tests.servers.process import XmppServer
from tests.servers.raw import raw_client

READ_BYTES = 1_000_000
"""Bytes that a reader keeps of what came in."""

_ASKED = re.compile(rb"<iq\b([^>]*\btype=['\"](?:get|set)['\"][^>]*)>")
_ATTRIBUTE = re.compile(rb"\b(id|from)=('[^']*'|\"[^\"]*\")")


class Reader:
    """A client that reads all the time, in a thread of its own, and answers iqs.

    Args:
        server: where.
        user: local part; the resource is ``raw``.
        password: his.
    """

    def __init__(self, server: XmppServer, user: str, password: str) -> None:
        self.replies: tuple[tuple[str, str], ...] = ()
        """What iqs are answered, in turn; none: they are not."""
        self.asked = 0
        """How many iqs came in."""
        self._server, self._user, self._password = server, user, password
        self._news = threading.Condition()
        self._seen = b""
        self._stack = ExitStack()
        self._connect()

    def _connect(self) -> None:
        self._is_over = False
        self._raw = self._stack.enter_context(raw_client(self._server, self._user, password=self._password))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        raw = self._raw
        tail, turn = b"", itertools.count()
        while not raw.is_closed and not self._is_over:
            data = raw.read(b">", seconds=0.2)
            with self._news:
                self._seen = (self._seen + data)[-READ_BYTES:]
                self._news.notify_all()
            tail = (tail + data)[-20_000:]
            for asked in _ASKED.finditer(tail):
                self.asked += 1
                if self.replies:
                    self._answer(asked[1], self.replies[next(turn) % len(self.replies)])
                tail = tail[asked.end() :]

    def _answer(self, attributes: bytes, reply: tuple[str, str]) -> None:
        found: dict[bytes, bytes] = dict(_ATTRIBUTE.findall(attributes))
        if len(found) == 2:
            to = b" to=" + found[b"from"] if "to=" not in reply[0] else b""
            self._raw.send(b"<iq id=%b%b %b>%b</iq>" % (found[b"id"], to, reply[0].encode(), reply[1].encode("utf-8", "surrogatepass")))

    def send(self, data: bytes) -> None:
        """Send something; log in anew before when the server has closed the stream."""
        if self._raw.is_closed:
            self.close()
            self._stack = ExitStack()
            self._connect()
        self._raw.send(data)

    def saw(self, mark: bytes, seconds: float = 15.0) -> bool:
        """Tell whether some text has come in, or does within some time."""
        end = time.monotonic() + seconds
        with self._news:
            while mark not in self._seen and not self._raw.is_closed and (left := end - time.monotonic()) > 0:
                self._news.wait(min(left, 0.2))
            return mark in self._seen

    @property
    def is_closed(self) -> bool:
        """Return whether the server has closed the stream."""
        return self._raw.is_closed

    def close(self) -> None:
        """Go away."""
        self._is_over = True
        self._thread.join(5)
        self._stack.close()
