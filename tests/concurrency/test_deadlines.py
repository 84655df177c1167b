"""Time limits of many things with one timer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tigrest.concurrency.deadlines import Deadlines


@dataclass(eq=False)
class Thing:
    deadline: float
    expired: int = 0

    def expire(self) -> None:
        self.expired += 1


async def test_what_is_over_expires_once_and_the_rest_stays() -> None:
    deadlines = Deadlines()
    soon, discarded, late = Thing(deadlines.after(0.05)), Thing(deadlines.after(0.05)), Thing(deadlines.after(60))
    for thing in (soon, discarded, late):
        deadlines.add(thing)
    deadlines.discard(discarded)
    while not soon.expired:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.25)
    assert (soon.expired, discarded.expired, late.expired) == (1, 0, 0)
    deadlines.stop()


async def test_it_begins_again_after_there_was_nothing_to_watch() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        thing = Thing(deadlines.after(0.01))
        deadlines.add(thing)
        while not thing.expired:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.15)  # the timer looks once more and stops


async def test_one_that_raises_does_not_keep_the_others_from_expiring() -> None:
    class Odd(Thing):
        def expire(self) -> None:
            super().expire()
            raise ValueError("odd")

    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context.get("exception")))
    deadlines = Deadlines()
    things = [Odd(deadlines.after(0.01)), *[Thing(deadlines.after(0.01)) for _ in range(5)], Odd(deadlines.after(0.01))]
    for thing in things:
        deadlines.add(thing)
    async with asyncio.timeout(5):
        while not all(thing.expired for thing in things):
            await asyncio.sleep(0.02)
    late = Thing(deadlines.after(0.01))
    deadlines.add(late)
    async with asyncio.timeout(5):
        while not late.expired:
            await asyncio.sleep(0.02)
    assert [thing.expired for thing in things] == [1] * 7
    assert [str(error) for error in raised] == ["odd", "odd"]
