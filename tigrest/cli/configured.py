"""Read the configuration that a command uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tigrest.config import Config, find, load
from tigrest.errors import ConfigError


def configured(path: Path | None) -> Config:
    """Read the configuration file from ``--config`` or its usual places, with the environment over it.

    Args:
        path: configuration file from ``--config``, if any.

    Raises:
        ConfigError: it cannot be read, or is not valid.
    """
    return load(find(path, os.environ, Path()), os.environ)


def expect_readable_again(path: Path | None) -> None:
    """Refuse to read a configuration again that can be read once only, as ``--config <(decrypt config.toml)`` makes one.

    A pipe that was read is empty, which would be valid and leave nothing but defaults, or it waits for a writer for ever.

    Args:
        path: the configuration file; ``None`` for the built-in defaults.

    Raises:
        ConfigError: it is a pipe, a device or a socket.
    """
    if path is not None and path.exists() and not path.is_file() and not path.is_dir():
        raise ConfigError(f"{path} is no regular file, so it cannot be read again; restart to have another configuration")


def overridden(config: Config, **sections: Mapping[str, object]) -> Config:
    """Return a configuration with other values in some of its sections.

    Args:
        config: the configuration; it stays as it is.
        sections: new values by key, for each section by its name. They are not validated.
    """
    return config.model_copy(update={name: getattr(config, name).model_copy(update=values) for name, values in sections.items()})
