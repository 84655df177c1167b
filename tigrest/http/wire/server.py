"""The HTTP server: one listening socket, uvicorn in this process, an orderly end.

It starts and stops the gateway itself: start, then accept connections; on a signal stop accepting, finish what runs, stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Protocol, cast

import uvicorn
from starlette.types import ASGIApp

from tigrest.concurrency.loop import new_event_loop
from tigrest.config import Config, builtin_scripts
from tigrest.errors import ConfigError
from tigrest.http.wire.limits import BODY_SECONDS, Limits
from tigrest.http.wire.protocol import HttpProtocol
from tigrest.scripting.watchdog import Watchdog

log = logging.getLogger(__name__)

BACKLOG = 2048
"""Connections that may wait to be accepted."""

KEEP_ALIVE = 65
"""Seconds for which an idle connection is kept; a little longer than proxies keep theirs."""

GRACE = 10
"""Seconds that running requests get to finish at the end."""

HEADERS = [("server", "tigrest"), ("x-content-type-options", "nosniff"), ("x-frame-options", "SAMEORIGIN")]
"""Headers of every answer. Nothing is taken for a page that is none, and no page of another origin may have its visitors click on ours;
a handler's page that others may frame says so by ``frame-ancestors`` (CSP Level 2 §7.7.2), which counts instead."""

STOP_SECONDS = 10.0
"""Seconds that the gateway gets to stop."""

STALL_PERIOD = 5.0
"""Seconds between two looks for connections whose peers take nothing."""

GARBAGE = 20_000
"""Objects made and not freed at which unreachable circles are looked for."""

NOTICE = 2.0
"""Seconds that cancelled work gets to notice."""


class Served(Protocol):
    """What is served: an ASGI application that is started before and stopped after."""

    @property
    def entry(self) -> ASGIApp:
        """Answers requests; asked for when it is started."""

    async def start(self) -> None:
        """Get ready for requests. When it fails or is cancelled it cleans up itself."""

    async def stop(self) -> None:
        """End, after a start that succeeded."""


Ready = Callable[[str], None]
"""Called with the base URL, e.g. ``http://127.0.0.1:8080``, when requests are answered."""


def run(gateway: Served, config: Config, ready: Ready | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        gateway: what to serve.
        config: how; ``[http]`` says where.
        ready: called when requests are answered.

    Returns:
        Exit code: 0 after an orderly end, 1 when a second SIGINT forced it.

    Raises:
        ConfigError: the address cannot be used, or the gateway says so.
        NotConnected: the gateway cannot reach the XMPP server.
    """
    listener = bind(config.http.host, config.http.port)
    loop = new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(serve(gateway, config, listener, ready=ready))
    finally:
        loop.run_until_complete(_end_tasks(asyncio.all_tasks(loop)))
        loop.run_until_complete(_end_tasks([loop.create_task(loop.shutdown_asyncgens())], cancel=False))
        asyncio.set_event_loop(None)
        loop.close()  # unlike asyncio.run() it does not wait for worker threads, in which a handler may hang


async def serve(
    gateway: Served,
    config: Config,
    listener: socket.socket,
    *,
    stop: asyncio.Event | None = None,
    ready: Ready | None = None,
    grace: int = GRACE,
) -> int:
    """Serve on the running loop until ``stop`` is set, or a signal comes in when it is ``None``.

    Args:
        gateway: what to serve.
        config: how.
        listener: what :func:`bind` gave; closed at the end.
        stop: ends serving; with it signals are left alone.
        ready: called when requests are answered.
        grace: seconds that running requests get to finish at the end.

    Returns:
        As :func:`run`.

    Raises:
        ConfigError: as :func:`run`.
        NotConnected: as :func:`run`.
    """
    ending = _Ending(stop or asyncio.Event())
    folders = [*config.scripts.dirs, builtin_scripts()]
    with listener, ending.on_signals() if stop is None else nullcontext(), Watchdog(folders).watching():
        if await ending.or_done(gateway.start()):
            try:
                await _serve(gateway, config, listener, ending, ready, grace)
            finally:
                await ending.or_forced(gateway.stop())
    return 1 if ending.forced.is_set() else 0


async def _serve(gateway: Served, config: Config, listener: socket.socket, ending: _Ending, ready: Ready | None, grace: int) -> None:
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise ConfigError(_address_problem(config.http.host, config.http.port, error)) from None
    server = _Server(uvicorn_config(gateway, config, grace))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.on_tick(0)  # makes the headers of all responses
    await server.startup(sockets=[listener])
    base = f"http://{_bracketed(config.http.host)}:{listener.getsockname()[1]}"
    print(f"tigrest: listening on {base}/rest/", flush=True)  # noqa: T201 – scripts wait for this line
    if ready is not None:
        ready(base)
    calm_garbage_collection()
    loop = asyncio.create_task(server.main_loop())
    cutting = asyncio.create_task(_cut_stalled(server.server_state.connections, config.http.send_timeout))
    await ending.stop.wait()
    cutting.cancel()
    server.should_exit = True
    await loop
    forcing = asyncio.create_task(server.force(ending.forced))
    await server.shutdown(sockets=[listener])
    forcing.cancel()
    await _end_tasks(server.server_state.tasks)
    for connection in list(server.server_state.connections):
        cast("HttpProtocol", connection).give_up()


async def _cut_stalled(connections: Iterable[Any], limit: float) -> None:
    """Cut connections whose peers take nothing of what is sent to them, again and again.

    Args:
        connections: the open ones.
        limit: seconds without progress.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(STALL_PERIOD, limit / 4))
        try:
            cut = [connection.client for connection in list(connections) if connection.check_sending(loop.time())]
        except Exception:
            log.exception("connections could not be looked at")
            continue
        if cut:
            loop.call_later(1.0, give_back_memory)
            log.warning("%d connections were cut: nothing of what was sent was taken for %g s, e.g. by %s", len(cut), limit, cut[0])


