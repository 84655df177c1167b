"""Tasks with an owner."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tigrest.concurrency.tasks import TaskSet


async def test_a_stop_cancels_what_is_left_and_waits_for_its_end() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("end")

    tasks = TaskSet()
    task = tasks.start(work())
    await asyncio.sleep(0)
    assert list(tasks) == [task]
    await tasks.stop()
    assert (ended, len(tasks), task.cancelled()) == (["end"], 0, True)
    await tasks.stop()


async def test_what_is_done_is_forgotten_and_its_result_stays() -> None:
    async def work() -> int:
        return 7

    tasks = TaskSet()
    task = tasks.start(work())
    assert await task == 7
    await asyncio.sleep(0)
    assert len(tasks) == 0


@pytest.mark.parametrize("logs", [True, False])
async def test_what_a_task_raises_is_logged_once_unless_somebody_awaits_it(logs: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("odd")

    tasks = TaskSet(logs=logs)
    with pytest.raises(ValueError, match="odd"):
        await tasks.start(fail())
    await asyncio.sleep(0)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * logs
