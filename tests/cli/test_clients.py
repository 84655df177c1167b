"""``tigrest client``."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from tests.cli.process import prepare, serving, tigrest
from tests.waiting import eventually

CONFIG = """
[[auth.accounts]]
jid = "robot@localhost"
password = "secret"
"""


def added(cwd: Path, *arguments: str) -> dict[str, str]:
    done = tigrest("client", "add", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_a_client_stands_for_its_account_until_it_is_revoked(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG)
    config = ("--config", "config.toml")
    made = added(tmp_path, "monitor", "--for", "robot@localhost", "--scope", "get_roster", "--scope", "user", *config)
    with serving(*config, cwd=tmp_path) as (_, url):
        login = (made["CLIENT_ID"], made["CLIENT_SECRET"])

        def ask(**parameters: str) -> httpx2.Response:
            return httpx2.post(f"{url}/oauth2/token", auth=login, data={"grant_type": "client_credentials", **parameters})

        body = ask().json()
        assert (body["scope"], "refresh_token" in body) == ("get_roster user", False)
        assert ask(scope="get_roster admin").json()["scope"] == "get_roster"
        headers = {"Authorization": f"Bearer {body['access_token']}"}

        def status() -> int:
            return httpx2.get(f"{url}/rest/adhoc/localhost", headers=headers).status_code

        assert status() == 200
        assert "monitor" in tigrest("token", "list", *config, cwd=tmp_path).stdout
        assert tigrest("client", "revoke", "monitor", *config, cwd=tmp_path).stdout == "monitor is revoked\n"
        eventually(lambda: status() == 401)
        assert ask().json()["error"] == "invalid_client"


def test_scopes_and_owners_that_are_for_nothing_are_told(tmp_path: Path) -> None:
    made = tigrest("client", "add", "c", "--for", "alice@elsewhere.example", "--scope", "send_mesage", "--scope", "xmpp", cwd=tmp_path)
    assert made.returncode == 0
    scope, owner = made.stderr.splitlines()[:2]
    assert scope.startswith("tigrest: the scope 'send_mesage' is no command")
    assert scope.endswith("did you mean send_message?")
    assert owner.startswith("tigrest: alice@elsewhere.example is no user here")


def test_clients_are_listed_without_their_secrets(tmp_path: Path) -> None:
    wiki = added(tmp_path, "Our wiki", "--redirect-uri", "https://wiki.example.org/callback", "--scope", "user")
    tv = added(tmp_path, "TV", "--device", "--public")
    assert tv.keys() == {"CLIENT_ID"}
    listed = tigrest("client", "list", cwd=tmp_path).stdout
    assert wiki["CLIENT_SECRET"] not in listed
    entries = {entry["name"]: entry for entry in json.loads(tigrest("client", "list", "--json", cwd=tmp_path).stdout)}
    assert entries["TV"]["grants"] == ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
    assert entries["TV"]["public"] is True
    assert entries["Our wiki"]["redirect_uris"] == ["https://wiki.example.org/callback"]
    assert entries["Our wiki"]["id"] in listed
    assert wiki["CLIENT_SECRET"].encode() not in (tmp_path / "var" / "tigrest.sqlite3").read_bytes()
    assert tigrest("client", "add", "TV", "--device", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["revoke", "none"], 1, 'there is no client named "none"'),
        (["add", "x"], 2, "say what the client is for"),
        (["add", "x", "--for", "a@b@c", "--scope", "user"], 2, "--for: "),
        (["add", "x", "--for", "b", "--scope", "user"], 2, "is not the address of a user"),
        (["add", "x", "--for", "a@b"], 2, "--for needs --scope"),
        (["add", "x", "--for", "a@b", "--scope", "user", "--public"], 2, "--for needs --scope"),
        (["add", "x", "--redirect-uri", "http://wiki.example.org/"], 2, "has to be https"),
        (["add", "x", "--device", "--scope", "a b"], 2, "is no scope"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = tigrest("client", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert words in done.stderr
