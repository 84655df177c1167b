"""Restrict files and folders with state to their owner."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

log = logging.getLogger(__name__)


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner only, whatever the umask; one that is there stays as it is.

    Whoever may write into a folder may replace what lies in it: that is logged.

    Args:
        folder: which; those above it are made with the permissions of the umask.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        log.warning("everybody may write into %s, where the state is kept: chmod o-w %s", folder, folder)


def tighten(path: Path) -> None:
    """Take a file with secrets away from everybody but its owner, if everybody could read or write it.

    A file that only its group may read stays so: somebody gave it to the group.

    Args:
        path: of the file; nothing happens when there is none.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            path.chmod(mode & stat.S_IRWXU)
            log.warning("%s was open to all users of this machine (mode %03o); it is its owner's only now", path, mode)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("%s is open to all users of this machine: have its owner run chmod 600 %s", path, path)
