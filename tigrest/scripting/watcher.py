"""Watch scripts for changes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

log = logging.getLogger(__name__)

DEBOUNCE_MS = 150
"""Milliseconds to wait for further changes, so that a save in several steps is one change."""


class _ScriptFilter(DefaultFilter):
    """Scripts, helpers, templates and folders; never bytecode, editors' temporary files or version control.

    Folders, because what is written into a new one right away is not seen: it is there before it is watched.
    """

    def __call__(self, change: Change, path: str) -> bool:
        return (path.endswith((".py", ".html")) or "." not in path.rpartition("/")[2]) and super().__call__(change, path)


async def changes(dirs: Sequence[Path]) -> AsyncIterator[set[Path]]:
    """Give the files that changed below some directories, until the task is cancelled.

    Args:
        dirs: directories that exist.
    """
    async for found in awatch(*dirs, watch_filter=_ScriptFilter(), debounce=DEBOUNCE_MS, step=25, recursive=True):
        yield {Path(path) for _, path in found}
