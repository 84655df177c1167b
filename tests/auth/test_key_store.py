import re
from pathlib import Path

import pytest
from sqlalchemy import insert

from tigrest.auth.key_store import ApiKey, KeyStore, hash_key, host_name, new_key
from tigrest.errors import InvalidValue
from tigrest.state.database import Database
from tigrest.state.gateway_tables import api_keys


@pytest.fixture
async def store(database: Database) -> KeyStore:
    store = KeyStore(database)
    await store.start()
    return store


def test_new_keys_are_long_and_different() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"tgr_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_a_hash_has_the_form_of_the_configuration() -> None:
    assert hash_key("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


async def test_a_key_is_stored_as_its_hash(store: KeyStore, tmp_path: Path) -> None:
    key = await store.add("ci", ["/rest/stream.*"], ["example.org"])
    (stored,) = await store.list()
    assert stored == ApiKey("ci", hash_key(key), (re.compile("/rest/stream.*"),), ("example.org",))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", stored.created)
    assert key not in repr(stored)
    assert stored.digest not in repr(stored)
    for file in tmp_path.iterdir():
        assert key.encode() not in file.read_bytes()


async def test_a_given_key_is_stored(store: KeyStore) -> None:
    assert await store.add("ci", (), (), "my own key") == "my own key"
    assert (await store.list())[0].digest == hash_key("my own key")


async def test_keys_are_listed_by_name(store: KeyStore) -> None:
    for name in ("b", "c", "a"):
        await store.add(name, (), ())
    assert [key.name for key in await store.list()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "paths", "domains", "key", "words"),
    [
        ("taken", [], [], None, 'named "taken" already'),
        ("again", [], [], "the taken one", "stored already"),
        ("", [], [], None, "name of an API key"),
        ("two\nlines", [], [], None, "name of an API key"),
        ("new", ["/fine", "/rest/(stream"], [], None, r"/rest/\(stream.*new.*not a regular expression"),
        ("new", [], [""], None, "domain"),
        ("new", [], [], "", "empty"),
        ("new", [], [], " secret", "header"),
        ("new", [], [], "sécret", "header"),
        ("new", [], [], "sec\nret", "header"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    store: KeyStore, name: str, paths: list[str], domains: list[str], key: str | None, words: str
) -> None:
    await store.add("taken", (), (), "the taken one")
    with pytest.raises(InvalidValue, match=words) as raised:
        await store.add(name, paths, domains, key)
    if key:
        assert key not in str(raised.value)
    assert [key.name for key in await store.list()] == ["taken"]


async def test_a_revoked_key_is_gone(store: KeyStore) -> None:
    await store.add("ci", (), ())
    await store.revoke("ci")
    assert await store.list() == ()
    with pytest.raises(InvalidValue, match='no stored API key named "ci"'):
        await store.revoke("ci")
    await store.add("ci", (), ())


async def test_changes_are_counted(store: KeyStore) -> None:
    await store.add("ci", (), ())
    await store.revoke("ci")
    with pytest.raises(InvalidValue):
        await store.revoke("ci")
    assert store.changes == 2


@pytest.mark.parametrize(("paths", "domains"), [('["("]', "[]"), ("[", "[]"), ("7", "[]"), ("[]", "[7]"), ("[]", "null")])
async def test_a_key_spoilt_by_hand_is_left_out_and_logged_once(
    store: KeyStore, database: Database, caplog: pytest.LogCaptureFixture, paths: str, domains: str
) -> None:
    await store.add("good", (), ())
    async with database.begin() as connection:
        await connection.execute(insert(api_keys).values(name="bad", digest="sha256:0", paths=paths, domains=domains, created=""))
    for _ in range(3):
        assert [key.name for key in await store.list()] == ["good"]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ['the stored API key "bad" cannot be used']


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Example.ORG", "example.org"),
        ("example.org:8080", "example.org"),
        ("example.org.:80", "example.org"),
        ("[::1]:8080", "[::1]"),
        ("::1", "[::1]"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("", ""),
    ],
)
def test_a_host_is_compared_without_port_and_case(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("paths", "domains", "path", "host", "is_allowed"),
    [
        ([], [], "/anything", "", True),
        (["/rest/stream.*"], [], "/rest/stream/x", "", True),
        (["/rest/stream.*"], [], "/x/rest/stream", "", False),
        (["/rest/stream"], [], "/rest/stream/x", "", False),
        (["/rest/stream"], [], "/rest/stream\n", "", False),
        (["/a", "/b"], [], "/b", "", True),
        ([], ["example.org"], "/", "EXAMPLE.org:8080", True),
        ([], ["Example.org:80"], "/", "example.org", True),
        ([], ["bücher.example"], "/", "xn--bcher-kva.example", True),
        ([], ["example.org"], "/", "www.example.org", False),
        ([], ["example.org"], "/", "", False),
        (["/a"], ["example.org"], "/b", "example.org", False),
        (["/a"], ["example.org"], "/a", "example.org", True),
    ],
)
def test_a_key_is_valid_where_its_limits_say(paths: list[str], domains: list[str], path: str, host: str, is_allowed: bool) -> None:
    key = ApiKey("k", hash_key("k"), tuple(re.compile(pattern) for pattern in paths), tuple(domains))
    assert key.allows(path, host) is is_allowed
