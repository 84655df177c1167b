"""``tigrest check --live``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from tigrest.cli.configured import configured
from tigrest.cli.tables import columns
from tigrest.concurrency.loop import run
from tigrest.config import script_dirs
from tigrest.gateway import Gateway
from tigrest.gateway.diagnostics import Diagnostics, survey

SETTLE_SECONDS = 1.0
"""How long the server gets to say what it grants."""


def check_live(path: Path | None) -> int:
    """Connect, and print what is behind the gateway and what works with it.

    Args:
        path: configuration file that was named.

    Returns:
        Exit code: 0 when everything works, 1 when something does not.

    Raises:
        NotConnected: there is no connection to the server.
    """
    found = run(_survey(path))
    typer.echo(f"server      {found.server}")
    typer.echo(f"privileges  {found.privileges}")
    typer.echo(f"commands    {len(found.commands)}")
    for node in found.commands:
        typer.echo(f"            {node}")
    rows = [[finding.name, "works" if finding.works else "needs", finding.note] for finding in found.findings]
    for line in columns([["BUILT-IN", "", ""], *rows]):
        typer.echo(line)
    return 0 if all(finding.works for finding in found.findings) else 1


async def _survey(path: Path | None) -> Diagnostics:
    config = configured(path)
    still = config.model_copy(update={"scripts": config.scripts.model_copy(update={"reload": False})})
    gateway = Gateway(still, script_dirs(config, create=False))
    await gateway.start()
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        return await survey(gateway)
    finally:
        await gateway.stop()
