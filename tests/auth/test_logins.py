import asyncio
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.auth.fakes import ADDRESS, ALICE, BOB, World, basic, turns
from tigrest.auth.accounts import Account, Accounts
from tigrest.auth.logins import LoginLimits
from tigrest.concurrency.loop import new_event_loop
from tigrest.errors import LoginRequired, NotConnected, TooManyFailures
from tigrest.passwords import Passwords
from tigrest.xmpp.jid import JID

HEADER = basic("alice@localhost", "secret")


async def test_the_right_password_gives_the_bare_address() -> None:
    world = World()
    for username in ("alice@localhost", "alice", "ALICE", "alice@localhost/phone"):
        assert await world.login(username, "secret") == ALICE
    assert world.server.asked == [(ALICE, "secret")] * 4


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("nobody", "secret"), ("alice", "Secret"), ("bob", "secret")])
async def test_a_wrong_login_is_refused_without_saying_what_is_wrong(username: str, password: str) -> None:
    with pytest.raises(LoginRequired, match=r"^the login is not accepted$"):
        await World().login(username, password)


@pytest.mark.parametrize("header", [None, b""])
async def test_no_login_says_what_is_needed(header: bytes | None) -> None:
    with pytest.raises(LoginRequired, match="HTTP Basic"):
        await World().logins.login(header, ADDRESS)


async def test_a_right_login_is_believed_for_its_time_only() -> None:
    world = World(cache_seconds=60)
    assert world.logins.cached(HEADER) is None
    await world.logins.login(HEADER, ADDRESS)
    world.clock.pass_by(59.9)
    assert world.logins.cached(HEADER) == ALICE
    assert await world.logins.login(HEADER, ADDRESS) == ALICE
    assert len(world.server.asked) == 1
    assert world.logins.cached(basic("alice@localhost", "wrong")) is None
    world.clock.pass_by(0.2)
    assert world.logins.cached(HEADER) is None
    assert await world.logins.login(HEADER, ADDRESS) == ALICE
    assert len(world.server.asked) == 2
    assert world.logins.cached(HEADER) == ALICE


async def test_without_a_cache_each_login_is_checked() -> None:
    world = World(cache_seconds=0)
    for _ in range(3):
        assert await world.logins.login(HEADER, ADDRESS) == ALICE
        assert world.logins.cached(HEADER) is None
    assert len(world.server.asked) == 3


async def test_a_wrong_login_is_never_believed() -> None:
    world = World()
    for _ in range(2):
        with pytest.raises(LoginRequired):
            await world.login("alice", "wrong")
        assert world.logins.cached(basic("alice", "wrong")) is None
    assert len(world.server.asked) == 2


async def test_a_hundred_first_requests_at_once_are_one_check() -> None:
    world = World()
    assert await asyncio.gather(*[world.logins.login(HEADER, ADDRESS) for _ in range(100)]) == [ALICE] * 100
    assert len(world.server.asked) == 1


async def test_a_hundred_wrong_requests_at_once_are_one_failure() -> None:
    world = World()
    results = await asyncio.gather(*[world.login("alice", "wrong") for _ in range(100)], return_exceptions=True)
    assert {type(result) for result in results} == {LoginRequired}
    assert len({id(result) for result in results}) == 100
    assert len(world.server.asked) == 1
    assert await world.login("alice", "secret") == ALICE


