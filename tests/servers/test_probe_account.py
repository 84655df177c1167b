"""The account that ``tigrest check --live`` makes is gone afterwards, however the check ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.process import TIGREST, environment, tigrest
from tests.servers.conftest import StartServer
from tests.servers.ejabberd import Ejabberd
from tests.servers.process import USERS, XmppServer
from tests.servers.prosody import Prosody


def variables(server: XmppServer, **xmpp: str) -> dict[str, str]:
    settings = server.settings() | {"XMPP__SEND_AS": "user"} | {f"XMPP__{key}": value for key, value in xmpp.items()}
    return {f"TIGREST__{key}": value for key, value in settings.items()}


def accounts(server: XmppServer) -> set[str]:
    if isinstance(server, Prosody):
        return {file.stem.replace("%2d", "-") for file in server.accounts.glob("*.dat")}
    assert isinstance(server, Ejabberd)
    listed = server.api("registered_users", host="localhost")
    assert isinstance(listed, list)
    return set(listed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["prosody", "ejabberd"])
def test_it_is_removed_when_the_check_is_interrupted(kind: str, number: signal.Signals, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    command = [*TIGREST, "check", "--live"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(**variables(server)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        end = time.monotonic() + 20
        while accounts(server) == set(USERS):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.005)
        process.send_signal(number)
        _, err = process.communicate(timeout=25)
    assert (process.returncode, err) == (130, b"")
    assert accounts(server) == set(USERS)


@pytest.mark.parametrize("kind", ["prosody", "ejabberd"])
def test_it_is_gone_after_the_check_and_json_tells_what_was_found(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    done = tigrest("check", "--live", "--json", cwd=tmp_path, **variables(server))
    found = json.loads(done.stdout)
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert found["server"]["name"] == server.name
    assert (states["PUT /rest/user"], states["DELETE /rest/user"], states["logins"]) == ("works", "works", "works")
    assert (states["BOSH pre-bind"], done.returncode) == ("fails", 1)  # no [bosh] url
    assert "left behind" not in done.stderr
    assert accounts(server) == set(USERS)


@pytest.mark.parametrize("kind", ["prosody", "ejabberd"])
def test_a_server_that_takes_nothing_from_users_is_told_of_and_the_account_removed(
    kind: str, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(kind, trust="false")
    done = tigrest("check", "--live", cwd=tmp_path, **variables(server))
    lines = {line.partition("  ")[0]: line for line in done.stdout.partition("BUILT-IN")[2].splitlines()}
    trust = {"prosody": "validate_from_addresses = false", "ejabberd": "check_from: false"}[kind]
    for name in ("POST /rest/stream", "POST /rest/user/…/status"):
        assert "does not" in lines[name], done.stdout
        assert trust in lines[name]
    assert "  works" in lines["DELETE /rest/user"]
    assert (done.returncode, "left behind" in done.stderr) == (1, False)
    assert accounts(server) == set(USERS)


def test_without_rights_nothing_is_said_to_work_that_was_not_done(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("prosody", privileges="false")
    config = server.folder / "prosody.cfg.lua"
    server.stop()
    command, env = server.command()
    config.write_text(config.read_text().replace(', "http.localhost" }', " }"))
    server.process = subprocess.Popen(command, cwd=server.folder, env=env, stdin=subprocess.DEVNULL)
    server.await_ready()
    done = tigrest("check", "--live", "--json", cwd=tmp_path, **variables(server))
    states = {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}
    failing = {"PUT /rest/user", "POST /rest/user", "DELETE /rest/user", "GET /rest/users", "PUT /rest/avatar"}
    assert {states[name] for name in failing} == {"fails"}
    assert {states[name] for name in ("logins", "GET /rest/avatar")} == {"untried"}
    assert (states["POST /rest/stream"], states["rights"]) == ("works", "works")
