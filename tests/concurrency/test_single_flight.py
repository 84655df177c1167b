import asyncio

import pytest

from tests.auth.fakes import turns
from tigrest.concurrency.single_flight import SingleFlight


class Work:
    """Runs until told to end, and knows how often."""

    def __init__(self) -> None:
        self.begun = self.cancelled = 0
        self.end = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.begun


async def test_callers_of_one_key_share_a_run() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work, other = Work(), Work()
    waiters = [asyncio.create_task(flights.run("a", work.__call__)) for _ in range(50)]
    apart = asyncio.create_task(flights.run("b", other.__call__))
    await turns()
    work.end.set()
    assert await asyncio.gather(*waiters) == [1] * 50
    assert not apart.done()
    other.end.set()
    assert await apart == 1


async def test_a_later_caller_begins_anew() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    work.end.set()
    assert [await flights.run("a", work.__call__) for _ in range(3)] == [1, 2, 3]


async def test_a_cancelled_caller_leaves_the_others_alone() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    first, second = (asyncio.create_task(flights.run("a", work.__call__)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    work.end.set()
    assert await second == 1
    assert first.cancelled()
    assert work.cancelled == 0


async def test_the_last_caller_to_leave_ends_the_run() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    waiters = [asyncio.create_task(flights.run("a", work.__call__)) for _ in range(2)]
    await turns()
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)
    assert work.cancelled == 1
    work.end.set()
    assert await flights.run("a", work.__call__) == 2


async def test_an_error_reaches_all_and_is_not_kept() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    work.error = ValueError("no")
    work.end.set()
    results = await asyncio.gather(*[flights.run("a", work.__call__) for _ in range(3)], return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3
    with pytest.raises(ValueError, match="no"):
        await flights.run("a", work.__call__)
    assert work.begun == 2