def give_back_memory() -> None:
    """Have the C library return freed memory to the operating system: large answers would stay in its heap."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def calm_garbage_collection() -> None:
    """Leave out what there is now, which stays, and look for the rest less often: little of what a request makes is in circles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)


async def _end_tasks(tasks: Iterable[asyncio.Task[Any]], cancel: bool = True) -> None:
    """Cancel what still runs, unless it ends by itself, and give it a moment."""
    running = list(tasks)
    if cancel:
        for task in running:
            task.cancel()
    if running:
        await asyncio.wait(running, timeout=NOTICE)


class _Server(uvicorn.Server):
    async def force(self, forced: asyncio.Event) -> None:
        await forced.wait()
        self.force_exit = True


class _Ending:
    """The two steps of an end: asked to stop, and forced to.

    Args:
        stop: set when asked to stop.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self.stop = stop
        self.forced = asyncio.Event()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, force on the second SIGINT."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    def _interrupt(self) -> None:
        (self.forced if self.stop.is_set() else self.stop).set()

    async def or_done(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do some work unless asked to stop meanwhile; tell whether it was done."""
        return await _first(work, self.stop)

    async def or_forced(self, work: Coroutine[Any, Any, None]) -> None:
        """Do some work to the end, unless forced or out of time."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await _first(work, self.forced)
        except TimeoutError:
            log.warning("stopping took longer than %.0f s; going anyway", STOP_SECONDS)


async def _first(work: Coroutine[Any, Any, None], event: asyncio.Event) -> bool:
    """Do some work until an event; tell whether it was done. Whatever it raises is raised."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for unfinished in (task, waiting):
            unfinished.cancel()
        await asyncio.wait([task, waiting], timeout=NOTICE)


def uvicorn_config(gateway: Served, config: Config, grace: int) -> uvicorn.Config:
    """Return uvicorn's part of the configuration."""
    proxies = list(config.http.trusted_proxies)
    limits = Limits(min(config.http.request_timeout, BODY_SECONDS), config.http.send_timeout)
    return uvicorn.Config(
        gateway.entry,
        interface="asgi3",
        http=partial(HttpProtocol, limits=limits),  # type: ignore[arg-type]  # it only calls it
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it would show API keys in query strings
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        headers=HEADERS,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,
    )


def bind(host: str, port: int) -> socket.socket:
    """Reserve the address to listen on.

    Args:
        host: address or name; of several addresses IPv4 comes first.
        port: TCP port; 0 for any free one.

    Raises:
        ConfigError: it cannot be used, and why.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(_address_problem(host, port, error)) from None
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError(_address_problem(host, port, error)) from None
    listener.setblocking(False)
    return listener


def _address_problem(host: str, port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"http.port {port} on {host} is already in use; stop the other program or choose another with --port"
        case errno.EACCES | errno.EPERM:
            return f"http.port {port} on {host} is not allowed to us; choose one above 1023 with --port"
        case _:
            reason = getattr(error, "strerror", None) or str(error)
            return f'http.host "{host}" is not an address of this machine ({reason}); choose another with --host'


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
