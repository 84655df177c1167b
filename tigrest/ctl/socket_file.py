"""The file of the socket: made for its owner only, in place of one that a dead process left, and removed at the end."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tigrest.ctl.addresses import peer_of, socket_address

BACKLOG = 64
"""Connections that may wait to be accepted."""


class SocketInUse(OSError):
    """Another process listens there, or what is there is no socket; the message says which."""


class SocketFile:
    """A socket that listens at a path.

    Args:
        path: where; its folder is made if it is missing.

    Raises:
        SocketInUse: another process listens there, or something else is there.
        OSError: the socket cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            with _alone(path.with_name(f"{path.name}.lock")), socket_address(path) as address:
                self._bind(address)
                path.chmod(0o600)  # before it listens, so that nobody connects meanwhile
            self.socket.listen(BACKLOG)
            self._identity = _identity(path)
        except BaseException:
            self.socket.close()
            raise

    def _bind(self, address: str) -> None:
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(address).st_mode):
                raise SocketInUse(f"{self._path} is no socket; remove it, or name another path")
            if _is_alive(address):
                raise SocketInUse(f"another process listens at {self._path}; give this gateway another path")
            os.unlink(address)  # noqa: PTH108 - it may be the address of a path that is too long
        self.socket.bind(address)

    def remove(self) -> None:
        """Remove the file, if it is still this socket's."""
        with suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()


def listener_at(path: Path) -> str | None:
    """Return which process listens at a path, for people: empty where that is not known, ``None`` where none does.

    Args:
        path: of the socket.

    Raises:
        OSError: it may not be looked at.
    """
    try:
        with socket.socket(socket.AF_UNIX) as probe, socket_address(path) as address:
            probe.setblocking(False)
            probe.connect(address)
            peer = peer_of(probe)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except BlockingIOError:  # it does not accept
        return ""
    return f"process {peer.pid}" if peer is not None else ""


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _is_alive(address: str) -> bool:
    """Return whether a process listens at an address; one that does not accept does."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            return True
    return True


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other gateways from replacing the same dead socket at the same time.

    Args:
        path: of a file that stays, and that nobody else can open: whoever may read a file, or a folder, can keep it locked.

    Raises:
        OSError: another one does so.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # one that was there before may be open to all
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
