import pytest

from tests.auth.fakes import ALICE, BOB, Clock
from tigrest.auth.throttle import Bucket, Throttle
from tigrest.errors import TooManyFailures
from tigrest.jid import JID


def users(count: int) -> list[JID]:
    return [JID(f"user{number}@localhost") for number in range(count)]


def test_an_account_bears_ten_failures_and_one_more_each_six_seconds() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(10):
        throttle.check(ALICE, "")
        throttle.failed(ALICE, "")
    with pytest.raises(TooManyFailures) as raised:
        throttle.check(ALICE, "192.0.2.1")
    assert raised.value.retry_after == pytest.approx(6.0)
    throttle.check(BOB, "")
    clock.pass_by(5.9)
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, "")
    clock.pass_by(0.2)
    throttle.check(ALICE, "")
    throttle.failed(ALICE, "")
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, "")
    clock.pass_by(60)
    for _ in range(10):
        throttle.check(ALICE, "")
        throttle.failed(ALICE, "")


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


def test_a_success_forgives_the_account_but_not_the_address() -> None:
    throttle = Throttle(Clock())
    for _ in range(30):
        throttle.failed(ALICE, "192.0.2.1")
    throttle.succeeded(ALICE)
    throttle.check(ALICE, "192.0.2.2")
    with pytest.raises(TooManyFailures):
        throttle.check(ALICE, "192.0.2.1")


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
    bucket = Bucket(1, 10.0, Clock(), size=3)
    for key in ("a", "b", "c", "a", "d"):
        bucket.add(key)
    assert [bool(bucket.wait(key)) for key in "abcd"] == [True, False, True, True]
