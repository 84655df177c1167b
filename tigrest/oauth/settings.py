"""Settings of the authorisation server: ``[auth.tokens]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Registration = Literal["off", "key", "open"]
"""Callers who may register clients: nobody, those with an API key, or everybody."""


@dataclass(frozen=True)
class OAuthSettings:
    """Settings of the authorisation server.

    Args:
        register: who may register clients.
        access_seconds: lifetime of access tokens.
        refresh_seconds: lifetime of refresh tokens, each use of which makes one anew; also most that a caller may ask for as ``ttl``.
    """

    register: Registration = "off"
    access_seconds: float = 3600.0
    refresh_seconds: float = 2592000.0
