"""The way of a new administrator: from Debian's default files, by what ``docs/`` says, to a first login over verified TLS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import serving, tigrest
from tests.servers.certificates import make_certificate
from tests.servers.conftest import installed
from tests.servers.debian import DEBIAN, DOMAIN, USERS, DebianServer
from tests.servers.gateway import eventually
from tests.servers.raw import raw_component

ADMIN = ("admin", USERS["admin"])
LOGIN = f"/rest/adhoc/{DOMAIN}"
COMMANDS = "http://jabber.org/protocol/admin#"

Start = Callable[..., DebianServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server as a new administrator sets it up."""
    running: list[DebianServer] = []

    def started(kind: str, **options: Any) -> DebianServer:
        installed(kind)
        DEBIAN[kind].check()
        server = DEBIAN[kind](tmp_path / kind, make_certificate(tmp_path / "certificate", DOMAIN), **options)
        running.append(server)
        server.start()
        return server

    yield started
    for server in running:
        server.stop()


@contextmanager
def gateway(server: DebianServer, folder: Path) -> Iterator[httpx2.Client]:
    """Run ``tigrest serve`` with the settings of the server's page."""
    config = str(server.gateway_config(folder))
    with (
        serving("--config", config, "--no-reload", cwd=folder, SSL_CERT_FILE=server.certificate.authority) as (process, base),
        httpx2.Client(base_url=base, headers={"Accept": "application/json"}, timeout=30, trust_env=False) as client,
    ):
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client
        process.terminate()
        assert process.wait(15) == 0
    assert "Traceback" not in (folder / "log").read_text()


@pytest.mark.parametrize("kind", list(DEBIAN))
def test_what_the_page_says_leads_to_a_login_over_verified_tls(kind: str, start: Start, tmp_path: Path) -> None:
    server = start(kind)
    with gateway(server, tmp_path) as client:
        assert client.get(LOGIN, auth=ADMIN).status_code == 200
        assert client.get(LOGIN, auth=("admin", "wrong")).status_code == 401
        assert client.put("/rest/user/carol", auth=ADMIN, json={"user": {"password": "carolpw"}}).status_code in (200, 201, 204)
        assert client.get(LOGIN, auth=("carol", "carolpw")).status_code == 403
        status = client.post(f"/rest/user/bob@{DOMAIN}/status", auth=ADMIN, json={}).json()["status"]
        assert status["success"] is True, status
        command = {"command": {"node": "pre-bind-bosh-session", "fields": [{"var": "wait", "value": "30"}]}}
        opened = client.post(f"/rest/adhoc/bosh@{DOMAIN}", auth=("alice", USERS["alice"]), json=command)
        assert opened.status_code == 200, opened.text
    config = str(tmp_path / "config.toml")
    done = tigrest("check", "--live", "--config", config, cwd=tmp_path, SSL_CERT_FILE=server.certificate.authority)
    needs = [line.split("  ")[0] for line in done.stdout.splitlines() if re.search(r"  needs( |$)", line)]
    assert needs == {"prosody": ["GET /rest/users"], "ejabberd": ["PUT /rest/avatar"]}[kind], done.stdout + done.stderr
    rights_are_for_the_exact_address(server)


def test_prosody_adds_the_file_to_a_host_that_debian_ships(start: Start, tmp_path: Path) -> None:
    server = start("prosody", shipped_host=True)
    with gateway(server, tmp_path) as client:
        assert client.get(LOGIN, auth=ADMIN).status_code == 200
    rights_are_for_the_exact_address(server)


def rights_are_for_the_exact_address(server: DebianServer) -> None:
    """The gateway's address may run commands; another one of its domain may not, as a user's is."""
    command = f"<command xmlns='http://jabber.org/protocol/commands' node='{COMMANDS}add-user' action='execute'/>"
    with raw_component(server, f"http.{DOMAIN}") as component:
        for sender in (f"http.{DOMAIN}", f"http.{DOMAIN}/x"):
            assert "status='executing'" in component.ask(sender, f"type='set' to='{DOMAIN}'", command).replace('"', "'")
        assert "<forbidden" in component.ask(f"nobody@http.{DOMAIN}", f"type='set' to='{DOMAIN}'", command)


def guess(client: httpx2.Client, count: int) -> None:
    """Try wrong passwords of many users; each must be 401."""
    for number in range(count):
        answer = client.get(LOGIN, auth=(f"user{number}", "wrong"))
        assert answer.status_code == 401, (number, answer.text)


def test_wrong_passwords_do_not_have_ejabberd_ban_the_gateway(start: Start, tmp_path: Path) -> None:
    with gateway(start("ejabberd"), tmp_path) as client:
        guess(client, 25)
        assert client.get(LOGIN, auth=ADMIN).status_code == 200


def test_a_gateway_that_ejabberd_bans_says_so_once(start: Start, tmp_path: Path) -> None:
    with gateway(start("ejabberd", bans=True), tmp_path) as client:
        guess(client, 19)
        client.get(LOGIN, auth=("user19", "wrong"))  # 401, or banned already
        for _ in range(3):
            answer = client.get(LOGIN, auth=ADMIN)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True), answer.text
            assert re.search(r"policy-violation \(Too many .*failed authentications", answer.json()["detail"]), answer.text
    log = (tmp_path / "log").read_text()
    assert log.count("logins cannot be checked: ") == log.count("failed authentications") == 1, log
