"""The HTTP server: one listening socket, uvicorn in this process, an orderly end.

The server starts and stops the gateway: start it, accept connections; on a signal stop accepting, finish the running requests, stop it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, cast

import uvicorn
from starlette.types import ASGIApp

from tigrest.concurrency.loop import new_event_loop
from tigrest.config import Config
from tigrest.errors import ConfigError, TigrestError
from tigrest.http.wire.limits import BODY_SECONDS, DEFAULT_SERVER_LIMITS, ServerLimits
from tigrest.http.wire.listener import address_problem, bind, bracketed
from tigrest.http.wire.memory import calm_garbage_collection, give_back_memory
from tigrest.http.wire.protocol import HttpProtocol
from tigrest.http.wire.signals import Reload, Reloads, on_signals

log = logging.getLogger(__name__)

RESPONSE_HEADERS = [("server", "tigrest"), ("x-content-type-options", "nosniff"), ("x-frame-options", "SAMEORIGIN")]
"""Headers of every answer. Browsers do not sniff types, and pages of other origins may not frame ours (click-jacking); a handler's page
that others may frame says so by ``frame-ancestors`` (CSP Level 2 §7.7.2), which takes precedence."""


class Served(Protocol):
    """An ASGI application that is started before requests are accepted, and stopped after the last one."""

    @property
    def entry(self) -> ASGIApp:
        """Return the application (ASGI); read after :meth:`start`."""

    async def start(self) -> None:
        """Get ready for requests; clean up when that fails or is cancelled."""

    async def stop(self) -> None:
        """Stop; called once, after a start that succeeded."""

    @property
    def failure(self) -> TigrestError | None:
        """Return why it cannot go on; ``None`` while it can."""

    def on_failure(self, callback: Callable[[], None]) -> None:
        """Register a callback for the event loop, called when it cannot go on."""


Ready = Callable[[str], None]
"""Called with the base URL, e.g. ``http://127.0.0.1:8080``, when requests are answered."""


Watching = Callable[[], AbstractContextManager[None]]
"""Makes a context that is entered on the running loop before the gateway starts, and left after it has stopped."""


async def _nothing() -> None:
    """Reload nothing."""


def run_server(
    gateway: Served, config: Config, ready: Ready | None = None, watching: Watching = nullcontext, reload: Reload = _nothing
) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        gateway: what to serve.
        config: how; ``[http]`` says where.
        ready: called when requests are answered.
        watching: what watches over the loop meanwhile.
        reload: called on SIGHUP, once requests are answered.

    Returns:
        Exit code: 0 after an orderly end, 1 when a second SIGINT forced it.

    Raises:
        ConfigError: the address cannot be used, or the gateway says so.
        NotConnected: the gateway cannot reach the XMPP server.
        TigrestError: the gateway could not go on.
    """
    listener = bind(config.http.host, config.http.port)
    cancelled = DEFAULT_SERVER_LIMITS.cancelled
    loop = new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return _run_to_end(loop, serve_gateway(gateway, config, listener, ready=ready, watching=watching, reload=reload))
    finally:
        loop.run_until_complete(_end_tasks(asyncio.all_tasks(loop), cancelled))
        loop.run_until_complete(_end_tasks([loop.create_task(loop.shutdown_asyncgens())], cancelled, cancel=False))
        asyncio.set_event_loop(None)
        loop.close()  # unlike asyncio.run() it does not wait for worker threads, in which a handler may hang


def _run_to_end(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine to its end, whatever callbacks raise: ``sys.exit()`` in a callback of a script stops the event loop.

    Args:
        loop: the loop, which does not run.
        main: the coroutine.

    Returns:
        What it returns.
    """
    task = loop.create_task(main)
    while True:
        try:
            return loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as error:
            if task.done() and (task.cancelled() or task.exception() is error):
                raise
            log.error("a callback raised %s; the gateway goes on", type(error).__name__, exc_info=error)


async def serve_gateway(
    gateway: Served,
    config: Config,
    listener: socket.socket,
    *,
    stop: asyncio.Event | None = None,
    ready: Ready | None = None,
    watching: Watching = nullcontext,
    reload: Reload = _nothing,
    limits: ServerLimits = DEFAULT_SERVER_LIMITS,
) -> int:
    """Serve on the running loop until ``stop`` is set, or a signal comes in when it is ``None``.

    Args:
        gateway: what to serve.
        config: how.
        listener: result of :func:`~tigrest.http.wire.listener.bind`; closed at the end.
        stop: ends serving when it is set; then no signal handlers are installed.
        ready: called when requests are answered.
        watching, reload: as :func:`run_server`.
        limits: of the server.

    Returns:
        As :func:`run_server`.

    Raises:
        ConfigError, NotConnected, TigrestError: as :func:`run_server`.
    """
    ending, reloads = _Ending(stop or asyncio.Event(), limits), Reloads(reload)
    gateway.on_failure(ending.stop.set)
    signals = on_signals(ending.stop.set, ending.interrupt, reloads.request) if stop is None else nullcontext()
    with listener, signals, watching():
        if await ending.or_done(gateway.start()):
            reloading = asyncio.create_task(reloads.run())
            try:
                await _accept(gateway, config, listener, ending, ready, limits)
            finally:
                await _end_tasks([reloading], limits.cancelled)
                await ending.or_forced(gateway.stop())
    if gateway.failure is not None:
        raise gateway.failure
    return 1 if ending.forced.is_set() else 0


