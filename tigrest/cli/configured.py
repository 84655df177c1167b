"""Read the configuration that a command uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
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


def overridden(config: Config, **sections: Mapping[str, object]) -> Config:
    """Return a configuration with other values in some of its sections.

    Args:
        config: the configuration; it stays as it is.
        sections: new values by key, for each section by its name. They are not validated.
    """
    return config.model_copy(update={name: getattr(config, name).model_copy(update=values) for name, values in sections.items()})
