"""``tigrest check --live``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from tigrest.cli.configured import configured, overridden
from tigrest.cli.tables import columns
from tigrest.concurrency.loop import run
from tigrest.config import Config, script_dirs
from tigrest.gateway import Gateway
from tigrest.gateway.diagnostics import Diagnostics, diagnose
from tigrest.state.location import MEMORY

SETTLE_SECONDS = 1.0
"""Seconds to wait for the privileges that the server announces after the connection (XEP-0356)."""


def print_diagnostics(path: Path | None) -> int:
    """Connect to the XMPP server, and print what it is, what it grants and what works with it.

    Args:
        path: configuration file from ``--config``, if any.

    Returns:
        Exit code: 0 when everything works, 1 when something does not.

    Raises:
        NotConnected: the server cannot be reached, or refuses the component.
    """
    found = run(_diagnose(path))
    typer.echo(f"server      {found.server}")
    typer.echo(f"privileges  {found.privileges}")
    typer.echo(f"commands    {len(found.commands)}")
    for node in found.commands:
        typer.echo(f"            {node}")
    rows = [[check.name, "works" if check.works else "needs", check.note] for check in found.checks]
    for line in columns([["BUILT-IN", "", ""], *rows]):
        typer.echo(line)
    return 0 if all(check.works for check in found.checks) else 1


async def _diagnose(path: Path | None) -> Diagnostics:
    config = configured(path)
    gateway = Gateway(_beside(config), script_dirs(config, create=False))
    await gateway.start()
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        return await diagnose(gateway)
    finally:
        await gateway.stop()


def _beside(config: Config) -> Config:
    """Return a configuration for a gateway beside the running one: it has no state in common with it, and delivers nothing."""
    memory = {"database": MEMORY}
    return overridden(config, scripts={"reload": False}, state=memory, embedded=memory).model_copy(update={"webhooks": ()})