async def _accept(
    gateway: Served, config: Config, listener: socket.socket, ending: _Ending, ready: Ready | None, limits: ServerLimits
) -> None:
    """Accept connections until asked to stop; then let the running requests end."""
    try:
        listener.listen(limits.backlog)
    except OSError as error:
        raise ConfigError(address_problem(config.http.host, config.http.port, error)) from None
    server = _Server(uvicorn_config(gateway, config, limits))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.on_tick(0)  # makes the headers of all responses
    await server.startup(sockets=[listener])
    base = f"http://{bracketed(config.http.host)}:{listener.getsockname()[1]}"
    announce(f"tigrest: listening on {base}/rest/")  # scripts wait for this line
    if ready is not None:
        ready(base)
    calm_garbage_collection()
    loop = asyncio.create_task(server.main_loop())
    cutting = asyncio.create_task(_cut_stalled(server.server_state.connections, config.http.send_timeout, limits.stall_check))
    await ending.stop.wait()
    cutting.cancel()
    server.should_exit = True
    await loop
    forcing = asyncio.create_task(server.force(ending.forced))
    await server.shutdown(sockets=[listener])
    forcing.cancel()
    await _end_tasks(server.server_state.tasks, limits.cancelled)
    for connection in list(server.server_state.connections):
        cast("HttpProtocol", connection).give_up()


def announce(text: str) -> None:
    """Print to standard output. A reader that has gone, as ``head`` does, or a full disk does not end the process."""
    try:
        print(text, flush=True)  # noqa: T201
    except OSError as error:
        log.info("standard output takes no more: %s", error.strerror)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 – else the flush at exit would fail once more


async def _cut_stalled(connections: Iterable[Any], limit: float, period: float) -> None:
    """Cut connections whose peers take nothing of what is sent to them; runs until it is cancelled.

    Args:
        connections: the open ones.
        limit: seconds without progress.
        period: seconds between two checks.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(period, limit / 4))
        try:
            cut = [connection.client for connection in list(connections) if connection.check_sending(loop.time())]
        except Exception:
            log.exception("stalled connections could not be checked")
            continue
        if cut:
            loop.call_later(1.0, give_back_memory)
            log.warning("%d connections were cut: nothing of what was sent was taken for %g s, e.g. by %s", len(cut), limit, cut[0])


async def _end_tasks(tasks: Iterable[asyncio.Task[Any]], seconds: float, cancel: bool = True) -> None:
    """Cancel tasks, unless they end by themselves, and wait for them, at most so many seconds."""
    running = list(tasks)
    if cancel:
        for task in running:
            task.cancel()
    if running:
        await asyncio.wait(running, timeout=seconds)


class _Server(uvicorn.Server):
    async def force(self, forced: asyncio.Event) -> None:
        await forced.wait()
        self.force_exit = True


class _Ending:
    """The two steps of an orderly end: asked to stop, and forced to.

    Args:
        stop: set when asked to stop.
        limits: of the server.
    """

    def __init__(self, stop: asyncio.Event, limits: ServerLimits) -> None:
        self.stop, self._limits = stop, limits
        self.forced = asyncio.Event()

    def interrupt(self) -> None:
        """Ask to stop; the second time, force it."""
        (self.forced if self.stop.is_set() else self.stop).set()

    async def or_done(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine unless asked to stop meanwhile; return whether it ran to its end."""
        return await self._first(work, self.stop)

    async def or_forced(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine to its end, unless forced or out of time."""
        try:
            async with asyncio.timeout(self._limits.stop):
                await self._first(work, self.forced)
        except TimeoutError:
            log.warning("stopping took longer than %.0f s; going anyway", self._limits.stop)

    async def _first(self, work: Coroutine[Any, Any, None], event: asyncio.Event) -> bool:
        """Run a coroutine until an event is set; return whether it ran to its end, and raise what it raises."""
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
            await asyncio.wait([task, waiting], timeout=self._limits.cancelled)


def uvicorn_config(gateway: Served, config: Config, limits: ServerLimits = DEFAULT_SERVER_LIMITS) -> uvicorn.Config:
    """Return the settings of uvicorn."""
    proxies = list(config.http.trusted_proxies)
    connection = replace(limits.connection, body=min(config.http.request_timeout, BODY_SECONDS), send=config.http.send_timeout)
    return uvicorn.Config(
        gateway.entry,
        interface="asgi3",
        http=partial(HttpProtocol, limits=connection),  # type: ignore[arg-type]  # it only calls it
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it would show API keys in query strings
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        server_header=False,
        headers=RESPONSE_HEADERS,
        backlog=limits.backlog,
        timeout_keep_alive=limits.idle,
        timeout_graceful_shutdown=config.http.stop_timeout,  # type: ignore[arg-type]  # handed to asyncio, which takes fractions
    )
