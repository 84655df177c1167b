"""The configuration of a command."""

from __future__ import annotations

import os
from pathlib import Path

from tigrest.config import Config, find, load


def configured(path: Path | None) -> Config:
    """Read the configuration that a command is to use.

    Args:
        path: what ``--config`` says, if anything.

    Raises:
        ConfigError: it cannot be used.
    """
    return load(find(path, os.environ, Path()), os.environ)
