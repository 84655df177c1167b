"""Codes, devices and logins on the page, in the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from tests.auth.fakes import ALICE, BOB, Clock
from tigrest.auth.client_store import ClientStore
from tigrest.auth.code_store import CodeGrant, CodeLimits, CodeStore
from tigrest.auth.device_store import DeviceLimits, DeviceStore
from tigrest.auth.sign_in_store import SignInStore
from tigrest.auth.token_families import Grant, TokenFamilies
from tigrest.auth.token_store import TokenStore, hash_token
from tigrest.errors import NotFound, StorageUnavailable
from tigrest.state.database import Database
from tigrest.state.gateway_tables import oauth_codes, oauth_devices, oauth_sign_ins, token_families, tokens


class World:
    def __init__(self, database: Database) -> None:
        self.clock, self.database = Clock(), database
        self.tokens = TokenStore(database, self.clock)
        self.families = TokenFamilies(database, self.tokens, clock=self.clock)
        self.codes = CodeStore(database, CodeLimits(remembered=600), self.clock)
        self.devices = DeviceStore(database, DeviceLimits(waiting=2), self.clock)
        self.sign_ins = SignInStore(database, clock=self.clock)

    async def count(self) -> int:
        """Return how many rows the tables have."""
        async with self.database.begin() as connection:
            tables = (oauth_codes, oauth_devices, oauth_sign_ins)
            return sum([(await connection.execute(select(func.count()).select_from(table))).scalar_one() for table in tables])


@pytest.fixture
async def world(database: Database) -> World:
    world = World(database)
    await world.tokens.start()
    return world


CODE = CodeGrant("tgc_1", ALICE, "user", "https://app.example/", "")
TOKENS = Grant("tgc_1", "App", ALICE, frozenset({"user"}), "user", "consent")


async def test_everything_is_stored_as_hashes(world: World, tmp_path: Path) -> None:
    codes = await world.devices.add("tgc_1", "user")
    secrets = [await world.codes.add(CODE), await world.sign_ins.add("browser-secret", "subject", ALICE), codes.device, codes.user]
    for file in tmp_path.iterdir():
        stored = file.read_bytes()
        assert [secret for secret in [*secrets, codes.user.replace("-", ""), "browser-secret"] if secret.encode() in stored] == []


async def test_a_code_lasts_a_minute_and_is_remembered_longer(world: World) -> None:
    code = await world.codes.add(CODE)
    found = await world.codes.find(code)
    assert found is not None
    assert (found.grant, found.family, found.is_over) == (CODE, "", False)
    world.clock.pass_by(60)
    found = await world.codes.find(code)
    assert found is not None
    assert found.is_over
    world.clock.pass_by(601)
    await world.codes.add(CODE)
    assert await world.codes.find(code) is None
    assert await world.count() == 1


async def test_of_many_who_bring_a_code_at_the_same_time_one_gets_tokens(world: World) -> None:
    digest = hash_token(await world.codes.add(CODE))
    outcomes = await asyncio.gather(*[world.families.redeem(world.codes.claim(digest), TOKENS, 60, 600) for _ in range(5)])
    [issued] = [outcome for outcome in outcomes if outcome is not None]
    [token] = await world.tokens.list()
    found = await world.families.find_refresh(issued.refresh)
    assert found is not None
    assert (token.kind, found.family.kind, len(outcomes)) == ("consent", "consent", 5)


async def test_tokens_from_before_there_were_other_ways_were_granted_by_password(world: World) -> None:
    issued = await world.families.begin(TOKENS, 60, 600)
    async with world.database.begin() as connection:
        for table in (tokens, token_families):
            await connection.execute(update(table).values(kind=None))
    found, refresh = await world.tokens.find(hash_token(issued.access)), await world.families.find_refresh(issued.refresh)
    assert found is not None
    assert refresh is not None
    assert (found.kind, refresh.family.kind) == ("password", "password")
    await world.tokens.add("robot", ALICE, ["user"])
    assert [token.kind for token in await world.tokens.list()] == ["password", None]


async def test_a_login_counts_once_for_its_browser_and_its_question(world: World) -> None:
    ticket = await world.sign_ins.add("browser", "subject", ALICE)
    assert await world.sign_ins.find(ticket, "another") is None
    assert await world.sign_ins.find(ticket, "browser") == ALICE
    assert not await world.sign_ins.take(ticket, "browser", "something else")
    assert await world.sign_ins.take(ticket, "browser", "subject")
    assert not await world.sign_ins.take(ticket, "browser", "subject")
    late = await world.sign_ins.add("browser", "subject", ALICE)
    world.clock.pass_by(600)
    assert await world.sign_ins.find(late, "browser") is None


async def test_so_many_devices_wait_until_their_time_is_over(world: World) -> None:
    first, _ = [await world.devices.add("tgc_1", "user") for _ in range(2)]
    with pytest.raises(StorageUnavailable):
        await world.devices.add("tgc_1", "user")
    world.clock.pass_by(601)
    assert await world.devices.find_by_user_code(first.user) is None
    polled = await world.devices.poll(first.device, "tgc_1")
    assert polled is not None
    assert polled[0].is_over
    await world.devices.add("tgc_1", "user")
    world.clock.pass_by(3601)
    await world.devices.add("tgc_1", "user")
    assert await world.devices.poll(first.device, "tgc_1") is None


async def test_a_device_is_answered_once_and_gets_tokens_once(world: World) -> None:
    codes = await world.devices.add("tgc_1", "user rest")
    device = await world.devices.find_by_user_code(codes.user.lower())
    assert device is not None
    assert [await world.devices.answer(device, owner, "user") for owner in (ALICE, BOB)] == [True, False]
    assert await world.devices.find_by_user_code(codes.user) is None
    polled = await world.devices.poll(codes.device, "tgc_1")
    assert polled is not None
    assert (polled[0].state, polled[0].owner, polled[0].scope) == ("granted", ALICE, "user")
    outcomes = await asyncio.gather(*[world.families.redeem(world.devices.claim(polled[0]), TOKENS, 60, 600) for _ in range(3)])
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert await world.devices.poll(codes.device, "tgc_1") is None


async def test_what_somebody_has_granted_goes_with_his_password(world: World) -> None:
    await world.codes.add(CODE)
    await world.sign_ins.add("browser", "subject", ALICE)
    device = await world.devices.find_by_user_code((await world.devices.add("tgc_1", "user")).user)
    assert device is not None
    await world.devices.answer(device, ALICE, "user")
    await world.tokens.revoke_granted(BOB, world.clock.now)
    assert await world.count() == 3
    await world.tokens.revoke_granted(ALICE, world.clock.now)
    assert await world.count() == 0


async def test_a_client_that_an_administrator_revokes_takes_all_with_it(world: World) -> None:
    clients = ClientStore(world.database, clock=world.clock)
    client, _ = await clients.add({"client_name": "App"}, by_admin=True, owner=ALICE)
    assert [(each.by_admin, each.owner) for each in await clients.list()] == [(True, ALICE)]
    world.clock.pass_by(100 * 24 * 3600)
    await clients.add({"client_name": "Another"})
    await world.families.begin(Grant(client.id, "App", BOB, frozenset({"user"}), "user"), 60, 600)
    await world.families.begin(TOKENS, 60, 600)
    await world.codes.add(CodeGrant(client.id, BOB, "user", "", ""))
    await world.devices.add(client.id, "user")
    await clients.revoke(client.id)
    assert [token.owner for token in await world.tokens.list()] == [ALICE]
    assert await world.count() == 0
    with pytest.raises(NotFound):
        await clients.revoke(client.id)
