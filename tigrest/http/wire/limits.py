"""Time limits of connections and of the server."""

from __future__ import annotations

from dataclasses import dataclass

BODY_SECONDS = 60.0
"""Most seconds that a request's body may take to arrive, whatever is configured."""

SEND_SECONDS = 60.0
"""Seconds that a connection is kept while its peer takes nothing of what is sent to it."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of one connection; times in seconds.

    Args:
        body: how long a request's body may be waited for, in all.
        upload_rate: bytes a second that an upload has to come with on average, beyond the time of ``body``.
        send: how long a peer may take nothing of what is sent to it.
        progress: how long a connection may take for its first request, and for what it has sent the beginning of: the rest of a request
            head, or of one part of a body.
        linger: how long the rest of a refused request is read and dropped, so that a reset does not take the answer away.
        linger_bytes: how much of it, in bytes.
        flush: how long the end of an event stream may take to reach a caller who does not read.
    """

    body: float = BODY_SECONDS
    upload_rate: float = 8192.0
    send: float = SEND_SECONDS
    progress: float = 30.0
    linger: float = 2.0
    linger_bytes: int = 8 * 1024 * 1024
    flush: float = 1.0


DEFAULT_LIMITS = ConnectionLimits()


@dataclass(frozen=True)
class ServerLimits:
    """Limits of the server; times in seconds.

    Args:
        connection: of each connection; ``[http]`` sets its ``body`` and ``send``.
        backlog: connections that may wait to be accepted.
        idle: how long an idle connection is kept; a little longer than proxies keep theirs.
        stop: how long the gateway may take to stop.
        cancelled: how long cancelled tasks may take to end.
        stall_check: how often connections are checked for peers that take nothing.
    """

    connection: ConnectionLimits = DEFAULT_LIMITS
    backlog: int = 2048
    idle: int = 65
    stop: float = 10.0
    cancelled: float = 2.0
    stall_check: float = 5.0


DEFAULT_SERVER_LIMITS = ServerLimits()
