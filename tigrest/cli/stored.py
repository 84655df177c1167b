"""What commands do with the state of a gateway, whether it runs or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tigrest.cli.configured import configured
from tigrest.concurrency.loop import run
from tigrest.state.database import Database

T = TypeVar("T")


class Startable(Protocol):
    """A store on a database."""

    async def start(self) -> Any:
        """Open it."""


S = TypeVar("S", bound=Startable)


def with_store(path: Path | None, make: Callable[[Database], S], work: Callable[[S], Awaitable[T]]) -> T:
    """Do something with a store in the state of a configuration.

    Args:
        path: configuration file that was named.
        make: makes the store.
        work: what to do with it.

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
