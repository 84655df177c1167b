"""The window: nobody is forgotten, nobody overtakes, and what is on the way is bounded."""

from __future__ import annotations

import asyncio

import pytest

from tigrest.backends.component.window import Window, WindowLimits
from tigrest.errors import NotConnected

LIMITS = WindowLimits()
STEP, STEP_BYTES, BARRIERS = LIMITS.step, LIMITS.step_bytes, LIMITS.barriers


def fill(window: Window) -> int:
    """Send until there is no room; the number of stanzas."""
    sent = 0
    while window.has_room:
        window.sent(100)
        sent += 1
    return sent


async def test_a_barrier_is_due_after_so_many_stanzas_or_bytes() -> None:
    window = Window()
    assert [window.sent(100) for _ in range(STEP)].index(True) == STEP - 1
    assert window.sent(STEP_BYTES)
    assert not window.sent(STEP_BYTES - 1)


async def test_what_is_on_the_way_is_bounded_and_goes_on_with_each_answer() -> None:
    window = Window()
    assert fill(window) == BARRIERS * STEP
    window.passed()
    assert fill(window) == STEP


async def test_who_waits_goes_in_turn_and_nobody_overtakes() -> None:
    window, order = Window(), list[int]()
    fill(window)

    async def go(number: int) -> None:
        await window.room()
        order.append(number)
        window.sent(100)

    waiting = [asyncio.create_task(go(number)) for number in range(STEP + 10)]
    await asyncio.sleep(0)
    window.passed()
    assert not window.has_room
    await asyncio.sleep(0.01)
    assert order == list(range(STEP))
    window.passed()
    await asyncio.gather(*waiting)
    assert order == list(range(STEP + 10))


async def test_a_turn_that_is_not_taken_goes_to_the_next() -> None:
    window = Window()
    fill(window)
    waiting = [asyncio.create_task(window.room()) for _ in range(STEP + 1)]
    await asyncio.sleep(0)
    window.passed()  # everybody but the last has his turn
    for task in waiting[:-1]:
        task.cancel()
    await asyncio.gather(*waiting[:-1], return_exceptions=True)
    await asyncio.wait_for(waiting[-1], 1.0)


async def test_too_many_or_too_long_is_told_to_come_back() -> None:
    window = Window(WindowLimits(waiting=2, wait_seconds=0.05))
    fill(window)
    waiting = [asyncio.create_task(window.room()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(NotConnected, match="2 stanzas wait for it already") as refused:
        await window.room()
    assert refused.value.retry_after == 1.0
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["the XMPP server does not keep up"] * 2
    window.passed()
    await window.room()


@pytest.mark.parametrize("how", ["open", "stop_counting"])
async def test_everybody_goes_when_there_is_nothing_to_wait_for(how: str) -> None:
    window = Window()
    fill(window)
    waiting = [asyncio.create_task(window.room()) for _ in range(3 * STEP)]
    await asyncio.sleep(0)
    getattr(window, how)()
    await asyncio.wait_for(asyncio.gather(*waiting), 1.0)
    assert window.has_room
    if how == "stop_counting":
        assert not any(window.sent(STEP_BYTES) for _ in range(100))
        assert window.has_room


async def test_a_pause_of_the_operating_system_holds_even_when_barriers_pass() -> None:
    window = Window()
    window.pause()
    waiting = asyncio.create_task(window.room())
    await asyncio.sleep(0)
    window.passed()
    await asyncio.sleep(0.01)
    assert not waiting.done()
    window.resume()
    await asyncio.wait_for(waiting, 1.0)


async def test_what_was_dealt_with_during_a_pause_goes_when_the_system_takes_more_again() -> None:
    window = Window()
    fill(window)
    waiting = [asyncio.create_task(window.room()) for _ in range(BARRIERS * STEP + 1)]
    await asyncio.sleep(0)
    window.pause()
    for _ in range(BARRIERS):
        window.passed()
    window.resume()
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in waiting) == BARRIERS * STEP
    window.open()
    await asyncio.gather(*waiting)


async def test_large_stanzas_make_room_for_as_many_as_they_were() -> None:
    window = Window()
    while window.has_room:
        window.sent(STEP_BYTES)
    waiting = [asyncio.create_task(window.room()) for _ in range(5)]
    await asyncio.sleep(0)
    window.passed()
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in waiting) == 1
    window.open()
    await asyncio.gather(*waiting)


async def test_small_stanzas_behind_large_ones_do_not_wait_for_ever() -> None:
    window = Window()
    while window.has_room:
        window.sent(STEP_BYTES)
    sent = 0

    async def go() -> None:
        nonlocal sent
        await window.room()
        window.sent(100)
        sent += 1

    waiting = [asyncio.create_task(go()) for _ in range(STEP // 2)]
    await asyncio.sleep(0)
    for _ in range(BARRIERS):
        window.passed()
        await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.gather(*waiting), 1.0)


def test_a_barrier_is_due_because_of_the_time_only_where_none_is_unanswered() -> None:
    window = Window()
    assert not window.is_barrier_due(is_silent=False)
    window.sent(100)
    assert window.is_barrier_due(is_silent=False)
    window.sent(100)
    assert not window.is_barrier_due(is_silent=True)
    assert window.unconfirmed == 2
    window.passed()
    assert window.unconfirmed == 1
    window.open()
    assert window.unconfirmed == 1
    assert window.is_barrier_due(is_silent=False)
    window.passed()
    assert window.is_barrier_due(is_silent=True)


async def test_whoever_has_most_that_wait_gives_way() -> None:
    window = Window(WindowLimits(waiting=4))
    window.pause()
    alice = [asyncio.create_task(window.room("alice")) for _ in range(3)]
    mallory = asyncio.create_task(window.room("mallory"))
    await asyncio.sleep(0)
    bob = asyncio.create_task(window.room("bob"))
    await asyncio.sleep(0)
    with pytest.raises(NotConnected, match="does not keep up"):
        await alice[2]
    with pytest.raises(NotConnected, match="does not keep up"):
        await window.room("alice")
    window.resume()
    await asyncio.wait_for(asyncio.gather(*alice[:2], mallory, bob), 5)
    assert window.has_room
