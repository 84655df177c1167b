"""Names and addresses of hosts."""

from __future__ import annotations

import pytest

from tigrest.hosts import is_loopback


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("192.0.2.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_a_host_is_this_machine_or_not(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
