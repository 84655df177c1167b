"""Lock a database for one gateway: two would deliver everything twice. The second is refused at the start.

A lock ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import DatabaseInUse
from tigrest.state.location import Location

log = logging.getLogger(__name__)

OnLost = Callable[[DatabaseInUse], None]
"""Called once when another gateway has taken the database."""

CLASS = 0x74696772
"""First half of the key of the advisory lock; the second is the schema that the tables are in."""

_KEY = "CAST(:class AS integer), hashtext(current_schema())"
_TRY = sa.text(f"SELECT pg_try_advisory_lock({_KEY})")
_HELD = sa.text(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = CAST(:class AS integer)"
    " AND objid = CAST(hashtext(current_schema()) AS oid)"
)
_END_OURS = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = CAST(:class AS integer)"
    " AND application_name = :name AND pid <> pg_backend_pid()"
)
"""Ends a session of ours that the server has not seen die yet."""


class Lock(Protocol):
    """A lock on a database."""

    async def acquire(self) -> None:
        """Take the lock.

        Raises:
            DatabaseInUse: another gateway has it.
        """

    async def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""


class FileLock:
    """A lock on a file of its own beside the database: SQLite's locks on its file would go when we close ours.

    Args:
        database: path of the database.
        name: of the database, for people.
    """

    def __init__(self, database: Path, name: str) -> None:
        self._database, self._name = database, name
        self._descriptor: int | None = None

    async def acquire(self) -> None:
        """Take the lock; see :meth:`Lock.acquire`."""
        descriptor = os.open(_lock_file(self._database), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            raise DatabaseInUse(self._name, holder) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    async def release(self) -> None:
        """Give the lock back. The file stays: whoever deleted it might delete the next one's."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def file_holder(database: Path) -> str | None:
    """Return which process holds the lock on a database, for people: empty where that is not known, ``None`` where nobody does.

    Nothing is made or changed. A gateway that takes the lock in the same microseconds would be refused.

    Args:
        database: path of the database.

    Raises:
        OSError: the lock may not be looked at.
    """
    try:
        descriptor = os.open(_lock_file(database), os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock_file(database: Path) -> Path:
    return database.with_name(database.name + ".lock")


def _read_holder(descriptor: int) -> str:
    holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
    return f"process {holder}" if holder else ""


async def is_locked(connection: AsyncConnection) -> bool:
    """Return whether a gateway holds the lock on a database of PostgreSQL.

    Args:
        connection: to the database.
    """
    return (await connection.execute(_HELD, {"class": CLASS})).first() is not None


class PostgresLock:
    """A session's advisory lock, on a connection of its own that is looked after.

    When the connection is lost the server takes the lock back. It is asked for again as soon as the server answers; meanwhile the gateway
    goes on, since most likely the server was just restarted. When another gateway was quicker, this one has to stop.

    Args:
        location: of the database.
        on_lost: told when another gateway has taken the database.
        seconds: between two looks at the connection, and between attempts to get it back.
    """

    def __init__(self, location: Location, on_lost: OnLost, seconds: float) -> None:
        self._location, self._on_lost, self._seconds = location, on_lost, seconds
        self._name = f"tigrest {secrets.token_hex(6)}"
        self._engine: AsyncEngine | None = None
        self._connection: AsyncConnection | None = None
        self._tasks = TaskSet()

    async def acquire(self) -> None:
        """Take the lock; see :meth:`Lock.acquire`."""
        keepalive = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
        settings = {"application_name": self._name, **keepalive}
        self._engine = create_async_engine(
            self._location.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={"server_settings": settings, "command_timeout": max(self._seconds, 1.0)},
        )
        try:
            await self._connect()
        except BaseException:
            await self._disconnect()
            raise
        self._tasks.start(self._watch())

    async def release(self) -> None:
        """Give the lock back."""
        await self._tasks.stop()
        await self._disconnect()

    async def _connect(self) -> None:
        """Open a connection and take the lock on it."""
        assert self._engine is not None, "acquire() first"
        self._connection = await self._engine.connect()
        if await self._try():
            return
        await self._connection.execute(_END_OURS, {"class": CLASS, "name": self._name})
        await asyncio.sleep(min(self._seconds, 0.2))
        if not await self._try():
            raise DatabaseInUse(str(self._location))

    async def _try(self) -> bool:
        assert self._connection is not None
        return bool((await self._connection.execute(_TRY, {"class": CLASS})).scalar_one())

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                await connection.invalidate()  # closes it, whatever state it is in
                await connection.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                assert self._connection is not None
                await self._connection.execute(sa.text("SELECT 1"))
            except (SQLAlchemyError, OSError) as error:
                log.error("the lock on database %s is lost: %s; taking it again", self._location, getattr(error, "orig", None) or error)
                if not await self._regain():
                    return

    async def _regain(self) -> bool:
        """Take the lock again as soon as possible; tell whether that worked."""
        while True:
            await self._disconnect()
            try:
                await self._connect()
            except DatabaseInUse as error:
                await self._disconnect()
                self._on_lost(error)
                return False
            except (SQLAlchemyError, OSError) as error:
                log.debug("the lock is not taken yet: %s", error)
                await asyncio.sleep(self._seconds)
            else:
                log.info("the lock on database %s is held again", self._location)
                return True


def lock_of(location: Location, on_lost: OnLost, seconds: float) -> Lock | None:
    """Return the lock for a database; ``None`` where there can be no other gateway.

    Args:
        location: of the database.
        on_lost: told when another gateway has taken the database nevertheless.
        seconds: between two looks whether the lock is still held.
    """
    if location.file is not None:
        return FileLock(location.file, str(location))
    return PostgresLock(location, on_lost, seconds) if location.is_postgres else None
