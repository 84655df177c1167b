"""Names and addresses of hosts, and what verifies them."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.servers.certificates import make_certificate
from tigrest.hosts import is_loopback, tls_for


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


@pytest.mark.parametrize(("url", "authorities"), [("https://localhost/", True), ("HTTPS://localhost/", True), ("http://localhost/", False)])
def test_hosts_are_verified_and_authorities_are_loaded_for_https_only(
    url: str, authorities: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", make_certificate(tmp_path / "certificate", "localhost").authority)
    tls = tls_for(url)
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (tls.cert_store_stats()["x509_ca"] > 0) is authorities
