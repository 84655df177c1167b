"""The registry of metrics."""

import pytest

from tigrest.observability.metrics import Metrics


def test_a_gauge_shows_what_its_part_counts_now() -> None:
    metrics, streams = Metrics(), {"alice": 1}
    metrics.gauge("tigrest_test_streams", "Open streams.", ("user",), lambda: [((user,), number) for user, number in streams.items()])
    streams["bob"] = 2
    content_type, text = metrics.render()
    assert content_type.startswith(b"text/plain")
    assert b"# HELP tigrest_test_streams Open streams.\n" in text
    assert b'tigrest_test_streams{user="alice"} 1.0\n' in text
    assert b'tigrest_test_streams{user="bob"} 2.0\n' in text
    assert b"process_cpu_seconds_total" in text


def test_two_parts_cannot_add_one_name() -> None:
    metrics = Metrics()
    metrics.gauge("tigrest_test", "Numbers.", (), lambda: [((), 1)])
    with pytest.raises(ValueError, match="tigrest_test"):
        metrics.gauge("tigrest_test", "Other numbers.", (), lambda: [((), 2)])


def test_each_gateway_has_a_registry_of_its_own() -> None:
    one, other = Metrics(), Metrics()
    one.gauge("tigrest_test", "Numbers.", (), lambda: [((), 1)])
    assert b"tigrest_test" not in other.render()[1]
