"""Read the configuration that a command uses."""

from __future__ import annotations

import os
from pathlib import Path

from tigrest.config import Config, find, load


def configured(path: Path | None) -> Config:
    """Read the configuration file from ``--config`` or its usual places, with the environment over it.

    Args:
        path: configuration file from ``--config``, if any.

    Raises:
        ConfigError: it cannot be read, or is not valid.
    """
    return load(find(path, os.environ, Path()), os.environ)
