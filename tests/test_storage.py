"""The database: transactions are isolated, and outlive what happens to the tasks that use them."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError

from tigrest.storage import MEMORY, Database

metadata = MetaData()
numbers = Table("numbers", metadata, Column("number", Integer, primary_key=True))


async def stored(database: Database) -> list[int]:
    async with database.begin() as connection:
        return sorted((await connection.execute(select(numbers.c.number))).scalars())


@pytest.mark.parametrize("location", [MEMORY, "numbers.sqlite3"])
async def test_a_failed_transaction_leaves_nothing_behind_and_disturbs_no_other(tmp_path: Path, location: str) -> None:
    database = Database(location if location == MEMORY else tmp_path / location)
    await database.start(metadata)

    async def add(number: int) -> None:
        async with database.begin() as connection:
            await connection.execute(insert(numbers), {"number": number})
            await asyncio.sleep(0.001 * (number % 3))
            if number % 2:
                raise RuntimeError

    await asyncio.gather(*[add(number) for number in range(10)], return_exceptions=True)
    assert await stored(database) == [0, 2, 4, 6, 8]
    await database.stop()


async def test_a_cancelled_task_does_not_lose_the_database_in_memory() -> None:
    database = Database(MEMORY)
    await database.start(metadata)

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
    await database.start(metadata)

    async def add(number: int) -> None:
        async with database.begin() as connection:
            await connection.execute(insert(numbers), {"number": number})

    await add(271828)
    with pytest.raises(IntegrityError) as caught:
        await add(271828)
    assert "271828" not in str(caught.value)
    await database.stop()
