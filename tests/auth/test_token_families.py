"""What users have granted to clients, in the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.auth.fakes import ALICE, BOB, Clock
from tigrest.auth.token_families import FamilyLimits, Grant, TokenFamilies
from tigrest.auth.token_store import TokenStore, hash_token
from tigrest.state.database import Database
from tigrest.state.gateway_tables import token_families, tokens
from tigrest.xmpp.jid import JID


class World:
    def __init__(self, database: Database, **limits: int) -> None:
        self.clock, self.database = Clock(), database
        self.store = TokenStore(database, self.clock)
        self.families = TokenFamilies(database, self.store, FamilyLimits(**limits), self.clock)

    async def counts(self) -> tuple[int, int]:
        """Return how many families and tokens are stored."""
        async with self.database.begin() as connection:
            found = [(await connection.execute(select(func.count()).select_from(table))).scalar_one() for table in (token_families, tokens)]
        return found[0], found[1]


@pytest.fixture
async def world(database: Database) -> World:
    world = World(database, of_owner=3)
    await world.store.start()
    return world


def granted(owner: JID = ALICE) -> Grant:
    return Grant("tgc_1", "Portal", owner, frozenset({"user"}), "xmpp")


async def test_tokens_are_stored_as_hashes(world: World, tmp_path: Path) -> None:
    issued = await world.families.begin(granted(), 60, 600)
    following = await world.families.rotate(issued.refresh, granted(), 60, 600)
    assert following is not None
    for file in tmp_path.iterdir():
        for secret in (issued.access, following.access, *issued.refresh.removeprefix("tgr_").split(".")):
            assert secret.encode() not in file.read_bytes()
    [token] = await world.store.list()
    assert token.name.startswith("Portal ")
    assert token.family


async def test_a_family_ends_when_its_time_is_over(world: World) -> None:
    issued = await world.families.begin(granted(), 60, 600)
    world.clock.pass_by(61)
    assert await world.store.find(hash_token(issued.access)) is None
    assert await world.families.find_refresh(issued.refresh) is not None
    assert len(await world.store.list()) == 1, "an administrator sees that it can come back"
    world.clock.pass_by(540)
    assert await world.families.find_refresh(issued.refresh) is None


async def test_each_use_of_a_refresh_token_begins_its_lifetime_anew(world: World) -> None:
    issued = await world.families.begin(granted(), 60, 600)
    for _ in range(3):
        world.clock.pass_by(599)
        following = await world.families.rotate(issued.refresh, granted(), 60, 600)
        assert following is not None
        issued = following
    assert await world.counts() == (1, 1)


async def test_of_two_uses_at_once_one_gets_tokens(world: World) -> None:
    issued = await world.families.begin(granted(), 60, 600)
    both = await asyncio.gather(*[world.families.rotate(issued.refresh, granted(), 60, 600) for _ in range(2)])
    assert sorted(each is None for each in both) == [False, True]


async def test_families_that_have_expired_are_deleted_when_another_begins(world: World) -> None:
    await world.store.add("by hand", ALICE, ["user"], 30)
    for _ in range(2):
        await world.families.begin(granted(), 60, None)
    world.clock.pass_by(61)
    await world.families.begin(granted(BOB), 60, None)
    assert await world.counts() == (1, 2)
    assert [token.name for token in await world.store.list(ALICE)] == ["by hand"]


async def test_the_oldest_family_ends_when_a_user_has_more_than_he_may(world: World) -> None:
    of_bob = await world.families.begin(granted(BOB), 60, None)
    issued = []
    for _ in range(5):
        world.clock.pass_by(1)
        issued.append(await world.families.begin(granted(), 60, 600))
    valid = [await world.store.find(hash_token(each.access)) is not None for each in [of_bob, *issued]]
    assert valid == [True, False, False, True, True, True]
    assert await world.families.find_refresh(issued[0].refresh) is None


async def test_with_the_tokens_of_an_account_goes_what_it_has_granted(world: World) -> None:
    issued = await world.families.begin(granted(), 60, 600)
    assert await world.store.revoke_all(ALICE) == 1
    assert await world.families.find_refresh(issued.refresh) is None


@pytest.mark.parametrize("token", ["", "tgr_", "tgr_.", "tgr_x", "tgt_x.y", "tgr_é.x"])
async def test_what_is_no_refresh_token_belongs_to_nothing(world: World, token: str) -> None:
    assert await world.families.find_refresh(token) is None
    await world.families.revoke(token)


async def test_what_was_granted_before_a_password_changed_ends_and_what_came_after_stays(world: World) -> None:
    old = await world.families.begin(granted(), 60, 600)
    await world.store.add("by hand", ALICE, ["user"])
    changed = world.clock()
    world.clock.pass_by(0.5)
    new = await world.families.begin(granted(), 60, 600)
    assert await world.store.revoke_granted(ALICE, changed) == 1
    assert [await world.store.find(hash_token(each.access)) is not None for each in (old, new)] == [False, True]
    assert len(await world.store.list(ALICE)) == 2
