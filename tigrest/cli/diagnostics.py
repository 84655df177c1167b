"""``tigrest check --live``."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

import typer

from tigrest.cli.configured import configured, overridden
from tigrest.cli.tables import columns
from tigrest.concurrency.loop import run
from tigrest.config import Config, command_dirs, script_dirs
from tigrest.ctl.socket_file import listener_at
from tigrest.errors import DatabaseUnreachable, GatewayRunning
from tigrest.gateway import Gateway
from tigrest.gateway.diagnostics import CheckListener, Diagnostics, State, diagnose
from tigrest.gateway.issuer_checks import check_issuers
from tigrest.gateway.probe_account import linked
from tigrest.state.database import Database
from tigrest.state.location import MEMORY

SETTLE_SECONDS = 1.0
"""Seconds to wait for the privileges that the server announces after the connection (XEP-0356)."""

RETURN_SECONDS = 3.0
"""Longest wait for a link that the server has closed because it takes nothing from users' addresses."""


def print_diagnostics(path: Path | None, as_json: bool, beside: bool) -> int:
    """Connect to the XMPP server, try everything, and print what the server is, what it grants and what works with it.

    Args:
        path: configuration file from ``--config``, if any.
        as_json: whether to print JSON.
        beside: whether to connect although a gateway with this configuration runs.

    Returns:
        Exit code: 0 when nothing was found that does not work, 1 when something was.

    Raises:
        GatewayRunning: such a gateway runs, and it is not to be done beside it.
        NotConnected: the server cannot be reached, or refuses the component.
        KeyboardInterrupt: it was interrupted.
    """
    try:
        found = run(_diagnose(path, beside))
    except asyncio.CancelledError:  # by SIGTERM; everything is cleaned up
        raise KeyboardInterrupt from None
    if as_json:
        typer.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
    else:
        _print(found)
    return int(any(check.state == State.FAILS for check in found.checks))


def _print(found: Diagnostics) -> None:
    typer.echo(f"server      {found.server}")
    typer.echo(f"privileges  {found.privileges}")
    typer.echo(f"commands    {len(found.commands)}")
    for node in found.commands:
        typer.echo(f"            {node}")
    for line in columns([["BUILT-IN", "", ""], *([check.name, check.state, check.note] for check in found.checks)]):
        typer.echo(line)


def _as_json(found: Diagnostics) -> dict[str, object]:
    server = {key: value for key, value in asdict(found.server).items() if value}
    checks = [{"name": check.name, "state": check.state.name.lower(), "note": check.note} for check in found.checks]
    return {"server": server, "privileges": found.privileges, "commands": found.commands, "checks": checks}


async def _diagnose(path: Path | None, beside: bool) -> Diagnostics:
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # else what was made would be left behind
    config = configured(path)
    if not beside and config.xmpp.backend == "component":
        await expect_no_gateway(config)
    gateway = Gateway(_beside(config), script_dirs(config, create=False), command_dirs=command_dirs(config, create=False))
    await gateway.start()
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        await _await_link(gateway)
        listener = CheckListener(progress=_show_progress, warn=_warn)
        found = await diagnose(gateway, listener)
        return replace(found, checks=(*found.checks, *await check_issuers(gateway, listener)))
    finally:
        await gateway.stop()


async def expect_no_gateway(config: Config) -> None:
    """Refuse to disturb a gateway that runs with a configuration: it has the lock of the database, or listens for ``tigrest ctl``.

    Raises:
        GatewayRunning: there is one, or it cannot be seen whether there is.
        ConfigError: the database cannot be used.
        DatabaseUnreachable: its server cannot be reached, so that it cannot be seen either.
    """
    cure = "stop it before, or add --beside to disturb it"
    try:
        holder = await Database(config.state.database).gateway()
        if holder is None and config.ctl.socket:
            holder = listener_at(Path(config.ctl.socket))
    except DatabaseUnreachable as error:
        raise DatabaseUnreachable(f"{error}; it would tell whether a gateway runs with this configuration: if one does, {cure}") from None
    except OSError as error:
        raise GatewayRunning(f"whether a gateway runs with this configuration cannot be seen: {error}; if one does, {cure}") from None
    if holder is not None:
        known = f" ({holder})" if holder else ""
        harm = "a check as the same component would take its link away, or a part of its answers"
        raise GatewayRunning(f"a gateway runs with this configuration{known}, and {harm}; {cure}")


async def _await_link(gateway: Gateway) -> None:
    try:
        async with asyncio.timeout(RETURN_SECONDS):
            await linked(gateway.backend)
    except TimeoutError:
        pass  # which is told as the reason of all others


def _show_progress(name: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"tigrest: trying {name} …", err=True)


def _warn(line: str) -> None:
    typer.echo(f"tigrest: {line}", err=True)


def _beside(config: Config) -> Config:
    """Return a configuration for a gateway beside the running one: no state in common, no deliveries, nothing done by the clock."""
    memory = {"database": MEMORY}
    scripts = {"reload": False, "schedules": False}
    return overridden(config, scripts=scripts, state=memory, embedded=memory).model_copy(update={"webhooks": ()})
