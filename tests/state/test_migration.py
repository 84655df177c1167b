"""Databases are brought to the newest schema, whatever made them."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.backends.embedded.world import ADMIN, DOMAIN
from tigrest.auth.key_store import KeyStore
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.backends.embedded.settings import EmbeddedSettings
from tigrest.backends.embedded.tables import EMBEDDED
from tigrest.errors import ConfigError
from tigrest.passwords import Passwords
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY
from tigrest.state.location import MEMORY
from tigrest.state.migration import run_versions
from tigrest.state.schema import Schema
from tigrest.xmpp.jid import JID

SCHEMAS = (GATEWAY, EMBEDDED)
OLD = Path(__file__).with_name("before_versions.sql")


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Database]:
    """Give a database that was made before there were versions."""
    path = tmp_path / "state.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text())
    connection.close()
    database = Database(path)
    yield database
    await database.stop()


async def versions(database: Database) -> list[str]:
    async with database.begin() as connection:
        return [(await connection.execute(sa.select(schema.version_table))).scalar_one() for schema in SCHEMAS]


async def differences(database: Database, schema: Schema) -> list[object]:
    """Return in what the tables of a database differ from those that the program uses, as Alembic sees it."""

    def compare(connection: sa.Connection) -> list[object]:
        def is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
            return kind != "table" or name in schema.metadata.tables

        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        return list(compare_metadata(context, schema.metadata))

    async with database.engine.connect() as connection:
        return await connection.run_sync(compare)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
async def test_all_versions_one_after_the_other_make_the_tables_that_the_program_uses(schema: Schema) -> None:
    database = Database(MEMORY)
    await database.start()
    async with database.begin() as connection:
        await connection.run_sync(run_versions, schema)
    assert await differences(database, schema) == []
    await database.stop()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
@pytest.mark.parametrize("location", [MEMORY, "state.sqlite3"])
async def test_a_new_database_has_the_newest_version_at_once(tmp_path: Path, schema: Schema, location: str) -> None:
    database = Database(location if location == MEMORY else tmp_path / location)
    await database.start(schema)
    assert await differences(database, schema) == []
    async with database.begin() as connection:
        assert (await connection.execute(sa.select(schema.version_table))).scalar_one() == schema.versions[-1]
    await database.stop()


async def test_a_database_from_before_there_were_versions_goes_on_with_its_data(old: Database) -> None:
    await old.start(*SCHEMAS)
    assert await versions(old) == [schema.versions[-1] for schema in SCHEMAS]
    for schema in SCHEMAS:
        assert await differences(old, schema) == []
    assert [key.name for key in await KeyStore(old).list()] == ["ci"]
    passwords = Passwords(1, 8, 1)
    settings = EmbeddedSettings(jid=JID("http.example.org"), domain=DOMAIN)
    domain = EmbeddedDomain(settings, administers=lambda jid: jid == ADMIN, database=old, passwords=passwords)
    await domain.start()
    assert await domain.check_credentials(JID("alice@example.org"), "secret")
    async with old.begin() as connection:
        stanza = (await connection.execute(sa.text("SELECT stanza FROM embedded_messages"))).scalar_one()
    assert "<body>kept</body>" in stanza
    await domain.stop()
    passwords.close()


async def test_a_second_start_changes_nothing(old: Database) -> None:
    await old.start(*SCHEMAS)
    await old.stop()
    await old.start(*SCHEMAS)
    assert await versions(old) == [schema.versions[-1] for schema in SCHEMAS]


async def test_a_database_of_a_newer_program_is_refused_in_one_line(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3")
    await database.start(GATEWAY)
    async with database.begin() as connection:
        await connection.execute(sa.update(GATEWAY.version_table).values(version_num="9999"))
    await database.stop()
    with pytest.raises(ConfigError, match=r"newer tigrest \(schema gateway 9999, known up to \d{4}\)") as raised:
        await database.start(GATEWAY)
    assert "\n" not in str(raised.value)


def make_two_versions(folder: Path, second: str) -> Schema:
    """Make a schema whose second version is the text of a function ``upgrade``."""
    (folder / "things").mkdir(parents=True)
    create = 'op.create_table("things", sa.Column("name", sa.Text, primary_key=True), sa.Column("size", sa.Text))'
    for number, (before, work) in enumerate([("None", create), ('"0001"', second)], 1):
        text = f'import sqlalchemy as sa\nfrom alembic import op\nrevision = "000{number}"\ndown_revision = {before}\n'
        (folder / "things" / f"v000{number}_step.py").write_text(f"{text}def upgrade():\n    {work}\n")
    metadata = sa.MetaData()
    sa.Table("things", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("size", sa.Integer))
    return Schema("things", metadata, folder)


async def first_version(database: Database, schema: Schema) -> None:
    await database.start()
    async with database.begin() as connection:
        await connection.run_sync(schema.version_table.create)
        for statement in (
            "CREATE TABLE things (name TEXT PRIMARY KEY, size TEXT)",
            "INSERT INTO things VALUES ('a', '7')",
            "CREATE TABLE parts (thing TEXT REFERENCES things (name) ON DELETE CASCADE)",
            "INSERT INTO parts VALUES ('a')",
        ):
            await connection.execute(sa.text(statement))
        await connection.execute(sa.insert(schema.version_table).values(version_num="0001"))
    await database.stop()


COPY = """with op.batch_alter_table("things") as batch:
        batch.alter_column("size", type_=sa.Integer)"""


async def test_a_table_that_is_replaced_by_a_changed_copy_keeps_what_refers_to_it(tmp_path: Path) -> None:
    schema = make_two_versions(tmp_path / "versions", COPY)
    database = Database(tmp_path / "state.sqlite3")
    await first_version(database, schema)
    await database.start(schema)
    async with database.begin() as connection:
        assert (await connection.execute(sa.text("SELECT name, size, typeof(size), thing FROM things, parts"))).all() == [
            ("a", 7, "integer", "a")
        ]
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1
    await database.stop()


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    schema = make_two_versions(tmp_path / "versions", f"{COPY}\n    op.execute('DELETE FROM things')\n    op.execute('SELECT nonsense')")
    database = Database(tmp_path / "state.sqlite3")
    await first_version(database, schema)
    with pytest.raises(ConfigError, match="no such column: nonsense"):
        await database.start(schema)
    await database.start()
    async with database.begin() as connection:
        assert (await connection.execute(sa.text("SELECT size FROM things"))).scalar_one() == "7"
        assert (await connection.execute(sa.select(schema.version_table))).scalar_one() == "0001"
    await database.stop()


async def test_of_two_that_migrate_at_once_one_waits_for_the_other(tmp_path: Path) -> None:
    schema = make_two_versions(tmp_path / "versions", f"{COPY}\n    import time; time.sleep(0.3)")
    path = tmp_path / "state.sqlite3"
    await first_version(Database(path), schema)
    databases = [Database(path) for _ in range(3)]
    await asyncio.gather(*[asyncio.to_thread(asyncio.run, start_and_stop(database, schema)) for database in databases])
    database = Database(path)
    await database.start(schema)
    async with database.begin() as connection:
        assert (await connection.execute(sa.select(schema.version_table))).scalars().all() == ["0002"]
    await database.stop()


async def start_and_stop(database: Database, schema: Schema) -> None:
    await database.start(schema)
    await database.stop()


def test_alembic_is_not_imported_where_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from tigrest.state.database import Database; from tigrest.state.gateway_tables import GATEWAY\n"
        f"async def go():\n d = Database({str(tmp_path / 'x.sqlite3')!r})\n"
        " for _ in range(2):\n  await d.start(GATEWAY); await d.stop()\n"
        "asyncio.run(go()); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
