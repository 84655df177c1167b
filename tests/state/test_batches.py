"""Many write, few transactions."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.waiting import SECONDS, until
from tigrest.state.batches import BatchLimits, BatchWriter

PATIENT = BatchLimits(retry_seconds=0.01, stop_seconds=SECONDS)
QUICK = BatchLimits(retry_seconds=0.01, stop_seconds=1.0)


class Numbers:
    """Numbers that wait to be written, at most five together."""

    def __init__(self, limits: BatchLimits = PATIENT) -> None:
        self.waiting: list[int] = []
        self.written: list[list[int]] = []
        self.failures = 0
        self.writer = BatchWriter("numbers", self.take, self.write, limits)

    def take(self) -> list[int] | None:
        batch, self.waiting = self.waiting[:5], self.waiting[5:]
        return batch or None

    async def write(self, batch: list[int]) -> None:
        await asyncio.sleep(0.005)
        if self.failures:
            self.failures -= 1
            raise OSError("no room")
        self.written.append(batch)

    def put(self, *numbers: int, within: float = 0.0) -> None:
        self.waiting.extend(numbers)
        self.writer.wake(within)


async def test_what_comes_meanwhile_is_written_together() -> None:
    numbers = Numbers()
    numbers.put(1)
    await until(lambda: not numbers.waiting)
    for number in range(2, 9):
        numbers.put(number)
    assert await numbers.writer.stop()
    assert numbers.written == [[1], [2, 3, 4, 5, 6], [7, 8]]


async def test_what_has_time_goes_with_what_has_none() -> None:
    numbers = Numbers()
    numbers.put(1, within=60.0)
    await asyncio.sleep(0.01)
    assert numbers.written == []
    numbers.put(2)
    assert await numbers.writer.stop()
    assert numbers.written == [[1, 2]]


async def test_what_has_time_is_written_when_it_is_over() -> None:
    numbers = Numbers()
    numbers.put(1, within=0.01)
    await until(lambda: numbers.written)
    assert await numbers.writer.stop()


async def test_a_write_that_fails_is_tried_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    numbers = Numbers()
    numbers.failures = 3
    numbers.put(1, 2)
    assert await numbers.writer.stop()
    assert numbers.written == [[1, 2]]
    assert caplog.messages == ["numbers cannot be stored: no room; trying again", "numbers are stored again"]


async def test_an_end_does_not_wait_for_ever() -> None:
    numbers = Numbers(QUICK)
    numbers.failures = 1000
    numbers.put(1)
    assert not await numbers.writer.stop()
    numbers.failures = 0
    numbers.put(2)
    assert await numbers.writer.stop()


async def test_an_end_without_anything_to_write_is_quick() -> None:
    assert await Numbers().writer.stop()


async def test_a_defect_of_the_owner_is_logged_and_does_not_end_the_writer(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Numbers):
        is_odd = True

        def take(self) -> list[int] | None:
            if self.is_odd:
                raise ValueError("odd")
            return super().take()

    numbers = Odd(QUICK)
    numbers.put(1)
    assert not await numbers.writer.stop()
    numbers.is_odd = False
    numbers.put(2)
    assert await numbers.writer.stop()
    assert numbers.written == [[1, 2]]
    assert {record.getMessage() for record in caplog.records} == {"BatchWriter._run failed"}
