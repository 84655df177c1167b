import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from tests.auth.fakes import Clock, turns
from tests.waiting import until
from tigrest.auth.api_keys import ApiKey, ApiKeys, KeyLimits, KeyStore, hash_key, key_of_request
from tigrest.errors import InvalidValue, StorageUnavailable
from tigrest.state.database import Database


class CountingStore(KeyStore):
    """A real store that knows how often it is read, and can be made to hold, to answer late and to fail."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        super().__init__(database, clock)
        self.reads = 0
        self.stores_uses = False
        self.open = asyncio.Event()
        self.open.set()
        self.late: asyncio.Event | None = None
        self.has_result = asyncio.Event()
        self.fails = False
        self.before_failing: Callable[[], None] = lambda: None

    async def note_use(self, name: str, address: str) -> None:
        if self.stores_uses:  # else a test may end meanwhile
            await super().note_use(name, address)

    async def list(self) -> tuple[ApiKey, ...]:
        self.reads += 1
        await self.open.wait()
        if self.fails:
            self.before_failing()
            raise OperationalError("SELECT", None, Exception("disk I/O error"))
        result = await super().list()
        self.has_result.set()
        late, self.late = self.late, None
        if late:
            await late.wait()
        return result


@pytest.fixture
async def store(database: Database) -> CountingStore:
    store = CountingStore(database)
    await store.start()
    return store


@pytest.fixture
async def elsewhere(store: KeyStore, location: str) -> AsyncIterator[KeyStore]:
    """Give the same keys, changed by another process."""
    database = Database(location)
    elsewhere = KeyStore(database)
    await elsewhere.start()
    yield elsewhere
    await database.stop()


def configured(name: str, key: str, paths: tuple[str, ...] = (), domains: tuple[str, ...] = ()) -> ApiKey:
    return ApiKey(name, hash_key(key), tuple(re.compile(path) for path in paths), domains)


async def name_of(keys: ApiKeys, key: str | None, path: str = "/rest/stream", host: str = "localhost") -> str | None:
    found = await keys.find(key, path, host)
    assert found is None or key is None or keys.known(key, path, host) == found
    return found.name if found else None


async def test_configured_keys_open_what_their_limits_say() -> None:
    keys = ApiKeys([configured("ci", "one", ("/rest/stream.*",), ("example.org",)), configured("all", "two")])
    assert await name_of(keys, "one", "/rest/stream/x", "Example.org:8080") == "ci"
    assert await name_of(keys, "one", "/rest/stream/x", "localhost") is None
    assert await name_of(keys, "one", "/rest/adhoc", "example.org") is None
    assert await name_of(keys, "two", "/rest/adhoc") == "all"
    for wrong in ("three", "", None, "ONE", "one ", hash_key("one"), "\udcff"):
        assert await name_of(keys, wrong, "/rest/stream", "example.org") is None
    assert keys.known("three", "/", "") is None


async def test_one_key_may_stand_under_two_names() -> None:
    keys = ApiKeys([configured("a", "one", ("/a",)), configured("b", "one", ("/b",))])
    assert await name_of(keys, "one", "/b") == "b"


async def test_stored_keys_are_found_beside_configured_ones(store: CountingStore) -> None:
    key = await store.add("stored", ["/rest/.*"], [])
    keys = ApiKeys([configured("ci", "one")], store)
    assert keys.known(key, "/rest/stream", "") is None
    assert keys.known("one", "/rest/stream", "") is not None
    assert await name_of(keys, key) == "stored"
    assert await name_of(keys, key, "/other") is None
    assert await name_of(keys, "one") == "ci"


async def test_the_copy_is_read_once_a_second_at_most(store: CountingStore) -> None:
    clock = Clock()
    key = await store.add("stored", [], [])
    keys = ApiKeys([], store, clock=clock)
    for _ in range(10):
        assert await name_of(keys, key) == "stored"
        assert await name_of(keys, "wrong") is None
    assert store.reads == 1
    clock.pass_by(1.01)
    assert keys.known(key, "/", "") is None
    assert await name_of(keys, key) == "stored"
    assert store.reads == 2


async def test_what_another_process_changes_counts_within_a_second(store: CountingStore, elsewhere: KeyStore) -> None:
    clock = Clock()
    keys = ApiKeys([], store, clock=clock)
    assert await name_of(keys, "its key") is None
    await elsewhere.add("ci", [], [], "its key")
    clock.pass_by(1.01)
    assert await name_of(keys, "its key") == "ci"
    await elsewhere.revoke("ci")
    clock.pass_by(1.01)
    assert keys.known("its key", "/rest/stream", "localhost") is None
    assert await name_of(keys, "its key") is None


async def test_what_this_process_changes_counts_at_once(store: CountingStore) -> None:
    keys = ApiKeys([], store, clock=Clock())
    assert await name_of(keys, "its key") is None
    await store.add("ci", [], [], "its key")
    assert await name_of(keys, "its key") == "ci"
    await store.revoke("ci")
    assert keys.known("its key", "/rest/stream", "localhost") is None
    assert await name_of(keys, "its key") is None


async def test_a_key_that_has_expired_is_none_and_is_forgotten_a_month_later(database: Database) -> None:
    clock = Clock()
    store = CountingStore(database, clock)
    await store.start()
    keys = ApiKeys([], store, clock=clock, unix_clock=clock)
    await store.add("ci", [], [], "its key", seconds=60.0)
    assert await name_of(keys, "its key") == "ci"
    clock.pass_by(60)
    assert keys.known("its key", "/rest/stream", "localhost") is None
    assert await name_of(keys, "its key") is None
    assert [key.expires for key in await store.list()] == [1060.0]
    clock.pass_by(31 * 24 * 3600)
    await store.add("other", [], [])
    assert [key.name for key in await store.list()] == ["other"]
    for seconds in (0, -1, 1e12):
        with pytest.raises(InvalidValue, match="lifetime"):
            await store.add("x", [], [], seconds=seconds)


async def test_the_use_of_a_key_is_noted_once_a_minute_and_the_keys_are_not_read_for_it(store: CountingStore) -> None:
    clock, store.stores_uses = Clock(), True
    keys = ApiKeys([configured("own", "own key")], store, clock=clock)
    await store.add("ci", [], [], "its key")

    async def use(key: str, address: str) -> ApiKey:
        for _ in range(2):
            assert keys.known(key, "/", "", address) or await keys.find(key, "/", "", address)
        reads = store.reads
        await until(lambda: not keys._tasks)
        assert store.reads == reads
        return (await store.list())[0]

    assert (await use("own key", "192.0.2.9")).last_used == ""
    first = await use("its key", "192.0.2.1")
    assert (first.last_address, first.last_used > first.created[:10]) == ("192.0.2.1", True)
    assert (await use("its key", "192.0.2.2")).last_address == "192.0.2.1"
    clock.pass_by(60)
    assert (await use("its key", "192.0.2.2")).last_address == "192.0.2.2"
    await keys.stop()


async def test_requests_at_once_share_a_read(store: CountingStore) -> None:
    key = await store.add("ci", [], [])
    keys = ApiKeys([], store)
    store.open.clear()
    tasks = [asyncio.create_task(keys.find(key, "/", "")) for _ in range(100)]
    await turns()
    tasks[0].cancel()
    await turns()
    store.open.set()
    assert all([await task for task in tasks[1:]])
    assert store.reads == 1


async def test_a_read_that_is_overtaken_does_not_bring_a_revoked_key_back(store: CountingStore) -> None:
    keys = ApiKeys([], store, clock=Clock())
    key = await store.add("ci", [], [])
    late = store.late = asyncio.Event()
    overtaken = asyncio.create_task(keys.find(key, "/", ""))
    await store.has_result.wait()
    await store.revoke("ci")
    assert await keys.find(key, "/", "") is None
    late.set()
    assert await overtaken is None
    assert await name_of(keys, key) is None
    assert store.reads == 2


async def test_the_bootstrap_key_works_while_there_is_no_other(store: CountingStore, elsewhere: KeyStore) -> None:
    clock = Clock()
    keys = ApiKeys([], store, bootstrap="boot", clock=clock)
    assert keys.known("boot", "/", "") is None
    assert await name_of(keys, "boot", "/any/path", "any.host") == "bootstrap"
    await elsewhere.add("ci", [], [])
    clock.pass_by(1.01)
    assert keys.known("boot", "/", "") is None
    assert await name_of(keys, "boot") is None
    await elsewhere.revoke("ci")
    clock.pass_by(1.01)
    assert await name_of(keys, "boot") == "bootstrap"


async def test_the_bootstrap_key_does_not_work_beside_configured_keys(store: CountingStore) -> None:
    for stored in (None, store):
        assert await name_of(ApiKeys([configured("ci", "one")], stored, bootstrap="boot"), "boot") is None
    assert await name_of(ApiKeys([], bootstrap="boot"), "boot") == "bootstrap"


@pytest.mark.parametrize("bootstrap", [None, ""])
async def test_without_a_bootstrap_key_nothing_opens(bootstrap: str | None) -> None:
    keys = ApiKeys([], bootstrap=bootstrap)
    assert await name_of(keys, "") is None
    assert await name_of(keys, "None") is None


async def test_a_failing_database_leaves_the_last_copy_and_is_logged_once_a_minute(
    store: CountingStore, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    key = await store.add("ci", [], [])
    keys = ApiKeys([], store, bootstrap="boot", clock=clock)
    assert await name_of(keys, key) == "ci"
    store.fails = True
    for _ in range(50):
        clock.pass_by(1.1)
        assert await name_of(keys, key) == "ci"
        with pytest.raises(StorageUnavailable, match="none of those read last"):
            await name_of(keys, "boot")
    assert store.reads == 51
    assert len(caplog.records) == 1
    assert "disk I/O error" in caplog.text
    clock.pass_by(60)
    assert await name_of(keys, key) == "ci"
    assert len(caplog.records) == 2
    assert key not in caplog.text
    store.fails = False
    await store.revoke("ci")
    assert await name_of(keys, key) is None


async def test_a_database_that_fails_slowly_is_not_asked_by_each_request(store: CountingStore) -> None:
    clock = Clock()
    store.fails = True
    store.before_failing = lambda: clock.pass_by(3)
    keys = ApiKeys([], store, clock=clock)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await name_of(keys, "key")
    assert store.reads == 1


async def test_a_database_that_was_never_read_opens_nothing_but_configured_keys(store: CountingStore) -> None:
    store.fails = True
    with pytest.raises(StorageUnavailable):
        await name_of(ApiKeys([], store, bootstrap="boot"), "boot")
    assert await name_of(ApiKeys([configured("ci", "one")], store), "one") == "ci"


async def test_a_database_that_does_not_answer_is_not_waited_for(store: CountingStore) -> None:
    store.open.clear()
    with pytest.raises(StorageUnavailable):
        await ApiKeys([], store, limits=KeyLimits(read_seconds=0.02)).find("key", "/", "")


@pytest.mark.parametrize("is_open", [True, False])
def test_open_access_is_shown(is_open: bool) -> None:
    assert ApiKeys([], open_access=is_open).open_access is is_open


def test_keys_are_not_shown() -> None:
    keys = ApiKeys([configured("ci", "plain key")])
    assert "plain key" not in repr(vars(keys)) + repr(vars(ApiKeys([], bootstrap="plain key")))


@pytest.mark.parametrize(
    ("query", "headers", "key"),
    [
        (b"", [], None),
        (b"type=xml", [(b"host", b"x")], None),
        (b"api-key=one", [], "one"),
        (b"a=b&api-key=one&c=d", [], "one"),
        (b"api-key=a%2Fb%20c+d", [], "a/b c d"),
        (b"api-key=", [], None),
        (b"api-key", [], None),
        (b"api-key=&api-key=two", [], "two"),
        (b"my-api-key=one", [], None),
        (b"x=api-key=one", [], None),
        (b"api-key=one", [(b"api-key", b"two")], "two"),
        (b"api-key=one", [(b"api-key", b"")], "one"),
        (b"", [(b"host", b"x"), (b"api-key", b"one"), (b"api-key", b"two")], "one"),
        (b"", [(b"x-api-key", b"one")], None),
        (b"", [(b"api-key", "schlüssel".encode())], "schlüssel"),
        (b"api-key=schl%C3%BCssel", [], "schlüssel"),
    ],
)
def test_a_key_comes_in_the_header_or_the_query(query: bytes, headers: list[tuple[bytes, bytes]], key: str | None) -> None:
    assert key_of_request(query, dict(reversed(headers))) == key


@given(st.binary(), st.binary())
def test_any_bytes_are_a_key_that_can_be_looked_up(query: bytes, value: bytes) -> None:
    keys = ApiKeys([configured("ci", "one")])
    for key in (key_of_request(b"api-key=" + query, {}), key_of_request(query, {b"api-key": value})):
        assert key is None or key == "one" or keys.known(key, "/", "") is None


async def test_other_keys_can_be_configured_meanwhile(store: CountingStore) -> None:
    stored = await store.add("stored", [], [])
    keys = ApiKeys([configured("old", "old key")], store)
    assert (await name_of(keys, "old key"), await name_of(keys, stored)) == ("old", "stored")
    keys.configure([configured("new", "new key")], True)
    assert (await name_of(keys, "old key"), await name_of(keys, "new key"), await name_of(keys, stored)) == (None, "new", "stored")
    assert keys.open_access


async def test_the_bootstrap_key_ends_and_comes_back_with_what_is_configured() -> None:
    keys = ApiKeys([], bootstrap="boot")
    for given_keys, found in (([configured("ci", "key")], None), ([], "bootstrap")):
        keys.configure(given_keys, False)
        assert await name_of(keys, "boot") == found


async def test_a_database_that_fails_while_keys_are_configured_leaves_the_last_copy(store: CountingStore) -> None:
    stored = await store.add("stored", [], [])
    keys = ApiKeys([], store)
    assert await name_of(keys, stored) == "stored"
    store.fails = True
    keys.configure([], False)
    assert await name_of(keys, stored) == "stored"
