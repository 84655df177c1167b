"""Addresses of Unix sockets. Standard library only, since the client needs them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

MAX_ADDRESS = 107
"""Bytes of a path that fit into the address of a socket, besides the final null. unix(7)"""


class Peer(NamedTuple):
    """The process at the other end of a Unix socket.

    Args:
        pid: its id.
        uid: the id of its user, when it connected or began to listen.
    """

    pid: int
    uid: int


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Give the address of a socket, for as long as it takes to bind or to connect.

    A path that is too long for an address is reached through a descriptor of its folder, as Linux allows.

    Args:
        path: of the socket.

    Raises:
        OSError: there is no such folder, or the path is too long nevertheless.
    """
    if len(os.fsencode(path)) <= MAX_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_of(connection: socket.socket) -> Peer | None:
    """Return who is at the other end of a Unix socket; ``None`` where the operating system does not tell. unix(7), SO_PEERCRED"""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid, uid, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("iII")))
    return Peer(pid, uid)


def user_name(uid: int) -> str:
    """Return the name of a user of the operating system, or his number where he has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def cure_for(uid: int) -> str:
    """Return who one has to be to use what a user of the operating system owns, for messages."""
    name = user_name(uid)
    return "be root" if uid == 0 else f"be {name} or root"
