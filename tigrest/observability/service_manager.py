"""Tell the service manager that the process is ready, that it reloads, and that its event loop turns.

systemd asks for that with ``Type=notify`` and ``WatchdogSec=``; without it nothing is sent. Each message is one datagram of lines
``NAME=value`` to the socket that ``NOTIFY_SOCKET`` names. sd_notify(3), sd_watchdog_enabled(3)
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

log = logging.getLogger(__name__)

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
"""Environment variables that the service manager sets."""

RETRY_SECONDS = 0.1
"""Between two attempts to send to a service manager that is too busy: its socket takes about ten messages at once."""

MOST_UNSENT = 100
"""Most messages that wait for it; the oldest are forgotten."""


class ServiceManager:
    """Notifies the service manager that started the process, where there is one.

    Args:
        environ: environment variables.

    Messages are sent from a running event loop.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get(SOCKET, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._period = _period(environ)
        self._unsent: deque[bytes] = deque(maxlen=MOST_UNSENT)
        self._retry: asyncio.TimerHandle | None = None

    def tell(self, *lines: str) -> None:
        """Send lines such as ``READY=1`` in one message, later where the service manager is too busy to take it.

        A service manager that is not there is logged, and not asked again.
        """
        if self._address:
            self._unsent.append("\n".join(lines).encode())
            self._send_all()

    def _send_all(self) -> None:
        """Send all messages in their order, as far as they are taken now; the others are tried again soon."""
        while self._unsent and self._sends(self._unsent[0]):
            self._unsent.popleft()
        if self._unsent and self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._send_again)

    def _send_again(self) -> None:
        self._retry = None
        self._send_all()

    def _sends(self, message: bytes) -> bool:
        """Send a message; return whether that is done with."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sending:
                sending.sendto(message, self._address)
        except BlockingIOError:
            return False
        except OSError as error:
            self._address = ""
            log.warning("the service manager cannot be told anything: %s %s", SOCKET, error.strerror)
        return True

    def ready(self, base: str) -> None:
        """Report that requests are answered.

        Args:
            base: the URL where.
        """
        self.tell("READY=1", f"STATUS=listening on {base}/rest/")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Report that a reload begins, and at the end that it is done."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.tell("READY=1")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Report again and again that the running event loop turns, while the context lasts.

        The loop itself sends the messages: when it is blocked for as long as ``WatchdogSec=`` says, the process is restarted.
        """
        keeping = asyncio.create_task(self._keep_alive(self._period)) if self._period else None
        try:
            yield
        finally:
            if keeping is not None:
                keeping.cancel()
            if self._retry is not None:
                self._retry.cancel()

    async def _keep_alive(self, period: float) -> None:
        while True:
            if not self._unsent:  # else the next one will do
                self.tell("WATCHDOG=1")
            await asyncio.sleep(period)


def _period(environ: Mapping[str, str]) -> float:
    """Return the seconds between two messages, half of what the service manager waits; 0 when it does not wait for any."""
    if environ.get(WATCHDOG_PID, str(os.getpid())) != str(os.getpid()):
        return 0.0  # meant for the process that started this one
    microseconds = environ.get(WATCHDOG, "")
    return int(microseconds) / 2e6 if microseconds.isdecimal() else 0.0
