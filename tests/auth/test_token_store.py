"""Tokens in the database: made, found by their hash, listed, revoked."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.auth.fakes import ADDRESS, ALICE, BOB, Clock
from tigrest.auth.token_store import Token, TokenStore, hash_token, new_token
from tigrest.errors import InvalidValue, NotFound
from tigrest.state.database import Database
from tigrest.state.gateway_tables import tokens
from tigrest.xmpp.jid import JID


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(database: Database, clock: Clock) -> TokenStore:
    store = TokenStore(database, clock)
    await store.start()
    return store


def test_new_tokens_are_long_and_different() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"tgt_[A-Za-z0-9_-]{43}", token) for token in made)


async def test_a_token_is_stored_as_its_hash(store: TokenStore, database: Database, tmp_path: Path) -> None:
    token = await store.add("ci", ALICE, ["user", "deploy"])
    assert await store.find(hash_token(token)) == Token("ci", ALICE, frozenset({"user", "deploy"}), "")
    async with database.begin() as connection:
        stored = str((await connection.execute(select(tokens))).all())
    assert token not in stored
    for file in tmp_path.iterdir():
        assert token.encode() not in file.read_bytes()


async def test_a_token_ends_when_its_time_is_over(store: TokenStore, clock: Clock) -> None:
    token = await store.add("ci", ALICE, ["user"], seconds=60)
    clock.pass_by(59)
    assert await store.find(hash_token(token)) is not None
    clock.pass_by(1)
    assert await store.find(hash_token(token)) is None
    assert [each.name for each in await store.list()] == ["ci"], "it is still listed"


async def test_tokens_are_listed_by_name_with_their_last_use(store: TokenStore, clock: Clock) -> None:
    await store.add("b", ALICE, ["user"])
    await store.add("a", BOB, ["rest"])
    clock.pass_by(5)
    await store.note_use("b", ADDRESS)
    listed = await store.list()
    assert [(each.name, each.owner, each.last_used, each.last_address) for each in listed] == [
        ("a", BOB, "", ""),
        ("b", ALICE, "1970-01-01T00:16:45+00:00", ADDRESS),
    ]
    assert [each.name for each in await store.list(BOB)] == ["a"]


async def test_a_revoked_token_is_gone(store: TokenStore) -> None:
    by_name, by_itself, of_bob = [await store.add(name, owner, ["user"]) for name, owner in (("a", ALICE), ("b", ALICE), ("c", BOB))]
    changes = store.changes
    await store.revoke("a")
    await store.revoke_token(by_itself)
    await store.revoke_token("tgt_nothing")
    assert store.changes > changes
    assert [await store.find(hash_token(token)) is None for token in (by_name, by_itself, of_bob)] == [True, True, False]
    assert await store.revoke_all(BOB) == 1
    with pytest.raises(NotFound, match='no token named "a"'):
        await store.revoke("a")


@pytest.mark.parametrize(
    ("name", "owner", "scopes", "seconds", "words"),
    [
        ("taken", ALICE, ["user"], None, 'named "taken" already'),
        ("", ALICE, ["user"], None, "name of a token"),
        ("a\nb", ALICE, ["user"], None, "name of a token"),
        ("x" * 201, ALICE, ["user"], None, "name of a token"),
        ("new", JID("localhost"), ["user"], None, "is not the address of a user"),
        ("new", JID("alice@localhost/phone"), ["user"], None, "is not the address of a user"),
        ("new", ALICE, [], None, "without a scope"),
        ("new", ALICE, ["Two words"], None, "is no scope"),
        ("new", ALICE, ["user"], 0, "lifetime"),
        ("new", ALICE, ["user"], -1, "lifetime"),
        ("new", ALICE, ["user"], float("nan"), "lifetime"),
        ("new", ALICE, ["user"], float("inf"), "lifetime"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    store: TokenStore, name: str, owner: JID, scopes: list[str], seconds: float | None, words: str
) -> None:
    await store.add("taken", ALICE, ["user"])
    with pytest.raises(InvalidValue, match=words):
        await store.add(name, owner, scopes, seconds)
    assert [each.name for each in await store.list()] == ["taken"]


async def test_tokens_that_expired_long_ago_are_not_kept(store: TokenStore, clock: Clock) -> None:
    await store.add("short", ALICE, ["user"], seconds=60)
    await store.add("endless", ALICE, ["user"])
    clock.pass_by(60 + 29 * 24 * 3600)
    await store.add("later", BOB, ["user"], seconds=60)
    assert [token.name for token in await store.list()] == ["endless", "later", "short"]
    assert await store.valid(["short", "endless", "later", "other"]) == {"endless", "later"}
    clock.pass_by(2 * 24 * 3600)
    await store.add("last", BOB, ["user"])
    assert [token.name for token in await store.list()] == ["endless", "last", "later"]
