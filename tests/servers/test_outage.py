"""Processes are killed under load: what a webhook is for still arrives."""

from __future__ import annotations

from pathlib import Path

from tests.servers.collector import collected
from tests.servers.conftest import StartServer
from tests.servers.outage import gateway_killed, receiver_killed


def test_a_receiver_that_was_killed_gets_everything_in_order(start_server: StartServer, tmp_path: Path) -> None:
    report = receiver_killed(start_server("prosody"), tmp_path, outage=3.0)
    assert report.missing == []
    assert report.is_in_order
    assert report.stored >= 100, report
    assert report.duplicates <= 8, report  # what was under way
    assert "unsigned" not in {one.id for one in collected(tmp_path / "collected")}


def test_a_gateway_that_was_killed_delivers_what_it_had_stored(start_server: StartServer, tmp_path: Path) -> None:
    report, stored = gateway_killed(start_server("prosody"), tmp_path)
    assert len(stored) >= 30
    assert set(stored) <= {one.text for one in collected(tmp_path / "collected")}
    assert report.is_in_order
    untold = set(report.missing) - set(report.bounced)
    assert len(untold) <= 10, report  # what was on the way between server and store when it died
