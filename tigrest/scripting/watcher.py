"""Watch scripts for changes: by the notices of the operating system at once, and by a look every second for what those do not tell.

Notices are for folders as they were when the watch began: nothing is heard of the targets of symbolic links, of a scripts directory that
is made anew or replaced by another link, or of files on a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from tigrest.scripting.files import WATCHED, fingerprint, identities

log = logging.getLogger(__name__)

DEBOUNCE_MS = 150
"""Milliseconds to wait for further changes, so that a save in several steps is one change."""

LOOK_SECONDS = 1.0
"""Seconds between two looks at all files."""


class _ScriptFilter(DefaultFilter):
    """Scripts, helpers, templates and folders; never bytecode, editors' temporary files or version control.

    Folders, because what is written into a new one right away is not seen: it is there before it is watched.
    """

    def __call__(self, change: Change, path: str) -> bool:
        return (path.endswith(WATCHED) or "." not in path.rpartition("/")[2]) and super().__call__(change, path)


async def changes(dirs: Sequence[Path]) -> AsyncIterator[None]:
    """Tell that something changed below some directories, until the task is cancelled.

    Args:
        dirs: directories; they may come and go.
    """
    noticed = asyncio.Event()
    seen, there = await asyncio.to_thread(_look, dirs)
    notices = asyncio.create_task(_notice(dirs, noticed))
    try:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await noticed.wait()
            is_noticed = noticed.is_set()
            noticed.clear()
            before = seen, there
            seen, there = await asyncio.to_thread(_look, dirs)
            if before[1] != there:
                await _end(notices)
                notices = asyncio.create_task(_notice(dirs, noticed))
            if is_noticed or before != (seen, there):
                yield
    finally:
        await _end(notices)


def _look(dirs: Sequence[Path]) -> tuple[int, object]:
    """Return a fingerprint of all files, and what the directories are."""
    return fingerprint(dirs), identities(dirs)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _notice(dirs: Sequence[Path], noticed: asyncio.Event) -> None:
    """Set an event at each notice of the operating system. Where there are none, the looks have to do."""
    failure = ""
    while there := [folder for folder in dirs if folder.is_dir()]:
        try:
            async for _ in awatch(*there, watch_filter=_ScriptFilter(), debounce=DEBOUNCE_MS, step=25):
                noticed.set()
        except* Exception as errors:  # of a name that is not UTF-8, or of too many files for the operating system
            if str(errors.exceptions[0]) != failure:
                failure = str(errors.exceptions[0])
                log.warning("the operating system's notices of changes fail, so scripts are looked at every second: %s", failure)
        await asyncio.sleep(LOOK_SECONDS)
