"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

ConfigOption = Annotated[
    Optional[Path],  # noqa: UP045 – read by typer
    typer.Option("--config", metavar="FILE", help="Configuration; else $TIGREST_CONFIG, ./etc/config.toml, built-in defaults."),
]
ExpiresOption = Annotated[Optional[str], typer.Option(metavar="TIME", help="Its lifetime, e.g. 90d; default no end.")]  # noqa: UP045
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
