"""A running domain: ``example.org`` with the users admin, alice and bob, on a database in memory."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.backends.embedded.world import World, running
from tigrest.passwords import Passwords


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    cheap = Passwords(1, 8, 1)
    yield cheap
    cheap.close()


@pytest.fixture
async def world(passwords: Passwords) -> AsyncIterator[World]:
    async with running(passwords) as world:
        yield world
