"""Requests with an idempotency key, and their answers, in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.auth.fakes import Clock
from tigrest.errors import IdempotencyMismatch, RequestInFlight, StorageUnavailable, TooManyIdempotencyKeys
from tigrest.state.database import Database
from tigrest.state.idempotency import IdempotencyStore, KeyClaim, StoredAnswer
from tigrest.state.idempotency_usage import IdempotencyLimits

LIMITS = IdempotencyLimits(
    seconds=60, answer_bytes=10, keys_of_caller=3, bytes_of_caller=15, keys=5, bytes=1000, purged_together=2, purge_seconds=3600
)
SENT = StoredAnswer(202, [("x-sent", "é")], b"")


def claim(key: str, caller: str = "alice", content: str = "Hello") -> KeyClaim:
    return KeyClaim(f"{caller} {key}", caller, content)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def started(database: Database, clock: Clock) -> AsyncIterator[IdempotencyStore]:
    store = IdempotencyStore(database, LIMITS, clock)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@pytest.fixture
async def store(database: Database, clock: Clock) -> AsyncIterator[IdempotencyStore]:
    async with started(database, clock) as store:
        yield store


async def answered(store: IdempotencyStore, request: KeyClaim, answer: StoredAnswer = SENT) -> None:
    """Execute a request."""
    assert await store.claim(request) == "new"
    await store.complete(request, answer)
    store.leave(request)


async def test_an_answer_is_kept_for_who_repeats_the_request_and_for_nobody_else(store: IdempotencyStore) -> None:
    await answered(store, claim("k"))
    assert await store.claim(claim("k")) == SENT
    assert await store.claim(claim("k")) == SENT
    with pytest.raises(IdempotencyMismatch):
        await store.claim(claim("k", content="Bye"))
    assert await store.claim(claim("k", "bob")) == "new"
    assert await store.claim(claim("other")) == "new"


async def test_of_two_at_once_one_is_executed(store: IdempotencyStore) -> None:
    first, second, other = await asyncio.gather(
        store.claim(claim("k")), store.claim(claim("k")), store.claim(claim("k", content="Bye")), return_exceptions=True
    )
    assert first == "new"
    assert isinstance(second, RequestInFlight)
    assert isinstance(other, IdempotencyMismatch)
    store.leave(claim("k"))
    assert await store.claim(claim("k")) == "resumed"


async def test_what_a_process_has_begun_is_resumed_by_the_next_one(database: Database, clock: Clock) -> None:
    async with started(database, clock) as before:
        assert await before.claim(claim("begun")) == "new"
        await answered(before, claim("done"))
    async with started(database, clock) as after:
        assert await after.claim(claim("done")) == SENT
        with pytest.raises(IdempotencyMismatch):
            await after.claim(claim("begun", content="Bye"))
        assert await after.claim(claim("begun")) == "resumed"


async def test_a_request_without_effect_is_forgotten(store: IdempotencyStore) -> None:
    request = claim("k")
    assert await store.claim(request) == "new"
    await store.release(request)
    store.leave(request)
    assert store.keys == 0
    assert await store.claim(claim("k", content="Bye")) == "new"


async def test_keys_are_forgotten_after_a_while(store: IdempotencyStore, clock: Clock) -> None:
    for key in ("a", "b", "c"):
        await answered(store, claim(key))
    clock.pass_by(59)
    await answered(store, claim("young", "bob"))
    clock.pass_by(2)
    assert await store.claim(claim("a", content="Bye")) == "new"
    assert [await store.purge() for _ in range(3)] == [2, 0, 0]
    assert store.keys == 2
    assert await store.claim(claim("young", "bob")) == SENT


async def test_keys_of_a_clock_that_was_ahead_are_forgotten_too(store: IdempotencyStore, clock: Clock) -> None:
    clock.pass_by(1000)
    await answered(store, claim("a"))
    await answered(store, claim("b"))
    clock.pass_by(-59)
    assert await store.claim(claim("a")) == SENT
    clock.pass_by(-2)
    assert await store.claim(claim("a", content="Bye")) == "new"
    assert [await store.purge() for _ in range(2)] == [1, 0]
    assert store.keys == 1


async def test_a_caller_has_a_share_of_keys_and_answers_and_may_repeat_what_he_has(store: IdempotencyStore, clock: Clock) -> None:
    await answered(store, claim("a"), StoredAnswer(200, [], b"10 bytes.."))
    await answered(store, claim("b"), StoredAnswer(200, [], b"6 byte"))
    await answered(store, claim("c"), StoredAnswer(200, [], b"11 bytes..."))
    assert [await store.claim(claim(key)) for key in "abc"] == [StoredAnswer(200, [], body) for body in (b"10 bytes..", None, None)]
    with pytest.raises(TooManyIdempotencyKeys):
        await store.claim(claim("d"))
    assert [await store.claim(claim(key, "bob")) for key in "ab"] == ["new", "new"]
    with pytest.raises(StorageUnavailable):
        await store.claim(claim("c", "carol"))
    clock.pass_by(61)
    while await store.purge():
        pass
    assert await store.claim(claim("d")) == "new"


async def test_what_is_stored_is_counted_at_the_start(database: Database, clock: Clock) -> None:
    async with started(database, clock) as before:
        for key in "abc":
            await answered(before, claim(key), StoredAnswer(200, [], b"12345"))
    async with started(database, clock) as after:
        assert after.keys == 3
        with pytest.raises(TooManyIdempotencyKeys):
            await after.claim(claim("d"))


async def test_many_are_written_together(database: Database, clock: Clock) -> None:
    store = IdempotencyStore(database, clock=clock)
    await store.start()
    requests = [claim(f"key {number}") for number in range(1500)]
    assert set(await asyncio.gather(*map(store.claim, requests))) == {"new"}
    await asyncio.gather(*(store.complete(each, SENT) for each in requests))
    for each in requests:
        store.leave(each)
    assert all(outcome == SENT for outcome in await asyncio.gather(*map(store.claim, requests)))
    await store.stop()


async def test_a_database_that_cannot_be_used_is_told_to_who_waits(store: IdempotencyStore, database: Database) -> None:
    async with database.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE idempotency_keys")
    for _ in range(2):
        with pytest.raises(Exception, match="no such table|does not exist"):
            await store.claim(claim("k"))
