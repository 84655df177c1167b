"""Where state is kept: one SQL database, SQLite in WAL mode by default."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tigrest.errors import ConfigError, StorageUnavailable
from tigrest.observability.log_limit import LogLimit

log = logging.getLogger(__name__)

MEMORY = ":memory:"
"""Location of a database that lives and dies with the process."""

BUSY_SECONDS = 5
"""How long a transaction waits for another process's, or for a connection of the pool."""

COMPLAINT_SECONDS = 60.0
"""How often a database that cannot be used is logged."""

TROUBLE = (StorageUnavailable, SQLAlchemyError, OSError)
"""What a transaction may raise that is worth another try."""

_OUT_OF_ORDER = frozenset(
    {"BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT", "FULL", "CANTOPEN", "PROTOCOL", "NOTADB"}
)
"""Results of SQLite that are trouble with the file, not with a statement. https://www.sqlite.org/rescode.html"""


class Database:
    """A database and the tables that rooms register on it.

    Args:
        location: a file path, :data:`MEMORY`, or a SQLAlchemy URL such as ``postgresql+asyncpg://…``.
    """

    def __init__(self, location: str | Path) -> None:
        self.location = str(location)
        self._engine: AsyncEngine | None = None
        self._log_limit = LogLimit(COMPLAINT_SECONDS)

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
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            await self.stop()
            raise ConfigError(
                f"database {self._shown()} cannot be used: {_reason(error)}; check that the folder exists and is writable"
            ) from error

    def _open(self) -> AsyncEngine:
        """Make the engine; its errors do not show parameters, which may be secrets."""
        if "://" in self.location:
            return create_async_engine(self.location, pool_pre_ping=True, hide_parameters=True)
        if self.location == MEMORY:
            return _open_in_memory()
        path = Path(self.location)
        make_private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives -wal and -shm the same permissions
        for suffix in ("", "-wal", "-shm", "-journal"):
            tighten(path.with_name(path.name + suffix))
        url = URL.create("sqlite+aiosqlite", database=self.location)
        engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_timeout=BUSY_SECONDS, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        return engine

    def _shown(self) -> str:
        return make_url(self.location).render_as_string(hide_password=True) if "://" in self.location else self.location

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end, rolled back on an error.

        Raises:
            StorageUnavailable: the database is locked, full or out of reach; nothing was changed.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout, sqlite3.Error, OSError) as error:
            if not _is_unavailable(error):
                raise
            self._complain(error)
            raise StorageUnavailable(f"the database cannot be used now{_told(error)}") from error

    def _complain(self, error: Exception) -> None:
        """Log why the database cannot be used, once in a while: reads may go well while writes fail."""
        if self._log_limit.admit() is not None:
            log.error("database %s cannot be used: %s; requests that need it are answered 503", self._shown(), _reason(error))

    async def stop(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.dispose()


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


def _is_unavailable(error: Exception) -> bool:
    """Tell whether an error is trouble with the database rather than with what was asked of it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(cause, "sqlite_errorname", None)
    if isinstance(name, str):
        return name.removeprefix("SQLITE_").partition("_")[0] in _OUT_OF_ORDER
    return not isinstance(error, DBAPIError) or error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def _told(error: Exception) -> str:
    """Return the reason as callers may read it: a driver's own words may name hosts and users."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f": {_reason(error)}" if isinstance(cause, sqlite3.Error | PoolTimeout) else ""


def _reason(error: Exception) -> str:
    if isinstance(error, PoolTimeout):
        return f"none of its connections was free within {BUSY_SECONDS} s"
    return str(getattr(error, "orig", None) or error) or type(error).__name__


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
