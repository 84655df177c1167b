"""``tigrest check --live`` in front of each server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tests.servers.conftest import StartServer
from tests.servers.gateway import gateway_for
from tests.servers.process import XmppServer
from tigrest.gateway.diagnostics import BUILT_INS


def check(server: XmppServer, folder: Path, **xmpp: str) -> tuple[int, str, str]:
    settings = server.settings() | {"XMPP__SEND_AS": "user"} | {f"XMPP__{key}": value for key, value in xmpp.items()}
    variables = {f"TIGREST__{key}": value for key, value in settings.items()}
    url = f'"http://127.0.0.1:{server.http}/http-bind"'
    done = tigrest("check", "--live", cwd=folder, TIGREST__BOSH__URL=url, **variables)
    return done.returncode, done.stdout, done.stderr


def states(out: str) -> dict[str, str]:
    """Return the state of each check that was printed, by name."""
    return dict(re.findall(r"(?m)^(\S.*?) +(works|does not|not tried)", out.partition("BUILT-IN")[2]))


@pytest.mark.parametrize(
    ("kind", "server_name", "works", "needs"),
    [
        (
            "prosody",
            "Prosody 0.",
            ["logins", "PUT /rest/avatar", "POST /rest/user/…/status", "POST /rest/upload", "BOSH pre-bind", "rights"],
            ["GET /rest/users"],
        ),
        (
            "ejabberd",
            "ejabberd",
            ["logins", "PUT /rest/avatar", "GET /rest/users", "POST /rest/user/…/status", "POST /rest/upload", "BOSH pre-bind", "rights"],
            [],
        ),
        (
            "prosody-13",
            "Prosody 13.",
            ["logins", "PUT /rest/avatar", "POST /rest/user/…/status", "POST /rest/upload", "BOSH pre-bind", "rights"],
            ["GET /rest/users"],
        ),
        (
            "ejabberd-26",
            "ejabberd 26.",
            ["logins", "PUT /rest/avatar", "GET /rest/users", "POST /rest/user/…/status", "BOSH pre-bind", "rights"],
            ["iqs to other services", "POST /rest/upload"],
        ),
    ],
)
def test_it_tells_what_works(
    kind: str, server_name: str, works: list[str], needs: list[str], start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(kind)
    code, out, err = check(server, tmp_path)
    assert code == (1 if needs else 0), out + err
    assert err == ""
    assert f"server      {server_name}" in out
    assert "roster both" in out
    assert "http://jabber.org/protocol/admin#add-user" in out
    lines = states(out)
    assert lines["link"] == "works"
    assert {name: lines[name] for name in works} == dict.fromkeys(works, "works")
    assert {name: lines[name] for name in needs} == dict.fromkeys(needs, "does not")


@pytest.mark.parametrize("kind", ["ejabberd", "ejabberd-26", "jabberd2"])
def test_a_gateway_that_runs_as_the_same_component_is_found_and_nothing_else_is_said(
    kind: str, start_server: StartServer, tmp_path: Path
) -> None:
    """Both are let in, and each stanza goes to one of the two."""
    server = start_server(kind)
    with gateway_for(server, send_as="gateway") as gateway:
        code, out, err = check(server, tmp_path, SEND_AS="gateway")
        assert (code, err) == (1, ""), out + err
        found = states(out)
        assert found.pop("link") == "does not"
        assert set(found.values()) == {"not tried"}
        assert len(found) == len(BUILT_INS)
        assert "another connection of http.localhost takes a part of what comes in" in out
        assert gateway.service.connected
    _, out, _ = check(server, tmp_path, SEND_AS="gateway")
    assert states(out)["link"] == "works"


def test_it_warns_when_other_addresses_of_the_gateway_are_administrators(start_server: StartServer, tmp_path: Path) -> None:
    code, out, _ = check(start_server("ejabberd", exact="false"), tmp_path)
    [line] = [line for line in out.splitlines() if line.startswith("rights ")]
    assert (code, line.split()[1:3]) == (1, ["does", "not"])
    assert "nobody@http.localhost sees the administration commands and the user list" in line
    assert 'user_regexp: { "^$": "http.localhost" }' in line


def test_no_server_is_3_with_the_reason(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("prosody")
    code, _, err = check(server, tmp_path, SECRET="wrong")
    assert (code, "the secret is wrong" in err, err.count("\n")) == (3, True, 1)
    server.stop()
    code, _, err = check(server, tmp_path)
    assert (code, "cannot be reached" in err) == (3, True)


def test_the_embedded_domain_needs_nothing(tmp_path: Path) -> None:
    done = tigrest("check", "--live", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "server      tigrest" in done.stdout
    found = states(done.stdout)
    assert [name for name, state in found.items() if state != "works"] == ["BOSH pre-bind"]  # it has none
    assert {found[name] for name in ("PUT /rest/user", "PUT /rest/avatar", "POST /rest/user/…/status", "rights")} == {"works"}
