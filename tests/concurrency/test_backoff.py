"""Delays between attempts."""

from tigrest.concurrency.backoff import Backoff


def test_delays_grow_up_to_a_bound_and_differ() -> None:
    backoff = Backoff(first=1, factor=2, last=100, jitter=(0.75, 1.25))
    for number in range(1, 2000, 7):
        plain = min(2.0 ** min(number - 1, 64), 100)
        assert 0.75 * plain <= backoff.delay(number) <= 1.25 * plain
    assert len({backoff.delay(5) for _ in range(10)}) > 1


def test_who_asks_for_more_time_gets_it_within_reason() -> None:
    backoff = Backoff(first=1, last=10, patience=60)
    assert backoff.delay(1, asked=30) == 30
    assert backoff.delay(1, asked=1e10) == 60
    assert backoff.delay(10, asked=1) >= 7.5
