"""The database: transactions are isolated, and outlive what happens to the tasks that use them."""

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from tigrest.errors import StorageUnavailable
from tigrest.state.database import Database, DatabaseLimits
from tigrest.state.files import make_private_folder
from tigrest.state.location import MEMORY

metadata = MetaData()
numbers = Table("numbers", metadata, Column("number", Integer, primary_key=True))


async def opened(database: Database) -> None:
    await database.start()
    async with database.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def stored(database: Database) -> list[int]:
    async with database.begin() as connection:
        return sorted((await connection.execute(select(numbers.c.number))).scalars())


@pytest.mark.parametrize("location", [MEMORY, "numbers.sqlite3"])
async def test_a_failed_transaction_leaves_nothing_behind_and_disturbs_no_other(tmp_path: Path, location: str) -> None:
    database = Database(location if location == MEMORY else tmp_path / location)
    await opened(database)

    async def add(number: int) -> None:
        async with database.begin() as connection:
            await connection.execute(insert(numbers), {"number": number})
            await asyncio.sleep(0.001 * (number % 3))
            if number % 2:
                raise RuntimeError

    await asyncio.gather(*[add(number) for number in range(10)], return_exceptions=True)
    assert await stored(database) == [0, 2, 4, 6, 8]
    await database.stop()


@pytest.mark.parametrize("location", [MEMORY, "numbers.sqlite3"])
async def test_no_thread_of_a_connection_outlives_the_database(tmp_path: Path, location: str) -> None:
    for turns in range(12):  # a task is cancelled at each step of opening a connection
        database = Database(location if location == MEMORY else tmp_path / location)
        before = set(threading.enumerate())
        await database.start()
        task = asyncio.create_task(opened(database))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await database.stop()
        for thread in set(threading.enumerate()) - before:
            if "connection_worker" in thread.name:  # of aiosqlite
                thread.join(5.0)
                assert not thread.is_alive()


async def test_a_cancelled_task_does_not_lose_the_database_in_memory() -> None:
    database = Database(MEMORY)
    await opened(database)

    async def add(number: int) -> None:
        async with database.begin() as connection:
            await connection.execute(insert(numbers), {"number": number})
            await asyncio.sleep(60)

    for number, seconds in enumerate((0, 0, 0.0005, 0.001, 0.002, 0.01)):
        task = asyncio.create_task(add(number))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with database.begin() as connection:
        await connection.execute(insert(numbers), {"number": 100})
    assert await stored(database) == [100]
    await database.stop()


@pytest.mark.parametrize("location", [MEMORY, "numbers.sqlite3"])
async def test_errors_do_not_show_what_was_to_be_stored(tmp_path: Path, location: str) -> None:
    database = Database(location if location == MEMORY else tmp_path / location)
    await opened(database)

    async def add(number: int) -> None:
        async with database.begin() as connection:
            await connection.execute(insert(numbers), {"number": number})

    await add(271828)
    with pytest.raises(IntegrityError) as caught:
        await add(271828)
    assert "271828" not in str(caught.value)
    await database.stop()


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_state_is_for_its_owner_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    database = Database(tmp_path / "var" / "state.sqlite3")
    await opened(database)
    async with database.begin() as connection:
        await connection.execute(insert(numbers), {"number": 1})
    assert modes(tmp_path)["var"] == 0o700
    assert modes(tmp_path / "var") == dict.fromkeys(("state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm"), 0o600)
    await database.stop()


@pytest.mark.parametrize(("mode", "tightened"), [(0o644, 0o600), (0o666, 0o600), (0o604, 0o600), (0o640, 0o640), (0o600, 0o600)])
async def test_state_that_everybody_may_read_is_tightened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, tightened: int
) -> None:
    path = tmp_path / "state.sqlite3"
    sqlite3.connect(path).execute("PRAGMA journal_mode=WAL").connection.close()
    path.with_name("state.sqlite3-wal").touch()
    for each in tmp_path.iterdir():
        each.chmod(mode)
    database = Database(path)
    await opened(database)
    await stored(database)
    assert set(modes(tmp_path).values()) == {tightened}
    assert ("open to all users" in caplog.text) is (mode != tightened)
    await database.stop()


def test_a_folder_that_everybody_may_write_into_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o777)
    make_private_folder(tmp_path)
    assert "chmod o-w" in caplog.text
    assert tmp_path.stat().st_mode & 0o777 == 0o777
    caplog.clear()
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)
    assert not caplog.text


async def test_a_locked_database_is_unavailable_and_nothing_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(tmp_path / "state.sqlite3", DatabaseLimits(busy_seconds=0.05))
    await opened(database)
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for number in range(3):
        with pytest.raises(StorageUnavailable, match="locked") as raised:
            async with database.begin() as connection:
                await connection.execute(insert(numbers), {"number": number})
        assert raised.value.retry_after >= 1
        assert await stored(database) == []
    other.execute("ROLLBACK")
    other.close()
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    async with database.begin() as connection:
        await connection.execute(insert(numbers), {"number": 1})
    assert await stored(database) == [1]
    await database.stop()


async def test_a_full_database_is_unavailable_and_keeps_what_it_has(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3")
    await opened(database)
    with pytest.raises(StorageUnavailable, match="full"):
        async with database.begin() as connection:
            await connection.execute(text("PRAGMA max_page_count=1"))
            for number in range(10_000):
                await connection.execute(insert(numbers), {"number": number})
    assert await stored(database) == []
    await database.stop()


async def test_a_mistake_is_not_taken_for_a_database_that_is_away(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3")
    await opened(database)
    with pytest.raises(OperationalError, match="no such table"):
        async with database.begin() as connection:
            await connection.execute(text("SELECT * FROM unknown"))
    await database.stop()


async def test_too_many_transactions_at_once_are_told_to_come_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3", DatabaseLimits(busy_seconds=0.05))
    await opened(database)

    async def hold() -> None:
        async with database.begin() as connection:
            await connection.execute(select(numbers.c.number))
            await asyncio.sleep(0.5)

    results = await asyncio.gather(*[hold() for _ in range(30)], return_exceptions=True)
    assert {type(result) for result in results} == {type(None), StorageUnavailable}
    assert "connections was free" in str(next(result for result in results if result))
    await database.stop()


async def test_callers_do_not_read_where_a_database_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(tmp_path / "state.sqlite3")
    await opened(database)
    with pytest.raises(StorageUnavailable) as raised:
        async with database.begin():
            raise ConnectionRefusedError("Connect call failed ('192.0.2.1', 5432)")
    assert str(raised.value) == "the database cannot be used now"
    assert "192.0.2.1" in caplog.text
    await database.stop()
