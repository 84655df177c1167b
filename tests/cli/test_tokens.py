"""``tigrest token``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tigrest.cli.lifetimes import seconds_of
from tigrest.errors import ConfigError


def test_a_token_is_printed_once_listed_and_revoked(tmp_path: Path) -> None:
    added = tigrest(
        "token", "add", "ci", "--for", "robot@localhost", "--scope", "user", "--scope", "roster", "--expires", "90d", cwd=tmp_path
    )
    assert added.returncode == 0
    token = added.stdout.strip()
    assert re.fullmatch(r"tgt_[A-Za-z0-9_-]{43}", token)
    assert token not in added.stderr

    listed = tigrest("token", "list", cwd=tmp_path).stdout
    assert re.search(r"^ci +robot@localhost +roster user +\d{4}-\d\d-\d\dT[0-9:+]+ +never +-$", listed, re.MULTILINE), listed
    [entry] = json.loads(tigrest("token", "list", "--json", cwd=tmp_path).stdout)
    assert (entry["name"], entry["for"], entry["scopes"], entry["last_used"]) == ("ci", "robot@localhost", ["roster", "user"], None)
    assert token not in listed + str(entry)
    assert token.encode() not in (tmp_path / "var" / "tigrest.sqlite3").read_bytes()

    revoked = tigrest("token", "revoke", "ci", cwd=tmp_path)
    assert (revoked.returncode, revoked.stdout) == (0, "ci is revoked\n")
    assert json.loads(tigrest("token", "list", "--json", cwd=tmp_path).stdout) == []


def test_a_scope_by_which_a_token_can_do_nothing_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[api.permissions.d]\nwho = ["scope:deploy"]\nwhat = ["status"]\n')
    for name, scopes, told in (
        ("a", ("deploy", "user"), ""),
        ("b", ("send_message", "roster"), ""),
        ("c", ("user", "send_mesage"), "tigrest: the scope 'send_mesage' is no command, no tag, none of"),
    ):
        options = [word for scope in scopes for word in ("--scope", scope)]
        made = tigrest("token", "add", name, "--for", "robot@localhost", *options, "--config", "c.toml", cwd=tmp_path)
        assert (made.returncode, made.stdout[:4]) == (0, "tgt_")
        assert made.stderr.count("\n") == (2 if told else 1)
        assert told in made.stderr
    assert "did you mean send_message?" in made.stderr


def test_an_owner_who_can_be_no_user_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[[auth.accounts]]\njid = "robot@elsewhere.example"\npassword = "secret"\n')
    words = "is no user here: neither of localhost, the served domain, nor in [[auth.accounts]]"
    for name, owner, told in (("a", "robot@localhost", 0), ("b", "robot@elsewhere.example", 0), ("c", "alice@elsewhere.example", 1)):
        made = tigrest("token", "add", name, "--for", owner, "--scope", "user", "--config", "c.toml", cwd=tmp_path)
        assert (made.returncode, made.stderr.count(words)) == (0, told)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["revoke", "none"], 1, 'there is no token named "none"'),
        (["add", "x", "--for", "a@b@c", "--scope", "user"], 2, "--for: "),
        (["add", "x", "--for", "a@b", "--scope", "user", "--expires", "soon"], 2, '--expires "soon" is no lifetime'),
        (["add", "x", "--for", "b", "--scope", "user"], 1, "is not the address of a user"),
        (["add", "x", "--for", "a@b"], 2, "--scope"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = tigrest("token", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert words in done.stderr


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("2m", 120), ("3h", 10800), ("90d", 7776000), ("1w", 604800), ("1y", 31536000)])
def test_lifetimes(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "d", "-1d", "1.5d", "1 d", "9999999999s"])
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(ConfigError):
        seconds_of(text)
