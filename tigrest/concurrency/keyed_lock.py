"""Do one thing at a time to each of many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from tigrest.errors import Unavailable

MAX_WAITING = 64
"""Most that may wait for one key."""


class _Entry:
    """The lock of a key, and the number of those who hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class KeyedLock:
    """A lock for each key; those of keys that nobody uses are forgotten.

    Args:
        what: is done to a key, in the plural, for the message when too many wait.
        waiting: most that may wait for one key.
    """

    def __init__(self, what: str, waiting: int = MAX_WAITING) -> None:
        self._what, self._waiting = what, waiting
        self._entries: dict[Hashable, _Entry] = {}

    @asynccontextmanager
    async def holding(self, key: Hashable) -> AsyncIterator[None]:
        """Hold the lock of a key; who came first has it first.

        Raises:
            Unavailable: too many wait for it already.
        """
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
        elif entry.users > self._waiting:
            raise Unavailable(f"{self._waiting} {self._what} of {key} wait already; try again")
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[key]

    def __len__(self) -> int:
        """Return the number of keys that are in use."""
        return len(self._entries)
