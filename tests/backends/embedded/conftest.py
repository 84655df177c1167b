"""A running domain: ``example.org`` with the users admin, alice and bob, on a database in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.backends.embedded.world import World, running
from tigrest.passwords import Passwords


@pytest.fixture
async def world(passwords: Passwords) -> AsyncIterator[World]:
    async with running(passwords) as world:
        yield world
