"""One thing at a time to each of many."""

from __future__ import annotations

import asyncio

import pytest

from tests.auth.fakes import turns
from tigrest.concurrency.keyed_lock import KeyedLock
from tigrest.errors import Unavailable


class Log:
    """Holds a lock until told to go on, and notes when it did."""

    def __init__(self, locks: KeyedLock) -> None:
        self.locks, self.go_on = locks, asyncio.Event()
        self.lines: list[str] = []

    async def hold(self, key: str, name: str) -> None:
        async with self.locks.holding(key):
            self.lines.append(f"{name} in")
            await self.go_on.wait()
            self.lines.append(f"{name} out")


async def test_one_key_is_held_by_one_at_a_time_in_the_order_of_asking() -> None:
    log = Log(KeyedLock("changes"))
    tasks = [asyncio.create_task(log.hold(key, name)) for key, name in (("a", "1"), ("a", "2"), ("b", "3"))]
    await turns()
    assert log.lines == ["1 in", "3 in"]
    log.go_on.set()
    await asyncio.gather(*tasks)
    assert log.lines[2:] in (["1 out", "3 out", "2 in", "2 out"], ["1 out", "2 in", "2 out", "3 out"])
    assert len(log.locks) == 0


async def test_who_waits_may_leave_and_nothing_is_kept() -> None:
    log = Log(KeyedLock("changes"))
    tasks = [asyncio.create_task(log.hold("a", name)) for name in "123"]
    await turns()
    tasks[1].cancel()
    tasks[0].cancel()
    await turns()
    assert log.lines == ["1 in", "3 in"]
    log.go_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(log.locks) == 0


async def test_no_more_wait_than_may() -> None:
    log = Log(KeyedLock("changes", waiting=2))
    tasks = [asyncio.create_task(log.hold("a", name)) for name in "123"]
    await turns()
    with pytest.raises(Unavailable, match="2 changes of a wait already"):
        await log.hold("a", "4")
    log.go_on.set()
    await asyncio.gather(*tasks)
    assert len(log.lines) == 6
