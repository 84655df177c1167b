"""Work on the state of a gateway, which may be running."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from tigrest.cli.configured import configured
from tigrest.concurrency.loop import run
from tigrest.state.database import Database

T = TypeVar("T")


class Startable(Protocol):
    """A store that opens its database."""

    async def start(self) -> object:
        """Open it."""


S = TypeVar("S", bound=Startable)


def with_store(path: Path | None, make: Callable[[Database], S], work: Callable[[S], Awaitable[T]]) -> T:
    """Open a store, do some work with it, and close the database.

    Args:
        path: configuration file from ``--config``, if any.
        make: makes the store on the database.
        work: called with the store.

    Returns:
        What ``work`` returned.

    Raises:
        ConfigError: the configuration or the database cannot be used.
    """
    database = Database(configured(path).state.database)

    async def working() -> T:
        store = make(database)
        try:
            await store.start()
            return await work(store)
        finally:
            await database.stop()

    return run(working())
