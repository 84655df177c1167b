"""Run the gateway: ``tigrest serve``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import typer

from tigrest.cli.configured import configured
from tigrest.config import Config, builtin_scripts, script_dirs
from tigrest.errors import ConfigError
from tigrest.gateway import Gateway
from tigrest.http.wire.server import run_server
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
    config = _with(configured(path), "http", host=host, port=port)
    config = _with(config, "scripts", reload=reload)
    gateway = Gateway(config, script_dirs(config, create=True))
    folders = [*config.scripts.dirs, builtin_scripts()]
    return run_server(gateway, config, lambda base: _greet(gateway, base), lambda: Watchdog(folders).watching())


def _with(config: Config, section: str, **values: Any) -> Config:
    """Return a configuration with other values in a section; those that are ``None`` stay."""
    given = {key: value for key, value in values.items() if value is not None}
    return config.model_copy(update={section: getattr(config, section).model_copy(update=given)})


def _greet(gateway: Gateway, base: str) -> None:
    """Print the credentials of the demo, if there is one, and warn when it is served to others."""
    if gateway.demo is not None:
        if warning := gateway.demo.warning(gateway.config.http.host):
            log.warning("%s", warning)
        here = base.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        typer.echo("\n".join(gateway.demo.lines(here)))
