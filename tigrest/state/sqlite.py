"""Connections to SQLite, each of which has a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import aiosqlite

from tigrest.concurrency.tasks import TaskSet


class SqliteConnector:
    """Opens the connections of one engine; see ``async_creator`` of :func:`sqlalchemy.ext.asyncio.create_async_engine`.

    A task may be cancelled while its connection is being opened. aiosqlite then ends the connection's thread without waiting for it, so
    that it reports to an event loop which may be closed by then. Here the opening goes on, and the connection is closed after it.

    Args:
        database: path of the file, or ``:memory:``.
        busy_seconds: that a transaction waits for another process's.
    """

    def __init__(self, database: str, busy_seconds: float) -> None:
        self._database, self._busy_seconds = database, busy_seconds
        self._openings = TaskSet(logs=False)
        self._closings = TaskSet()

    async def connect(self) -> aiosqlite.Connection:
        """Open a connection."""
        opening = self._openings.start(self._open())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._closings.start(_close_after(opening))
            raise

    async def stop(self) -> None:
        """Wait for the end of connections that nobody waits for."""
        while closings := tuple(self._closings):
            await asyncio.wait(closings)

    async def _open(self) -> aiosqlite.Connection:
        connection = aiosqlite.connect(
            self._database,
            timeout=self._busy_seconds,
            factory=_Connection,
            check_same_thread=False,  # the garbage collector may close it in another one
        )
        connection._thread.daemon = True  # as SQLAlchemy does: it keeps no process alive that ends without closing it
        return await connection


async def _close_after(opening: asyncio.Task[aiosqlite.Connection]) -> None:
    """Close a connection as soon as it is open; one that cannot be opened has ended already."""
    await asyncio.wait([opening])
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()


class _Connection(sqlite3.Connection):
    """A connection with our settings. It makes them itself, in its thread: each statement of SQLAlchemy's takes several ways there.

    Args:
        args: as for :class:`sqlite3.Connection`.
        options: as for :class:`sqlite3.Connection`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            self.execute(f"PRAGMA {setting}").close()
