"""Run the gateway: ``tigrest serve``."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tigrest.cli.configured import configured, expect_readable_again, overridden
from tigrest.config import Config, builtin_commands, builtin_scripts, command_dirs, find, plugin_dirs, script_dirs
from tigrest.errors import ConfigError
from tigrest.gateway import Gateway
from tigrest.http.wire.server import announce, run_server
from tigrest.observability.service_manager import ServiceManager
from tigrest.scripting.strays import Strays
from tigrest.scripting.watchdog import Watchdog

log = logging.getLogger(__name__)


def serve_forever(path: Path | None, host: str | None, port: int | None, reload: bool | None) -> int:
    """Run the gateway until a signal ends it.

    Args:
        path: configuration file from ``--config``, if any.
        host: overrides ``http.host``.
        port: overrides ``http.port``.
        reload: overrides ``scripts.reload``.
    """
    if host == "":
        raise ConfigError("--host is empty; name an address such as 127.0.0.1")
    _print_stacks_on_signal()
    path = find(path, os.environ, Path())  # once: were it missing at a reload, the defaults would count

    def read() -> Config:
        return overridden(configured(path), http=_given(host=host, port=port), scripts=_given(reload=reload))

    config = read()
    gateway = Gateway(
        config,
        script_dirs(config, create=True),
        command_dirs=command_dirs(config, create=True),
        ctl_socket=Path(config.ctl.socket) if config.ctl.socket else None,
    )
    manager = ServiceManager(os.environ)
    folders = [*config.scripts.dirs, *config.scripts.command_dirs, builtin_scripts(), builtin_commands()]

    def ready(base: str) -> None:
        here = base.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        gateway.listens_at(here)
        manager.ready(base)
        _greet(gateway, here)

    @contextmanager
    def watching() -> Iterator[None]:
        with Strays(folders).watching(), Watchdog(folders).watching(), manager.watching():
            yield

    def read_again() -> Config:
        expect_readable_again(path)
        return read()

    async def reload_all() -> None:
        with manager.reloading():
            await _reconfigure(gateway, read_again)

    return run_server(gateway, config, ready, watching, reload_all)


def _print_stacks_on_signal() -> None:
    """Print the stacks of all threads at SIGUSR1, from a thread that waits for it: the signal is blocked everywhere.

    A signal handler in C (``faulthandler.register``) reads frames of threads that run meanwhile: one in some thousand signals ended the
    process by SIGSEGV. Here the interpreter is locked while they are read.
    """
    threading.Thread(target=_print_stacks, name="stacks", daemon=True).start()


def _print_stacks() -> None:
    while True:
        signal.sigwait({signal.SIGUSR1})
        faulthandler.dump_traceback(sys.stderr)


async def _reconfigure(gateway: Gateway, read: Callable[[], Config]) -> None:
    """Read the configuration again, and apply it; one that is wrong changes nothing."""
    try:
        config = await asyncio.to_thread(read)
        script_dirs(config, create=False)
        command_dirs(config, create=False)
        plugin_dirs(config)
    except ConfigError as error:
        log.error("the configuration is wrong, so nothing was reloaded: %s", "; ".join(error.problems))
        return
    await gateway.reconfigure(config)


def _given(**options: object) -> dict[str, object]:
    """Return the options of the command line that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _greet(gateway: Gateway, base: str) -> None:
    """Print the credentials of the demo, if there is one, and warn when it is served to others."""
    if gateway.demo is not None:
        if warning := gateway.demo.warning(gateway.config.http.host):
            log.warning("%s", warning)
        announce("\n".join(gateway.demo.lines(base)))
