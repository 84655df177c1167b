"""Open and use a database: SQLite in WAL mode, in a file or in memory, or PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InvalidRequestError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tigrest.errors import ConfigError, DatabaseUnreachable, InvalidValue, StorageUnavailable
from tigrest.observability.log_limit import LogLimit
from tigrest.state.database_errors import has_wrong_character, is_too_long, is_unavailable, is_wrong_value, reason
from tigrest.state.files import make_private_folder, tighten
from tigrest.state.location import MEMORY, Location
from tigrest.state.lock import Lock, OnLost, file_holder, is_locked, lock_of
from tigrest.state.migration import create_in_memory, migrate
from tigrest.state.schema import Schema
from tigrest.state.sqlite import SqliteConnector

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatabaseLimits:
    """Limits of the time that a database may take, in seconds.

    Args:
        busy_seconds: that a transaction waits for another process's, or for a connection of the pool.
        complaint_seconds: between two lines in the log about a database that cannot be used.
        lock_seconds: between two looks whether a server still keeps our lock.
    """

    busy_seconds: float = 5.0
    complaint_seconds: float = 60.0
    lock_seconds: float = 5.0


class Database:
    """A database, and the schemas in it that are used.

    Args:
        location: a file path, :data:`~tigrest.state.location.MEMORY`, or a SQLAlchemy URL such as ``postgresql+asyncpg://…``.
        limits: how long things may take.
        on_lost: makes this the only gateway on the database, whose start is refused while there is another. Called if another one
            has taken it in spite of that: see :class:`~tigrest.state.lock.PostgresLock`. Commands beside a gateway leave it out.

    Raises:
        ConfigError: the location is a URL that cannot be read.
    """

    def __init__(self, location: str | Path, limits: DatabaseLimits | None = None, on_lost: OnLost | None = None) -> None:
        self.location = Location.of(location)
        self._limits = limits or DatabaseLimits()
        self._engine: AsyncEngine | None = None
        self._sqlite: SqliteConnector | None = None
        self._ready: set[str] = set()
        self._lock: Lock | None = lock_of(self.location, on_lost, self._limits.lock_seconds) if on_lost is not None else None
        self._log_limit = LogLimit(self._limits.complaint_seconds)

    @property
    def engine(self) -> AsyncEngine:
        """Return the engine; only between :meth:`start` and :meth:`stop`."""
        assert self._engine is not None, "Database.start() first"
        return self._engine

    async def start(self, *schemas: Schema) -> None:
        """Open the database and bring schemas to their newest version. May be called again with further schemas.

        Args:
            schemas: those whose tables will be used.

        Raises:
            ConfigError: the database cannot be used, or is of a newer version than the program.
            DatabaseInUse: there is another gateway on it.
            DatabaseUnreachable: its server cannot be reached.
        """
        try:
            if self._engine is None:
                self._engine = await self._open()
                if self._lock is not None:
                    await self._lock.acquire()
            for schema in schemas:
                if schema.name not in self._ready:
                    await self._prepare(self._engine, schema)
                    self._ready.add(schema.name)
        except (OSError, sqlite3.Error, SQLAlchemyError, ValueError, OverflowError) as error:
            await self.stop()
            raise self._start_error(error) from error
        except BaseException:
            await self.stop()
            raise

    async def gateway(self) -> str | None:
        """Return which gateway uses the database, for people: empty where that is not known, ``None`` where none does.

        Nothing is made or changed; the database need not be started.

        Raises:
            ConfigError: the database cannot be used.
            DatabaseUnreachable: its server cannot be reached.
            OSError: its lock may not be looked at.
        """
        if self.location.file is not None:
            return file_holder(self.location.file)
        if not self.location.is_postgres:
            return None
        engine = await asyncio.to_thread(self._open_server)
        try:
            async with engine.connect() as connection:
                return "" if await is_locked(connection) else None
        except (OSError, SQLAlchemyError, ValueError, OverflowError) as error:
            raise self._start_error(error) from error
        finally:
            await engine.dispose()

    async def _prepare(self, engine: AsyncEngine, schema: Schema) -> None:
        if self.location.is_in_memory:
            await create_in_memory(engine, schema)
        else:
            await migrate(engine, schema, str(self.location))

    def _start_error(self, error: Exception) -> Exception:
        """Return what a start that failed is told as."""
        if self.location.file is None and is_unavailable(error) and not is_wrong_value(error):
            return DatabaseUnreachable(f"database {self.location} cannot be reached: {self._reason(error)}")
        cure = "check that the folder exists and is writable" if self.location.file is not None else "check its URL"
        return ConfigError(f"database {self.location} cannot be used: {self._reason(error)}; {cure}")

    async def _open(self) -> AsyncEngine:
        """Make the engine; its errors do not show parameters, which may be secrets."""
        if self.location.is_in_memory:
            return self._open_in_memory()
        if self.location.file is not None:
            return self._open_file(self.location.file)
        return await asyncio.to_thread(self._open_server)  # importing a driver takes its time

    def _open_server(self) -> AsyncEngine:
        try:
            return create_async_engine(self.location.url, pool_pre_ping=True, pool_timeout=self._limits.busy_seconds, hide_parameters=True)
        except ModuleNotFoundError as error:
            if self.location.is_postgres:
                cure = "pip install 'tigrest[postgres]'"
            else:
                cure = "other kinds are not supported: use a file or postgresql+asyncpg://user:password@host/name"
            raise ConfigError(f"database {self.location} needs the driver {error.name}, which is not installed: {cure}") from None
        except (NoSuchModuleError, InvalidRequestError) as error:
            cure = "use a file or postgresql+asyncpg://user:password@host/name"
            raise ConfigError(f"database {self.location} is of no kind that can be used ({error}); {cure}") from None

    def _open_file(self, path: Path) -> AsyncEngine:
        make_private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives -wal and -shm the same permissions
        for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
            tighten(path.with_name(path.name + suffix))
        self._sqlite = SqliteConnector(str(path), self._limits.busy_seconds)
        return create_async_engine(
            self.location.url, async_creator=self._sqlite.connect, pool_timeout=self._limits.busy_seconds, hide_parameters=True
        )

    def _open_in_memory(self) -> AsyncEngine:
        """Open a database that is its one connection: transactions take turns on it, and nothing may close it before the end."""
        self._sqlite = SqliteConnector(MEMORY, self._limits.busy_seconds)
        engine = create_async_engine(
            "sqlite+aiosqlite://",
            async_creator=self._sqlite.connect,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=1,
            max_overflow=0,
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "handle_error", _keep_connection)
        return engine

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end, rolled back on an error.

        Raises:
            InvalidValue: a value is too long for an index of PostgreSQL, or has a character that it does not keep.
            StorageUnavailable: the database is locked, full or out of reach; nothing was changed.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout, sqlite3.Error, OSError) as error:
            if is_too_long(error):
                raise InvalidValue("a value is too long to be stored") from error
            if has_wrong_character(error):
                raise InvalidValue("a text has a character that cannot be stored") from error
            if not is_unavailable(error):
                raise
            self._complain(error)
            raise StorageUnavailable(f"the database cannot be used now{self._told(error)}") from error

    def _complain(self, error: Exception) -> None:
        """Log why the database cannot be used, once in a while: reads may go well while writes fail."""
        if self._log_limit.admit() is not None:
            log.error("database %s cannot be used: %s; requests that need it are answered 503", self.location, self._reason(error))

    def _told(self, error: Exception) -> str:
        """Return the reason as callers may read it: a driver's own words may name hosts and users."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        return f": {self._reason(error)}" if isinstance(cause, sqlite3.Error | PoolTimeout) else ""

    def _reason(self, error: Exception) -> str:
        if isinstance(error, PoolTimeout):
            return f"none of its connections was free within {self._limits.busy_seconds:g} s"
        return reason(error)

    async def stop(self) -> None:
        """Close all connections, and let another gateway have the database."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            self._ready.clear()
            try:
                await engine.dispose()
                if self._sqlite is not None:
                    await self._sqlite.stop()
            finally:
                if self._lock is not None:
                    await self._lock.release()


def _keep_connection(context: ExceptionContext) -> None:
    """Keep a connection whose task was cancelled: SQLAlchemy would close it, and with it drop the database."""
    context.is_disconnect = False
