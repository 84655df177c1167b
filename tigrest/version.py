"""The version of the program."""

from __future__ import annotations

from importlib import metadata


def _installed() -> str:
    try:
        return metadata.version("tigrest")
    except metadata.PackageNotFoundError:
        return "unknown"  # run from a checkout that is not installed


__version__ = _installed()
"""As ``pyproject.toml`` has it, or ``unknown`` when the package is not installed."""
