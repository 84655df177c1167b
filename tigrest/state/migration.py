"""Bring a database to the newest version of a schema.

A new database gets the tables as they are now; one in memory is always new. One with tables of an older version is migrated by Alembic,
whose import takes longer than the rest of this together and is left out where there is nothing to migrate. Whoever else wants to do the
same waits meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tigrest.errors import ConfigError
from tigrest.state.schema import MIGRATIONS, Schema

log = logging.getLogger(__name__)

WAIT_SECONDS = 60
"""Seconds to wait for another process that migrates the same database."""

LOCK_KEY = 0x74697267
"""Key of the advisory lock on PostgreSQL that is held during a migration."""


async def migrate(engine: AsyncEngine, schema: Schema, name: str) -> None:
    """Bring a database to the newest version of a schema, in one transaction.

    Args:
        engine: of the database.
        schema: which tables.
        name: of the database, for messages.

    Raises:
        ConfigError: the database is of a newer version than the program.
    """
    async with engine.connect() as connection:
        if await connection.run_sync(_version, schema) == schema.versions[-1]:
            return
        is_old = await connection.run_sync(_has_tables, schema)
    if is_old:
        await asyncio.to_thread(_import_alembic)
    async with _alone(engine) as connection:
        version = await connection.run_sync(_version, schema)
        if version is None and not await connection.run_sync(_has_tables, schema):
            await connection.run_sync(_create, schema)
        elif version is None or version in schema.versions[:-1]:
            await connection.run_sync(run_versions, schema)
            log.info("database %s: schema %s %s → %s", name, schema.name, version or "without version", schema.versions[-1])
        elif version != schema.versions[-1]:
            raise ConfigError(
                f"database {name} was made by a newer tigrest (schema {schema.name} {version}, known up to {schema.versions[-1]}); "
                "install that one, or restore the backup from before its upgrade"
            )


def run_versions(connection: sa.Connection, schema: Schema) -> None:
    """Run the versions of a schema that a database does not have yet; tables that are there without a version stay as they are."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "version_table": schema.version_table.name})
    folders = {"script_location": MIGRATIONS, "version_locations": schema.folder}
    for option, folder in folders.items():
        config.set_main_option(option, str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    command.upgrade(config, "head")


def _import_alembic() -> None:
    """Import what :func:`run_versions` needs; done in a thread, since it takes its time."""
    from alembic import command  # noqa: F401


def _version(connection: sa.Connection, schema: Schema) -> str | None:
    """Return the version of a schema that a database has; ``None`` when it has none."""
    table = schema.version_table
    if not sa.inspect(connection).has_table(table.name):
        return None
    return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()


def _has_tables(connection: sa.Connection, schema: Schema) -> bool:
    """Return whether there are tables of a schema: programs from before the first migration made them without a version."""
    return not schema.metadata.tables.keys().isdisjoint(sa.inspect(connection).get_table_names())


def _create(connection: sa.Connection, schema: Schema) -> None:
    """Make the tables of the newest version in a database that has none of them."""
    schema.metadata.create_all(connection, checkfirst=False)
    schema.version_table.create(connection, checkfirst=True)
    connection.execute(sa.insert(schema.version_table).values(version_num=schema.versions[-1]))


async def create_in_memory(engine: AsyncEngine, schema: Schema) -> None:
    """Make the tables of a schema in a database in memory that does not have them yet.

    Args:
        engine: of the database, which is its one connection.
        schema: which tables.
    """
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.executescript(_creation_script(schema))


@cache
def _creation_script(schema: Schema) -> str:
    """Return the SQL that makes the tables of the newest version in an empty database of SQLite."""
    statements: list[str] = []

    def record(statement: sa.ClauseElement, *_: object) -> None:
        compiled = statement.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
        statements.append(f"{compiled};")

    engine = sa.create_mock_engine("sqlite://", record)
    schema.metadata.create_all(engine, checkfirst=False)
    schema.version_table.create(engine, checkfirst=False)
    record(sa.insert(schema.version_table).values(version_num=schema.versions[-1]))
    return "\n".join(statements)


@asynccontextmanager
async def _alone(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction in which nobody else changes the schema.

    SQLite needs help: drivers begin no transaction for statements such as CREATE TABLE, and a table that is replaced by a changed copy
    would take rows with it that refer to it. https://www.sqlite.org/lang_altertable.html#otheralter
    """
    is_sqlite = engine.dialect.name == "sqlite"
    async with engine.connect() as connection:
        if is_sqlite:
            busy = (await connection.exec_driver_sql("PRAGMA busy_timeout")).scalar_one()
            await connection.exec_driver_sql(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")
            await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK_KEY)))
        yield connection
        await connection.commit()
        if is_sqlite:
            await connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            await connection.exec_driver_sql(f"PRAGMA busy_timeout={busy}")
