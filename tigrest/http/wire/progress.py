"""Progress of sending: how many bytes the peer of a connection has acknowledged, as TCP counts them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

_NO_LINGER = struct.pack("ii", 1, 0)
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_SIZE = 148
_UNACKNOWLEDGED = struct.Struct("=I").unpack_from, 24
_ACKNOWLEDGED = struct.Struct("=Q").unpack_from, 120
_UNSENT = struct.Struct("=I").unpack_from, 144


def progress_of(transport: asyncio.Transport, waiting: int) -> int:
    """Return a number that stays the same while the peer takes nothing; -1 when nothing waits for it.

    On Linux it is the number of acknowledged bytes. Elsewhere it is the number of bytes that wait in this process, so that new bytes to
    send look like progress too.

    Args:
        transport: of the connection.
        waiting: bytes that wait in this process to be sent.

    tcp(7), ``struct tcp_info`` of linux/tcp.h
    """
    found = transport.get_extra_info("socket")
    if _TCP_INFO is None or found is None:
        return waiting or -1
    try:
        info = found.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _SIZE)
    except OSError:
        return waiting or -1
    if len(info) < _SIZE:
        return waiting or -1
    (unacknowledged,), (acknowledged,), (unsent,) = [unpack(info, offset) for unpack, offset in (_UNACKNOWLEDGED, _ACKNOWLEDGED, _UNSENT)]
    return int(acknowledged) if waiting or unacknowledged or unsent else -1


def reset(transport: asyncio.Transport) -> None:
    """Close a connection with a reset; otherwise the kernel would retransmit what was sent for minutes. socket(7), ``SO_LINGER``"""
    found = transport.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
