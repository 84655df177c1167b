"""Time limits of connections."""

from __future__ import annotations

from dataclasses import dataclass

BODY_SECONDS = 60.0
"""Most seconds that a request's body may take to arrive, whatever is configured."""

SEND_SECONDS = 60.0
"""Seconds that a connection is kept while its peer takes nothing of what is sent to it."""


@dataclass(frozen=True)
class Limits:
    """Time limits of connections, in seconds.

    Args:
        body: how long a request's body may be waited for, in all.
        send: how long a peer may take nothing of what is sent to it.
    """

    body: float = BODY_SECONDS
    send: float = SEND_SECONDS


DEFAULT_LIMITS = Limits()
