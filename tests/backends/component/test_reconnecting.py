"""When the next attempt to connect is made."""

from __future__ import annotations

from dataclasses import replace

from tigrest.backends.component.reconnecting import Reconnecting, ReconnectLimits

USUAL = ReconnectLimits()
PLAIN = replace(USUAL, backoff=replace(USUAL.backoff, jitter=(1.0, 1.0)))
FIRST_DELAY, LAST_DELAY, QUICK_DELAY, SHORT_LINKS = PLAIN.backoff.first, PLAIN.backoff.last, PLAIN.quick_delay, PLAIN.short_links


def test_a_server_that_is_away_is_tried_often_at_first_and_ever_less_later() -> None:
    failing = Reconnecting(PLAIN)
    delays = [failing.after_failure() for _ in range(60)]
    assert delays[:3] == [0.5, 1.0, 2.0]
    assert {delay for number, delay in enumerate(delays) if sum(delays[:number]) < 60} <= {0.5, 1.0, QUICK_DELAY}
    assert delays == sorted(delays)
    assert delays[-1] == LAST_DELAY


def test_a_link_that_came_up_begins_anew() -> None:
    restarts = Reconnecting(PLAIN)
    delays = []
    for _ in range(6):
        restarts.after_failure()
        restarts.after_failure()
        delays.append(restarts.after_link(0.3, "system-shutdown"))
    assert delays == [FIRST_DELAY] * 6
    assert restarts.after_failure() == FIRST_DELAY


def test_two_gateways_with_one_address_slow_down() -> None:
    war = Reconnecting(PLAIN)
    delays = [war.after_link(lasted=min(30.0, 0.5 * 2**number), condition="conflict") for number in range(9)]
    assert delays == [0.5, 0.5 * 2, 2.0, 4.0, 8.0, 16.0, LAST_DELAY, LAST_DELAY, LAST_DELAY]
    assert war.after_link(3600.0, "conflict") == FIRST_DELAY


def test_many_short_links_slow_down_whatever_ends_them() -> None:
    flapping = Reconnecting(PLAIN)
    delays = [flapping.after_link(0.1, "") for _ in range(SHORT_LINKS + 20)]
    assert delays[:SHORT_LINKS] == [FIRST_DELAY] * SHORT_LINKS
    assert delays[-1] == LAST_DELAY
    assert flapping.after_link(10.0, "") == FIRST_DELAY


def test_the_jitter_takes_up_to_half_away() -> None:
    delays = [Reconnecting(USUAL).after_failure() for _ in range(100)]
    assert FIRST_DELAY / 2 <= min(delays) < max(delays) <= FIRST_DELAY
