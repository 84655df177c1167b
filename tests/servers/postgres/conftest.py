"""One PostgreSQL server for the session, and an empty schema in it for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.backends.embedded.world import World, running
from tests.servers.postgres.server import Postgres, is_installed
from tigrest.passwords import Passwords


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give a running server; a clear skip where it is not installed, and an error in CI, which installs it."""
    if not is_installed():
        assert "CI" not in os.environ, "PostgreSQL is not installed; tests/servers/install.sh does that"
        pytest.skip("PostgreSQL is not installed; as root: apt-get install postgresql")
    server = Postgres()
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def location(postgres: Postgres) -> str:
    """Return where the state of a test is kept."""
    return await postgres.new_location()


@pytest.fixture
async def world(location: str, passwords: Passwords) -> AsyncIterator[World]:
    """Give a running embedded domain."""
    async with running(passwords, location=location) as world:
        yield world
