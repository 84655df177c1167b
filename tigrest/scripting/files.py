"""The files of the scripts directories: a walk that follows symbolic links, and a fingerprint of what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

WATCHED = (".py", ".html", ".txt")
"""Ends of the names of scripts, helpers and templates."""


class Folder(NamedTuple):
    """A folder of a scripts directory.

    Args:
        path: the folder, as it is reached.
        files: its files, sorted by name.
    """

    path: str
    files: list[os.DirEntry[str]]


def folders_of(
    root: str | Path, on_error: Callable[[OSError], object] = lambda error: None, above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Folder]:
    """Walk over a folder and those in it, but not over what begins with a dot. Symbolic links are followed.

    A link to a folder that it lies in is left out: there is no end to what is below.

    Args:
        root: the folder; nothing is found where there is none.
        on_error: called with what cannot be read.
        above: device and inode of the folders that it lies in.
    """
    try:
        status = Path(root).stat()
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        on_error(error)
        return
    identity = status.st_dev, status.st_ino
    if identity in above:
        return
    files: list[os.DirEntry[str]] = []
    folders: list[os.DirEntry[str]] = []
    for entry in entries:
        if entry.name[0] != ".":
            (folders if _is_folder(entry) else files).append(entry)
    yield Folder(str(root), files)
    for entry in folders:
        yield from folders_of(entry.path, on_error, above | {identity})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder; not one that nobody can tell of, such as a link to itself."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def fingerprint(roots: Sequence[Path]) -> int:
    """Return a number that changes when a script, helper, template or folder does: made of names, sizes, times and inodes.

    Args:
        roots: the scripts directories.
    """
    found: list[tuple[object, ...]] = []
    for root in roots:
        for folder in folders_of(root):
            found.append((folder.path,))
            found.extend((entry.name, *_state(entry)) for entry in folder.files if entry.name.endswith(WATCHED))
    return hash(tuple(found))


def _state(entry: os.DirEntry[str]) -> tuple[int, ...]:
    try:
        status = entry.stat()
    except OSError as error:
        return (error.errno or 0,)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode


def identities(folders: Sequence[Path]) -> tuple[tuple[int, int] | None, ...]:
    """Return device and inode of each folder; ``None`` of one that is not there."""
    return tuple(_identity(folder) for folder in folders)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
