"""A running domain: ``example.org`` with the users admin, alice and bob, on a database in memory."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.backends.embedded.world import ACCOUNTS, ADMIN, DOMAIN, GATEWAY, World
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.passwords import Passwords
from tigrest.service import Policy, Service
from tigrest.state.database import Database


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    cheap = Passwords(1, 8, 1)
    yield cheap
    cheap.close()


@pytest.fixture
async def world(passwords: Passwords) -> AsyncIterator[World]:
    database = Database(":memory:")
    policy = Policy(GATEWAY, DOMAIN, admins=frozenset({ADMIN}), send_as="user", adhoc_as="user")
    domain = EmbeddedDomain(GATEWAY, DOMAIN, policy.administers, database, passwords, ACCOUNTS)
    await domain.start()
    yield World(domain, Service(domain, policy))
    await domain.stop()
    await database.stop()
