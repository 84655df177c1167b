"""Looking tokens up: from the cache, from the database, and what of them counts."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar

import pytest

from tests.auth.fakes import ADDRESS, ALICE, BOB, Clock
from tigrest.auth.principal import ADMIN, NOBODY, USER
from tigrest.auth.throttle import Throttle
from tigrest.auth.token_store import Token, TokenStore
from tigrest.auth.tokens import Tokens, granted, is_bearer
from tigrest.errors import InvalidToken, NotConnected, StorageUnavailable, TooManyFailures
from tigrest.state.database import Database
from tigrest.state.gateway_tables import GATEWAY
from tigrest.xmpp.jid import JID


class CountingStore(TokenStore):
    reads = 0
    broken = False

    async def find(self, digest: str) -> Token | None:
        self.reads += 1
        found = await super().find(digest)
        await self.meanwhile()
        if self.broken:
            raise OSError("the disk is gone")
        return found

    async def meanwhile(self) -> None:
        """Do what happens while a token is read."""


class World:
    def __init__(self, database: Database) -> None:
        self.clock = Clock()
        self.store = CountingStore(database, self.clock)
        self.exists: Callable[[JID], Awaitable[bool]] = self._exists
        self.accounts = {ALICE, BOB}
        self.tokens = Tokens(self.store, Throttle(self.clock), self._exists, self._knows, clock=self.clock, unix_clock=self.clock)

    async def _exists(self, jid: JID) -> bool:
        if not self.accounts:
            raise NotConnected
        return jid in self.accounts

    def _knows(self, jid: JID) -> bool:
        return jid.domain == "localhost"

    async def made(self, name: str = "ci", owner: JID = ALICE, seconds: float | None = None) -> bytes:
        return b"Bearer " + (await self.store.add(name, owner, ["user"], seconds)).encode()

    async def settle(self) -> None:
        for task in self.tokens._tasks:
            await task


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    world = World(database)
    await world.store.start()
    yield world
    await world.tokens.stop()


async def test_a_token_of_somebody_who_could_not_log_in_is_refused(world: World) -> None:
    with pytest.raises(InvalidToken, match="robot@other.example is no user of the domain"):
        await world.tokens.find(await world.made(owner=JID("robot@other.example")), ADDRESS)


def test_the_scheme_is_read_in_any_case() -> None:
    assert is_bearer(b"Bearer x")
    assert is_bearer(b"bEARER x")
    assert not is_bearer(b"Basic x")
    assert not is_bearer(b"Bearer")


@pytest.mark.parametrize(
    ("scopes", "of_admin", "of_user"),
    [
        ({"admin"}, ADMIN, USER),
        ({"user"}, USER, USER),
        ({"rest"}, USER, USER),
        ({"get_roster"}, NOBODY, NOBODY),
        ({"get_roster", "user"}, USER, USER),
    ],
)
def test_a_token_has_never_more_than_its_owner(scopes: set[str], of_admin: frozenset[str], of_user: frozenset[str]) -> None:
    assert granted(ADMIN, frozenset(scopes)) == of_admin
    assert granted(USER, frozenset(scopes)) == of_user


async def test_a_token_is_read_once_a_second(world: World) -> None:
    header = await world.made()
    assert world.tokens.cached(header, ADDRESS) is None
    assert (await world.tokens.find(header, ADDRESS)).name == "ci"
    cached = world.tokens.cached(header, ADDRESS)
    assert cached is not None
    assert cached.owner == ALICE
    assert world.store.reads == 1
    world.clock.pass_by(1.1)
    assert world.tokens.cached(header, ADDRESS) is None
    await world.tokens.find(header, ADDRESS)
    assert world.store.reads == 2


async def test_what_this_process_revokes_ends_at_once(world: World) -> None:
    header = await world.made()
    await world.tokens.find(header, ADDRESS)
    await world.store.revoke("ci")
    assert world.tokens.cached(header, ADDRESS) is None
    with pytest.raises(InvalidToken):
        await world.tokens.find(header, ADDRESS)


async def test_what_another_process_revokes_ends_within_a_second(world: World, location: str) -> None:
    header = await world.made()
    await world.tokens.find(header, ADDRESS)
    elsewhere = Database(location)
    await elsewhere.start(GATEWAY)
    await TokenStore(elsewhere).revoke("ci")
    await elsewhere.stop()
    assert world.tokens.cached(header, ADDRESS) is not None
    world.clock.pass_by(1.1)
    with pytest.raises(InvalidToken):
        await world.tokens.find(header, ADDRESS)


async def test_a_token_is_valid_however_long_the_database_takes_and_whatever_others_change_meanwhile(world: World) -> None:
    header = await world.made()

    async def slowly() -> None:
        world.clock.pass_by(3)

    async def busily() -> None:
        world.store.changes += 1

    async def revoking() -> None:
        world.store.meanwhile = busily  # type: ignore[method-assign]
        await world.store.revoke("ci")

    for world.store.meanwhile in (slowly, busily):  # type: ignore[method-assign]
        assert (await world.tokens.find(header, ADDRESS)).name == "ci"
    world.store.broken, world.store.meanwhile = True, slowly  # type: ignore[method-assign]
    assert (await world.tokens.find(header, ADDRESS)).name == "ci"
    world.store.broken, world.store.meanwhile = False, revoking  # type: ignore[method-assign]
    with pytest.raises(InvalidToken):
        await world.tokens.find(header, ADDRESS)


async def test_an_expired_token_ends_at_its_moment(world: World) -> None:
    header = await world.made(seconds=0.5)
    await world.tokens.find(header, ADDRESS)
    world.clock.pass_by(0.5)
    assert world.tokens.cached(header, ADDRESS) is None
    with pytest.raises(InvalidToken):
        await world.tokens.find(header, ADDRESS)


async def test_guessing_is_throttled_but_not_for_those_who_have_a_token(world: World) -> None:
    header = await world.made()
    await world.tokens.find(header, ADDRESS)
    for number in range(30):
        with pytest.raises(InvalidToken):
            await world.tokens.find(b"Bearer tgt_%d" % number, ADDRESS)
    with pytest.raises(TooManyFailures):
        await world.tokens.find(b"Bearer tgt_more", ADDRESS)
    reads = world.store.reads
    with pytest.raises(TooManyFailures):
        await world.tokens.find(b"Bearer other", ADDRESS)
    assert world.store.reads == reads
    world.clock.pass_by(2)
    assert await world.tokens.find(header, ADDRESS)
    other = await world.made("other")
    assert await world.tokens.find(other, "192.0.2.9")


async def test_tokens_read_last_stay_valid_when_the_database_is_gone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    header, unread = await world.made(), await world.made("unread")
    await world.tokens.find(header, ADDRESS)
    world.store.broken = True
    world.clock.pass_by(2)
    assert (await world.tokens.find(header, ADDRESS)).name == "ci"
    with pytest.raises(StorageUnavailable):
        await world.tokens.find(unread, ADDRESS)
    assert caplog.text.count("those read last stay valid") == 1
    assert "tgt_" not in caplog.text


async def test_the_last_use_is_stored_once_a_minute(world: World) -> None:
    header = await world.made()
    for _ in range(3):
        await world.tokens.find(header, ADDRESS)
    await world.settle()
    first = (await world.store.list())[0].last_used
    assert first
    world.clock.pass_by(59)
    await world.tokens.find(header, ADDRESS)
    await world.settle()
    assert (await world.store.list())[0].last_used == first
    world.clock.pass_by(2)
    await world.tokens.find(header, "192.0.2.9")
    await world.settle()
    [token] = await world.store.list()
    assert (token.last_used > first, token.last_address) == (True, "192.0.2.9")


async def test_tokens_go_with_the_account(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for name, owner in (("a", ALICE), ("b", BOB)):
        await world.made(name, owner)
    world.tokens.forget(ALICE)
    await world.settle()
    assert len(await world.store.list()) == 2, "his password has changed"
    world.accounts = {BOB}
    world.tokens.forget(ALICE)
    await world.settle()
    assert [each.name for each in await world.store.list()] == ["b"]
    world.accounts = set()
    world.tokens.forget(BOB)
    await world.settle()
    assert [each.name for each in await world.store.list()] == ["b"], "nobody knows"
    assert "is not known" in caplog.text


async def test_tokens_of_an_account_that_the_server_has_deleted_end_when_they_are_used(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    header = await world.made("a")
    await world.made("b", BOB)

    async def use(seconds: float) -> list[str]:
        world.clock.pass_by(seconds)
        await world.tokens.find(header, ADDRESS)
        await world.settle()
        return [each.name for each in await world.store.list()]

    assert await use(0) == ["a", "b"]
    world.accounts = {BOB}
    assert await use(3000) == ["a", "b"], "it is asked once an hour"
    assert await use(700) == ["a", "b"], "it may have been a moment"
    world.accounts = {ALICE, BOB}
    assert await use(61) == ["a", "b"]
    world.accounts = set()
    assert await use(3601) == ["a", "b"], "nobody knows"
    world.accounts = {BOB}
    assert await use(3601) == ["a", "b"]
    with caplog.at_level("INFO"):
        assert await use(61) == ["b"], "it said so twice"
    assert "alice@localhost is gone; 1 tokens revoked" in caplog.text
    with pytest.raises(InvalidToken):
        await world.tokens.find(header, ADDRESS)


async def test_the_look_up_sees_hashes_only_so_that_its_time_tells_nothing_of_tokens(world: World) -> None:
    class Seen(CountingStore):
        digests: ClassVar[list[str]] = []

        async def find(self, digest: str) -> Token | None:
            self.digests.append(digest)
            return await super().find(digest)

    world.store.__class__ = Seen
    right = await world.made()
    for header in (right, right[:-1] + b"x", b"Bearer tgt_", b"Bearer tgt_" + b"x" * 5000):
        with contextlib.suppress(InvalidToken):
            await world.tokens.find(header, ADDRESS)
        text = header.removeprefix(b"Bearer ")
        assert Seen.digests.pop() == hashlib.sha256(text).hexdigest()
        assert not any(text in key for key in world.tokens._cache), "and so does the cache"
