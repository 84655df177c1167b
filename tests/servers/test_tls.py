"""Logins over TLS at real servers, by ``tigrest serve`` as people run it; and what ``tigrest check --live`` says of it.

``[xmpp] c2s_tls`` is left at its default, ``"require"``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cli.process import serving, tigrest
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.conftest import KINDS, NEWER, StartServer
from tests.servers.gateway import eventually
from tests.servers.process import DOMAIN, SECRET, XmppServer

LOGIN = "/rest/adhoc/localhost"
"""A page that only needs a login, of an admin here."""

CANNOT = "logins cannot be checked: "


def settings(server: XmppServer, certificate: Certificate | None) -> dict[str, str]:
    """Environment of a gateway that trusts the authority of a certificate, or only the system's."""
    link = {"BACKEND": "component", "SECRET": SECRET, "PORT": str(server.component), "C2S_PORT": str(server.c2s), "SEND_AS": "user"}
    variables = {f"TIGREST__XMPP__{key}": value for key, value in link.items()}
    variables["TIGREST__BOSH__URL"] = f'"http://127.0.0.1:{server.http}/http-bind"'
    return variables if certificate is None else variables | {"SSL_CERT_FILE": certificate.authority}


@contextmanager
def gateway(server: XmppServer, certificate: Certificate | None, folder: Path) -> Iterator[httpx2.Client]:
    """Run ``tigrest serve``; in the end its log must have no traceback."""
    with (
        serving("--access-log", cwd=folder, **settings(server, certificate)) as (process, base),
        httpx2.Client(base_url=base, headers={"Accept": "application/json"}, timeout=30, trust_env=False) as client,
    ):
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client
        process.terminate()
        assert process.wait(15) == 0
    log = (folder / "log").read_text()
    assert "Traceback" not in log
    assert " 500 " not in log


def check_logins(server: XmppServer, certificate: Certificate | None, folder: Path) -> str:
    """Return what ``tigrest check --live`` says of logins."""
    done = tigrest("check", "--live", cwd=folder, **settings(server, certificate))
    [line] = [line for line in done.stdout.splitlines() if line.startswith("logins ")]
    assert done.returncode in (0, 1), done.stdout + done.stderr  # Prosody lists no accounts
    assert "Traceback" not in done.stderr
    return " ".join(line.split()[1:])


def logins_work(server: XmppServer, certificate: Certificate, folder: Path) -> None:
    with gateway(server, certificate, folder) as client:
        assert client.get(LOGIN, auth=("admin", "adminpw")).status_code == 200
        wrong = client.get(LOGIN, auth=("admin", "wrong"))
        assert (wrong.status_code, "www-authenticate" in wrong.headers) == (401, True)
        assert client.get(LOGIN, auth=("alice", "alicepw")).status_code == 403
    assert CANNOT not in (folder / "log").read_text()
    assert check_logins(server, certificate, folder) == "works"


def logins_cannot_be_checked(server: XmppServer, certificate: Certificate | None, folder: Path, reason: str) -> None:
    """Each login is 503 and says why, right or wrong; the log says so once, and ``check --live`` too."""
    with gateway(server, certificate, folder) as client:
        for password in ("adminpw", "wrong", "adminpw"):
            answer = client.get(LOGIN, auth=("admin", password))
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True), answer.text
            assert reason in answer.json()["detail"]
    log = (folder / "log").read_text()
    assert (log.count(CANNOT), log.count(reason)) == (1, 1), log
    said = check_logins(server, certificate, folder)
    assert said.startswith("does not"), said
    assert reason in said


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_a_good_certificate_and_an_unknown_authority(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "right", DOMAIN)
    server = start_server(kind, tls=certificate.file(kind))
    logins_work(server, certificate, tmp_path)
    logins_cannot_be_checked(server, None, tmp_path, "cannot be trusted for localhost: unable to get local issuer certificate")


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_a_certificate_for_another_name(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "wrong", "example.org")
    server = start_server(kind, tls=certificate.file(kind))
    logins_cannot_be_checked(server, certificate, tmp_path, "cannot be trusted for localhost: Hostname mismatch")


@pytest.mark.parametrize("kind", [*KINDS, *NEWER])
def test_a_certificate_that_has_expired(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "expired", DOMAIN, days=-1)
    server = start_server(kind, tls=certificate.file(kind))
    logins_cannot_be_checked(server, certificate, tmp_path, "cannot be trusted for localhost: certificate has expired")


def test_a_server_that_offers_no_tls(server: XmppServer, tmp_path: Path) -> None:
    logins_cannot_be_checked(server, None, tmp_path, "offers no STARTTLS")
