"""Install the signals of a served process: SIGTERM and SIGINT end it, SIGHUP reloads, SIGUSR2 does nothing.

SIGUSR1 belongs to the command line, which prints stacks; SIGPIPE is ignored by Python itself, SIGQUIT ends the process at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

Reload = Callable[[], Awaitable[None]]
"""Reads the configuration and the scripts again."""


class Reloads:
    """Runs a reload for each request, one at a time; all requests that come while one runs make one more.

    Args:
        reload: does the work; what it raises is logged.
    """

    def __init__(self, reload: Reload) -> None:
        self._reload = reload
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Ask for a reload; it waits until :meth:`run` is running."""
        self._requested.set()

    async def run(self) -> None:
        """Reload whenever that is requested, until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                await self._reload()
            except Exception:
                log.exception("reloading failed; everything goes on as before")


@contextmanager
def on_signals(end: Callable[[], None], interrupt: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """Call functions on the running loop when signals come in.

    SIGHUP has two meanings. From ``systemctl reload`` or ``kill -HUP`` it asks for a reload; when the terminal goes that the process
    was started from, it says so, and the process ends, unless it was started to outlive it (``nohup``). It may be blocked before, so
    that it does not kill a process that is still starting; from here on it is not.

    Args:
        end: called on SIGTERM, and when the terminal has gone.
        interrupt: called on SIGINT.
        reload: called on SIGHUP otherwise.
    """
    follows_terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN

    def hang_up() -> None:
        if follows_terminal and not has_terminal():
            end()
        else:
            reload()

    loop = asyncio.get_running_loop()
    actions = {signal.SIGTERM: end, signal.SIGINT: interrupt, signal.SIGHUP: hang_up}
    for number, action in actions.items():
        loop.add_signal_handler(number, action)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        for number in actions:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the rest of the end is not to be cut short


def has_terminal() -> bool:
    """Return whether the process has a controlling terminal. POSIX.1-2017, Base Definitions §11.1.3; tty(4)"""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
