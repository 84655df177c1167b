import pytest

from tests.auth.fakes import ALICE, BOB, Clock
from tigrest.auth.throttle import KNOWN_NETWORKS, KNOWN_SECONDS, FailureBuckets, KnownNetworks, Throttle
from tigrest.errors import TooManyFailures
from tigrest.xmpp.jid import JID


def users(count: int) -> list[JID]:
    return [JID(f"user{number}@localhost") for number in range(count)]


@pytest.mark.parametrize("address", ["", "192.0.2.1", "2001:db8::1"])
def test_an_account_bears_ten_failures_from_one_network_and_one_more_each_six_seconds(address: str) -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(10):
        throttle.check(ALICE, address)
        throttle.failed(ALICE, address)
    with pytest.raises(TooManyFailures) as raised:
        throttle.check(ALICE, address)
    assert raised.value.retry_after == pytest.approx(6.0)
    throttle.check(BOB, address)
    throttle.check(ALICE, "198.51.100.7")
    _wait_and_fail_again(clock, throttle, address)


def _wait_and_fail_again(clock: Clock, throttle: Throttle, address: str) -> None:
    clock.pass_by(5.9)
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, address)
    clock.pass_by(0.2)
    throttle.check(ALICE, address)
    throttle.failed(ALICE, address)
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, address)
    clock.pass_by(60)
    for _ in range(10):
        throttle.check(ALICE, address)
        throttle.failed(ALICE, address)


def test_an_address_bears_thirty_failures_and_one_more_each_two_seconds() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for user in users(30):
        throttle.check(user, "192.0.2.1")
        throttle.failed(user, "192.0.2.1")
    with pytest.raises(TooManyFailures) as raised:
        throttle.check(ALICE, "192.0.2.1")
    assert raised.value.retry_after == pytest.approx(2.0)
    throttle.check(ALICE, "192.0.2.2")
    clock.pass_by(2.1)
    throttle.check(ALICE, "192.0.2.1")


def test_failures_that_came_too_fast_are_debt() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(13):
        throttle.failed(ALICE, "")
    with pytest.raises(TooManyFailures) as raised:
        throttle.check(ALICE, "")
    assert raised.value.retry_after == pytest.approx(24.0)


def test_a_success_forgives_the_account_there_but_not_the_network() -> None:
    throttle = Throttle(Clock())
    for _ in range(30):
        throttle.failed(ALICE, "192.0.2.1")
    throttle.succeeded(ALICE, "192.0.2.2")
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, "192.0.2.1")
    throttle.succeeded(ALICE, "192.0.2.1")
    throttle.check(ALICE, "192.0.2.1")
    with pytest.raises(TooManyFailures):
        throttle.check(BOB, "192.0.2.1")


def test_guesses_from_one_network_do_not_lock_the_owner_out_elsewhere() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    refused = 0
    for _ in range(3600):
        clock.pass_by(1.0)
        try:
            throttle.check(ALICE, "203.0.113.1")
        except TooManyFailures:
            refused += 1
        else:
            throttle.failed(ALICE, "203.0.113.1")
        throttle.check(ALICE, "192.0.2.1")
    assert 3600 - refused == pytest.approx(610, abs=2)


def test_guesses_from_very_many_networks_are_bounded_but_known_good_networks_pass() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    throttle.succeeded(ALICE, "192.0.2.1")
    guesses = 0
    for number in range(10_000):
        address = f"2001:db8:{number // 1000:x}:{number % 1000:x}::1"
        try:
            throttle.check(ALICE, address)
        except TooManyFailures:
            pass
        else:
            guesses += 1
            throttle.failed(ALICE, address)
    assert guesses == 100
    with pytest.raises(TooManyFailures) as raised:
        throttle.check(ALICE, "198.51.100.7")
    assert raised.value.retry_after == pytest.approx(2.0)
    throttle.check(ALICE, "192.0.2.1")
    throttle.succeeded(ALICE, "192.0.2.1")
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, "198.51.100.7")  # a success elsewhere does not open the door for those who guess
    throttle.check(BOB, "198.51.100.7")


def test_a_known_good_network_passes_while_others_guess_other_accounts_from_it() -> None:
    throttle = Throttle(Clock())
    throttle.succeeded(ALICE, "192.0.2.1")
    for user in users(40):
        throttle.failed(user, "192.0.2.1")
    with pytest.raises(TooManyFailures):
        throttle.check(BOB, "192.0.2.1")
    throttle.check(ALICE, "192.0.2.1")


def test_guessing_is_slow_from_a_known_good_network_too() -> None:
    throttle = Throttle(Clock())
    throttle.succeeded(ALICE, "192.0.2.1")
    for _ in range(10):
        throttle.check(ALICE, "192.0.2.1")
        throttle.failed(ALICE, "192.0.2.1")
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, "192.0.2.1")


def test_a_network_is_known_good_for_its_time_only() -> None:
    clock = Clock()
    known = KnownNetworks(clock)
    known.add(ALICE, "192.0.2.1")
    clock.pass_by(KNOWN_SECONDS - 1)
    assert known.has(ALICE, "192.0.2.1")
    assert not known.has(BOB, "192.0.2.1")
    clock.pass_by(2)
    assert not known.has(ALICE, "192.0.2.1")


def test_what_is_known_good_is_bounded() -> None:
    known = KnownNetworks(Clock(), size=2)
    for number in range(KNOWN_NETWORKS + 1):
        known.add(ALICE, f"192.0.2.{number}")
    assert not known.has(ALICE, "192.0.2.0")
    assert known.has(ALICE, "192.0.2.1")
    for user in users(2):
        known.add(user, "192.0.2.1")
    assert not known.has(ALICE, "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("nonsense:", "nonsense", False),
    ],
)
def test_an_ipv6_network_counts_as_one_address(one: str, other: str, is_same: bool) -> None:
    throttle = Throttle(Clock())
    for user in users(30):
        throttle.failed(user, one)
    if is_same:
        with pytest.raises(TooManyFailures):
            throttle.check(ALICE, other)
    else:
        throttle.check(ALICE, other)


def test_callers_of_unknown_address_do_not_share_a_bucket() -> None:
    throttle = Throttle(Clock())
    for user in users(100):
        throttle.failed(user, "")
    throttle.check(ALICE, "")


def test_the_oldest_entries_are_dropped() -> None:
    bucket = FailureBuckets(1, 10.0, Clock(), size=3)
    for key in ("a", "b", "c", "a", "d"):
        bucket.add(key)
    assert [bool(bucket.wait(key)) for key in "abcd"] == [True, False, True, True]
