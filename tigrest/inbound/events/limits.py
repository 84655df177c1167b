"""Limits of the event stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EventLimits:
    """Limits of the event stream.

    Args:
        read_seconds: how long an address counts as read after its last reader has left: most readers come back in a moment.
        keep_seconds: how long events are kept and collected after the last reader has left.
        total_bytes: most bytes of events of all addresses; beyond them the address that has most loses its oldest.
        addresses: most addresses for which events are kept; beyond them the one is dropped whose reader left longest ago.
        streams: most streams open at once; fewer than ``addresses``.
        user_streams: most streams open at once for one user.
        retry_after: seconds after which to try again when there are too many streams.
        ring_events: most events kept for an address. One read from the server's link can have a thousand stanzas, all before anything
            is sent to readers.
        ring_bytes: most bytes of them; a single event may be larger.
        keep_alive: seconds of silence after which a comment is sent, so that no proxy closes the connection as idle.
        piece_bytes: bytes after which the next events are sent in another piece.
    """

    read_seconds: float = 60.0
    keep_seconds: float = 600.0
    total_bytes: int = 64 * 1024 * 1024
    addresses: int = 2000
    streams: int = 1000
    user_streams: int = 10
    retry_after: float = 10.0
    ring_events: int = 5000
    ring_bytes: int = 1024 * 1024
    keep_alive: float = 15.0
    piece_bytes: int = 65536
