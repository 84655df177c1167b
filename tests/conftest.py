"""What all rooms' tests may use."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tigrest.concurrency.loop import new_event_loop
from tigrest.passwords import Passwords
from tigrest.state.database import Database

settings.register_profile("quick", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", settings.get_profile("quick"), max_examples=2500)
settings.load_profile("quick")  # unless --hypothesis-profile says otherwise; how fast a test is, is the machine's affair

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run ``async def`` tests on the loop that production runs on."""
    return {"uvloop": new_event_loop}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect garbage of the tests only: what modules and parametrisation make stays, and to look through it took half the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def run() -> Iterator[Run]:
    """Run a coroutine on the loop that production runs on; what it leaves open is an error."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        yield runner.run
    gc.collect(1)


@pytest.fixture
def location(tmp_path: Path) -> str:
    """Return where the state of a test is kept: a file of SQLite. ``tests/servers/postgres`` runs some tests elsewhere."""
    return str(tmp_path / "state.sqlite3")


@pytest.fixture
async def database(location: str) -> AsyncIterator[Database]:
    """Give a database at the location; it is for the test to start."""
    database = Database(location)
    yield database
    await database.stop()


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Give what hashes passwords, as cheaply as argon2id can."""
    cheap = Passwords(1, 8, 1)
    yield cheap
    cheap.close()
