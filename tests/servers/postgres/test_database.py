"""A database on PostgreSQL: its start, when it goes away, and two gateways on it."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.backends.embedded.world import ALICE, World
from tests.cli.process import serving, tigrest
from tests.servers.postgres.server import PASSWORD, SECURED, Postgres
from tests.servers.process import free_ports
from tests.state.test_migration import SCHEMAS, differences
from tests.waiting import until
from tigrest.errors import DatabaseInUse, InvalidValue, StorageUnavailable
from tigrest.state.database import Database, DatabaseLimits
from tigrest.state.gateway_tables import GATEWAY, user_statuses
from tigrest.state.migration import run_versions
from tigrest.state.schema import Schema
from tigrest.xmpp.presence import UserStatus

QUICK = DatabaseLimits(busy_seconds=2.0, lock_seconds=0.05)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
async def test_all_versions_one_after_the_other_make_the_tables_that_the_program_uses(location: str, schema: Schema) -> None:
    database = Database(location)
    await database.start()
    async with database.begin() as connection:
        await connection.run_sync(run_versions, schema)
    assert await differences(database, schema) == []
    await database.start(schema)
    await database.stop()


async def test_of_several_that_make_the_tables_at_once_one_does(location: str) -> None:
    databases = [Database(location) for _ in range(5)]
    await asyncio.gather(*[database.start(*SCHEMAS) for database in databases])
    for schema in SCHEMAS:
        assert await differences(databases[0], schema) == []
    await asyncio.gather(*[database.stop() for database in databases])


async def test_many_who_change_one_account_at_once_do_not_disturb_each_other(world: World) -> None:
    card = '<vCard xmlns="vcard-temp"><FN>{}</FN></vCard>'
    phone = ALICE.with_resource("phone")
    cards = [world.ask(card.format(number), ALICE, ALICE, "set") for number in range(10)]
    replies = await asyncio.gather(*cards)
    assert {reply.type for reply in replies} == {"result"}
    outcomes = await asyncio.gather(*[world.domain.set_presence(UserStatus(phone, True, number)) for number in range(10)])
    assert all(outcome.success for outcome in outcomes)


async def test_what_does_not_fit_into_an_index_is_refused(location: str) -> None:
    database = Database(location)
    await database.start(GATEWAY)
    row = dict.fromkeys(("show", "status", "category", "type", "text"), "") | {"jid": "a" + os.urandom(1500).hex(), "priority": 0}
    with pytest.raises(InvalidValue, match="too long"):
        async with database.begin() as connection:
            await connection.execute(sa.insert(user_statuses), row)
    await database.stop()


async def test_a_text_that_cannot_be_kept_is_a_mistake_of_the_caller(location: str) -> None:
    database = Database(location)
    await database.start(GATEWAY)
    for text in ("a\0b", "tgc_\0"):
        with pytest.raises(InvalidValue, match="character"):
            async with database.begin() as connection:
                await connection.execute(sa.select(user_statuses).where(user_statuses.c.jid == text))
    await database.stop()


async def test_a_server_that_goes_away_and_comes_back_is_unavailable_meanwhile(
    postgres: Postgres, location: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lost: list[DatabaseInUse] = []
    database = Database(location, QUICK, on_lost=lost.append)
    await database.start(GATEWAY)
    postgres.stop()
    try:
        for _ in range(2):
            with pytest.raises(StorageUnavailable) as raised:
                async with database.begin() as connection:
                    await connection.execute(sa.select(user_statuses))
            assert "127.0.0.1" not in str(raised.value)
        await until(lambda: "is lost" in caplog.text)
    finally:
        postgres.start()
    await until(lambda: "is held again" in caplog.text)
    with pytest.raises(DatabaseInUse):
        await Database(location, on_lost=lost.append).start()
    async with database.begin() as connection:
        assert (await connection.execute(sa.select(user_statuses))).all() == []
    await database.stop()
    assert lost == []


async def test_a_second_gateway_is_refused_until_the_first_one_stops(location: str) -> None:
    first, second, beside = Database(location, on_lost=print), Database(location, on_lost=print), Database(location)
    await first.start(GATEWAY)
    await beside.start(GATEWAY)
    with pytest.raises(DatabaseInUse, match="in use by another gateway"):
        await second.start(GATEWAY)
    assert await beside.gateway() == ""
    await first.stop()
    assert await beside.gateway() is None
    await second.start(GATEWAY)
    await second.stop()
    await beside.stop()


async def test_gateways_in_different_schemas_are_no_concern_of_each_other(postgres: Postgres) -> None:
    databases = [Database(await postgres.new_location(), on_lost=print) for _ in range(2)]
    for database in databases:
        assert await database.gateway() is None
        await database.start(GATEWAY)
    for database in databases:
        await database.stop()


END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tigrest %'"


async def test_a_lock_that_is_lost_is_taken_again(postgres: Postgres, location: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    database = Database(location, QUICK, on_lost=print)
    await database.start(GATEWAY)
    await postgres.execute(END_ALL)
    await until(lambda: "is held again" in caplog.text)
    with pytest.raises(DatabaseInUse):
        await Database(location, on_lost=print).start()
    await database.stop()


async def test_who_finds_another_gateway_after_losing_the_lock_is_told(postgres: Postgres, location: str) -> None:
    lost: list[DatabaseInUse] = []
    first, second = Database(location, DatabaseLimits(lock_seconds=0.5), on_lost=lost.append), Database(location, on_lost=print)
    await first.start(GATEWAY)
    await postgres.execute(END_ALL)
    await second.start(GATEWAY)
    await until(lambda: lost)
    await first.stop()
    await second.stop()


def test_the_program_says_in_one_line_why_it_cannot_start(postgres: Postgres, tmp_path: Path) -> None:
    asyncio.run(postgres.execute(f"CREATE ROLE {SECURED} LOGIN PASSWORD '{PASSWORD}'"))
    (port,) = free_ports(1)
    cases = [
        (postgres.location(SECURED, "wrong-hush"), 2, "password authentication failed"),
        (postgres.location(SECURED, PASSWORD, "nowhere"), 2, 'database "nowhere" does not exist'),
        (postgres.location(SECURED, PASSWORD).replace(str(postgres.port), str(port)), 3, "cannot be reached"),
        (postgres.location(SECURED, PASSWORD) + "?sslmode=require", 2, "cannot have the parameter sslmode: asyncpg takes ssl=require"),
        (postgres.location(SECURED, PASSWORD) + "?ssl=always", 2, "must be one of: disable, allow, prefer, require"),
        (postgres.location(SECURED, PASSWORD) + "?port=99999", 2, "has the port 99999; ports are 1 to 65535"),
        (postgres.location(SECURED, PASSWORD) + "?host=a..b", 2, "label empty or too long"),
    ]
    for url, code, said in cases:
        done = tigrest("serve", "--port", "0", "--log-level", "error", cwd=tmp_path, TIGREST__STATE__DATABASE=url)
        beside = tigrest("api-key", "list", cwd=tmp_path, TIGREST__STATE__DATABASE=url)
        assert (beside.returncode, said in beside.stderr, "hush" in beside.stderr) == (code, True, False), beside.stderr
        assert done.returncode == code, done.stderr
        (line,) = [line for line in done.stderr.splitlines() if "watchdog" not in line]
        assert line.startswith("tigrest: database postgresql+asyncpg://secured:***@127.0.0.1:")
        assert said in line
        assert "hush" not in done.stderr


def test_the_program_serves_and_keeps_a_second_one_away(location: str, tmp_path: Path) -> None:
    databases = {"TIGREST__STATE__DATABASE": location, "TIGREST__EMBEDDED__DATABASE": location}
    with serving(cwd=tmp_path, **databases):
        second = tigrest("serve", "--port", "0", cwd=tmp_path, **databases)
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith(f"tigrest: database {location} is in use by another gateway")
        assert tigrest("api-key", "add", "ci", cwd=tmp_path, **databases).returncode == 0
        assert "ci" in tigrest("api-key", "list", cwd=tmp_path, **databases).stdout
