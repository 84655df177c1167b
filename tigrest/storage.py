"""Where state is kept: one SQL database, SQLite in WAL mode by default."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tigrest.errors import ConfigError

MEMORY = ":memory:"
"""Location of a database that lives and dies with the process."""

BUSY_SECONDS = 10
"""How long a writer waits for another process's transaction."""


class Database:
    """A database and the tables that rooms register on it.

    Args:
        location: a file path, :data:`MEMORY`, or a SQLAlchemy URL such as ``postgresql+asyncpg://…``.
    """

    def __init__(self, location: str | Path) -> None:
        self.location = str(location)
        self._engine: AsyncEngine | None = None

    @property
    def engine(self) -> AsyncEngine:
        """The engine; only between :meth:`start` and :meth:`stop`."""
        assert self._engine is not None, "Database.start() first"
        return self._engine

    async def start(self, *tables: MetaData) -> None:
        """Open the database and create the tables that are missing. May be called again with further tables.

        Raises:
            ConfigError: the file or its folder cannot be used.
        """
        try:
            if self._engine is None:
                self._engine = self._open()
            async with self._engine.begin() as connection:
                for metadata in tables:
                    await connection.run_sync(metadata.create_all)
        except (OSError, SQLAlchemyError) as error:
            await self.stop()
            reason = getattr(error, "orig", None) or error
            raise ConfigError(f"database {self._shown()} cannot be used: {reason}; check that the folder exists and is writable") from error

    def _open(self) -> AsyncEngine:
        """Make the engine; its errors do not show parameters, which may be secrets."""
        if "://" in self.location:
            return create_async_engine(self.location, pool_pre_ping=True, hide_parameters=True)
        if self.location == MEMORY:
            return _open_in_memory()
        path = Path(self.location)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what lies beside it (WAL) gets the same permissions
        url = URL.create("sqlite+aiosqlite", database=self.location)
        engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine

    def _shown(self) -> str:
        return make_url(self.location).render_as_string(hide_password=True) if "://" in self.location else self.location

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end, rolled back on an error."""
        async with self.engine.begin() as connection:
            yield connection

    async def stop(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.dispose()


def _open_in_memory() -> AsyncEngine:
    """Open a database that is its one connection: transactions take turns on it, and nothing may close it before the end."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "handle_error", _keep_connection)
    return engine


def _keep_connection(context: ExceptionContext) -> None:
    """Keep a connection whose task was cancelled: SQLAlchemy would close it, and with it drop the database."""
    context.is_disconnect = False


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
