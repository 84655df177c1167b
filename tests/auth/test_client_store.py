"""Clients in the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.auth.fakes import Clock
from tigrest.auth.client_store import ClientLimits, ClientStore, is_client
from tigrest.auth.token_store import TokenStore
from tigrest.errors import StorageUnavailable
from tigrest.state.database import Database

PORTAL = {"client_name": "Portal", "grant_types": ["password"], "scope": "xmpp"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(database: Database, clock: Clock) -> ClientStore:
    await TokenStore(database).start()
    return ClientStore(database, ClientLimits(clients=3, unused_seconds=60), clock)


async def test_a_client_is_known_by_its_secret_which_is_stored_as_a_hash(store: ClientStore, tmp_path: Path) -> None:
    client, secret = await store.add(PORTAL)
    found = await store.authenticate(client.id, secret)
    assert found == client
    assert (client.name, client.grants, client.scope, client.is_public) == ("Portal", ("password",), "xmpp", False)
    assert is_client(client.id)
    for wrong in ("", secret[:-1], client.id):
        assert await store.authenticate(client.id, wrong) is None
    for other in ("tgc_other", "tgc_\0", "tgc_ü", ""):
        assert await store.authenticate(other, secret) is None
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()


async def test_a_public_client_has_no_secret(store: ClientStore) -> None:
    client, secret = await store.add(PORTAL, is_public=True)
    assert secret == ""
    assert await store.authenticate(client.id, "") == client
    assert await store.authenticate(client.id, "x") is None


async def test_clients_that_nobody_uses_make_room_for_others(store: ClientStore, clock: Clock) -> None:
    used, unused, new = [(await store.add(PORTAL))[0] for _ in range(3)]
    with pytest.raises(StorageUnavailable):
        await store.add(PORTAL)
    await store.note_use(used)
    clock.pass_by(61)
    later, _ = await store.add(PORTAL)
    assert [await store.find(each.id) is not None for each in (used, unused, new, later)] == [True, False, False, True]


def test_an_address_is_no_client() -> None:
    assert not is_client("tgc_x@localhost")
    assert not is_client("alice")