async def test_a_cancelled_request_does_not_cancel_the_others() -> None:
    world = World()
    world.server.open.clear()
    first, second = (asyncio.create_task(world.logins.login(HEADER, ADDRESS)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    world.server.open.set()
    assert await second == ALICE
    assert first.cancelled()
    assert len(world.server.asked) == 1


async def test_a_check_that_nobody_waits_for_ends_and_gives_its_turn_back() -> None:
    world = World(limits=LoginLimits(running=1))
    world.server.open.clear()
    task = asyncio.create_task(world.logins.login(HEADER, ADDRESS))
    await turns()
    task.cancel()
    await asyncio.wait({task})
    assert world.server.cancelled == 1
    world.server.open.set()
    assert await world.login("bob", "builder") == BOB


async def test_only_so_many_checks_run_at_once() -> None:
    world = World(limits=LoginLimits(running=3))
    world.server.passwords |= {JID(f"user{number}@localhost"): "x" for number in range(20)}
    await asyncio.gather(*[world.login(f"user{number}", "x") for number in range(20)])
    assert len(world.server.asked) == 20
    assert world.server.most_running == 3


async def test_too_many_waiting_checks_are_told_to_come_back() -> None:
    world = World(limits=LoginLimits(running=1, waiting=2))
    world.server.open.clear()
    tasks = [asyncio.create_task(world.login("alice", f"guess {number}")) for number in range(3)]
    await turns()
    with pytest.raises(NotConnected, match="too many logins"):
        await world.login("bob", "builder")
    world.server.open.set()
    await asyncio.wait(tasks)
    assert await world.login("bob", "builder") == BOB


async def test_a_check_does_not_wait_for_its_turn_for_ever() -> None:
    world = World(limits=LoginLimits(running=1, wait_seconds=0.01))
    world.server.open.clear()
    holder = asyncio.create_task(world.login("alice", "secret"))
    await turns()
    with pytest.raises(NotConnected, match="too long"):
        await world.login("bob", "builder")
    world.server.open.set()
    assert await holder == ALICE
    assert await world.login("bob", "builder") == BOB


async def test_guessing_is_slowed_down() -> None:
    world = World()
    for number in range(10):
        with pytest.raises(LoginRequired):
            await world.login("alice", f"guess {number}")
    with pytest.raises(TooManyFailures) as raised:
        await world.login("alice", "secret")
    assert raised.value.retry_after == pytest.approx(6.0)
    assert len(world.server.asked) == 10
    assert await world.login("alice", "secret", "198.51.100.7") == ALICE
    world.clock.pass_by(6.1)
    assert await world.login("alice", "secret") == ALICE


async def test_guessing_many_accounts_from_one_address_is_slowed_down() -> None:
    world = World()
    for number in range(30):
        with pytest.raises(LoginRequired):
            await world.login(f"user{number}", "guess")
    with pytest.raises(TooManyFailures):
        await world.login("alice", "secret")
    assert await world.login("alice", "secret", "198.51.100.7") == ALICE


async def test_guessing_at_once_does_not_slip_past_the_throttle() -> None:
    world = World(limits=LoginLimits(running=4))
    results = await asyncio.gather(*[world.login("alice", f"guess {number}") for number in range(500)], return_exceptions=True)
    assert len(world.server.asked) <= 10 + 3
    assert {type(result) for result in results} == {LoginRequired, TooManyFailures}


async def test_who_logged_in_from_a_network_lately_may_log_in_there_anew_however_many_guess_elsewhere() -> None:
    world = World(cache_seconds=0)
    await world.logins.login(HEADER, ADDRESS)
    for number in range(120):
        with pytest.raises((LoginRequired, TooManyFailures)):
            await world.login("alice", f"guess {number}", f"203.0.113.{number}")
    assert len(world.server.asked) == 101
    with pytest.raises(TooManyFailures):
        await world.login("alice", "secret", "198.51.100.7")
    world.server.passwords[ALICE] = "changed"
    world.logins.forget(ALICE)
    assert await world.login("alice", "changed") == ALICE


async def test_guessers_cannot_lock_out_who_was_right_before() -> None:
    world = World(cache_seconds=1)
    await world.logins.login(HEADER, ADDRESS)
    for number in range(10):
        with pytest.raises(LoginRequired):
            await world.login("alice", f"guess {number}", "198.51.100.7")
    assert await world.logins.login(HEADER, ADDRESS) == ALICE
    assert len(world.server.asked) == 11
    world.clock.pass_by(1.1)
    assert world.logins.cached(HEADER) is None
    with pytest.raises(TooManyFailures):
        await world.login("alice", "guess", "198.51.100.7")
    assert await world.logins.login(HEADER, ADDRESS) == ALICE


async def test_who_was_right_before_is_throttled_once_he_is_wrong() -> None:
    world = World(cache_seconds=0)
    await world.logins.login(HEADER, ADDRESS)
    world.server.passwords[ALICE] = "changed"
    for _ in range(10):
        with pytest.raises(LoginRequired):
            await world.logins.login(HEADER, ADDRESS)
    with pytest.raises(TooManyFailures):
        await world.logins.login(HEADER, ADDRESS)


async def test_an_unreachable_server_is_no_failure() -> None:
    world = World()
    world.server.gone = True
    for number in range(50):
        with pytest.raises(NotConnected):
            await world.login("alice", f"guess {number}")
    world.server.gone = False
    assert await world.login("alice", "secret") == ALICE


async def test_a_changed_password_counts_at_once() -> None:
    world = World()
    await world.logins.login(HEADER, ADDRESS)
    await world.login("bob", "builder")
    world.server.passwords[ALICE] = "changed"
    world.logins.forget(ALICE)
    assert world.logins.cached(HEADER) is None
    assert world.logins.cached(basic("bob", "builder")) == BOB
    with pytest.raises(LoginRequired):
        await world.logins.login(HEADER, ADDRESS)


async def test_a_check_begun_with_the_old_password_is_not_shared_after_the_change() -> None:
    world = World()
    world.server.open.clear()
    before = asyncio.create_task(world.logins.login(HEADER, ADDRESS))
    await turns()
    world.server.passwords[ALICE] = "changed"
    world.logins.forget(ALICE)
    after = asyncio.create_task(world.logins.login(HEADER, ADDRESS))
    await turns()
    world.server.open.set()
    assert await before == ALICE
    with pytest.raises(LoginRequired):
        await after


async def test_a_check_begun_with_the_old_password_is_not_remembered_after_the_change() -> None:
    world = World()
    world.server.open.clear()
    before = asyncio.create_task(world.logins.login(HEADER, ADDRESS))
    await turns()
    world.logins.forget(ALICE)
    world.server.open.set()
    assert await before == ALICE
    assert world.logins.cached(HEADER) is None


async def test_the_cache_is_bounded() -> None:
    world = World(limits=LoginLimits(cached=3))
    headers = [basic(f"alice@localhost/{number}", "secret") for number in range(4)]
    for header in headers:
        await world.logins.login(header, ADDRESS)
    assert [world.logins.cached(header) for header in headers] == [None, ALICE, ALICE, ALICE]
    world.logins.forget(ALICE)
    assert [world.logins.cached(header) for header in headers] == [None] * 4
    await world.logins.login(headers[0], ADDRESS)
    assert world.logins.cached(headers[0]) == ALICE


async def test_nothing_secret_is_kept_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = World()
    await world.login("alice", "secret")
    with pytest.raises(LoginRequired):
        await world.login("bob", "hunter2")
    kept = repr(vars(world.logins))
    for secret in ("secret", "hunter2", basic("alice", "secret").decode()[6:]):
        assert secret not in kept
        assert secret not in caplog.text
    assert f"the login of bob@localhost from {ADDRESS} is not accepted" in caplog.text


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = new_event_loop()
    yield loop
    loop.close()


@given(st.binary() | st.binary().map(lambda raw: b"Basic " + raw) | st.text().map(lambda text: basic(text, text)))
def test_garbage_raises_nothing_else(loop: asyncio.AbstractEventLoop, header: bytes) -> None:
    async def attempt() -> None:
        with pytest.raises((LoginRequired, TooManyFailures)):
            await World().logins.login(header, ADDRESS)

    loop.run_until_complete(attempt())


async def test_what_is_configured_anew_is_asked_at_the_next_request() -> None:
    world = World()
    assert await world.login("alice", "secret") == ALICE
    world.logins.configure(Accounts([Account(ALICE, password="other")], Passwords(1, 8, 1)), 0)
    with pytest.raises(LoginRequired):
        await world.login("alice", "secret")
    assert await world.login("alice", "other") == ALICE
    assert world.logins.cached(basic("alice", "other")) is None
    assert world.server.asked == [(ALICE, "secret")]


async def test_a_check_begun_before_it_was_configured_anew_is_not_remembered() -> None:
    world = World()
    world.server.open.clear()
    login = asyncio.create_task(world.login("alice", "secret"))
    await turns()
    world.logins.configure(Accounts([], Passwords(1, 8, 1)), 60)
    world.server.open.set()
    assert await login == ALICE
    assert world.logins.cached(basic("alice", "secret")) is None


async def test_nobody_logs_in_by_the_name_that_tigase_believes() -> None:
    for username in ("user-status-endpoint", "User-Status-Endpoint@localhost", "user-status-endpoint@elsewhere.example"):
        world = World()
        with pytest.raises(LoginRequired, match="nobody logs in as user-status-endpoint"):
            await world.login(username, "secret")
        assert world.server.asked == []


async def test_a_password_is_verified_now_and_never_remembered() -> None:
    world = World(cache_seconds=60)
    for _ in range(2):
        assert await world.logins.verify(ALICE, "secret", ADDRESS)
    assert world.server.asked == [(ALICE, "secret")] * 2
    assert world.logins.cached(HEADER) is None
    assert not await world.logins.verify(ALICE, "", ADDRESS)
    assert not await world.logins.verify(JID("nobody@localhost"), "secret", ADDRESS)


async def test_whoever_verifies_passwords_guesses_no_faster_than_by_logging_in() -> None:
    world = World()
    for _ in range(10):
        assert not await world.logins.verify(ALICE, "wrong", ADDRESS)
    with pytest.raises(TooManyFailures):
        await world.logins.verify(ALICE, "secret", ADDRESS)
    with pytest.raises(TooManyFailures):
        await world.login("alice", "secret")
