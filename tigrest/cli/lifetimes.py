"""Lifetimes of keys and tokens on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tigrest.errors import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def seconds_of(lifetime: str | None) -> float | None:
    """Return the seconds of a lifetime such as ``90d``; ``None`` for no end.

    Raises:
        ConfigError: it is none.
    """
    if lifetime is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})([smhdwy])", lifetime)
    if match is None:
        raise ConfigError(f'--expires "{lifetime}" is no lifetime; write a number with s, m, h, d, w or y, such as 90d')
    return float(match[1]) * _UNITS[match[2]]


def utc_of(seconds: float | None) -> str | None:
    """Return a time in seconds of Unix time as UTC in ISO 8601; ``None`` for never."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
