"""``tigrest api-key``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import tigrest


def test_a_key_is_printed_once_listed_by_name_and_revoked(tmp_path: Path) -> None:
    added = tigrest("api-key", "add", "ci", "--path", "/rest/stream.*", "--path", "/rest/x", "--domain", "example.org", cwd=tmp_path)
    assert added.returncode == 0
    key = added.stdout.strip()
    assert len(key) > 20
    assert key not in added.stderr
    assert tigrest("api-key", "add", "all", cwd=tmp_path).returncode == 0

    assert [line.split() for line in tigrest("api-key", "list", cwd=tmp_path).stdout.splitlines()] == [
        ["NAME", "PATHS", "DOMAINS", "EXPIRES", "LAST", "USED", "FROM"],
        ["all", "all", "all", "never", "never", "-"],
        ["ci", "/rest/stream.*", "/rest/x", "example.org", "never", "never", "-"],
    ]
    listed = tigrest("api-key", "list", "--json", cwd=tmp_path).stdout
    entry = json.loads(listed)[1]
    assert (entry["name"], entry["paths"], entry["domains"]) == ("ci", ["/rest/stream.*", "/rest/x"], ["example.org"])
    assert (entry["expires"], entry["last_used"], entry["last_address"]) == (None, None, None)
    assert key not in listed
    assert key.encode() not in (tmp_path / "var" / "tigrest.sqlite3").read_bytes()

    revoked = tigrest("api-key", "revoke", "ci", cwd=tmp_path)
    assert (revoked.returncode, revoked.stdout) == (0, "ci is revoked\n")
    assert [key["name"] for key in json.loads(tigrest("api-key", "list", "--json", cwd=tmp_path).stdout)] == ["all"]


def test_a_name_is_used_once_and_an_unknown_one_cannot_be_revoked(tmp_path: Path) -> None:
    assert tigrest("api-key", "add", "ci", cwd=tmp_path).returncode == 0
    for command in ("add ci", "revoke other"):
        done = tigrest("api-key", *command.split(), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("tigrest: there is ")
        assert done.stderr.count("\n") == 1


def test_a_key_may_have_an_end(tmp_path: Path) -> None:
    assert tigrest("api-key", "add", "ci", "--expires", "90d", cwd=tmp_path).returncode == 0
    [entry] = json.loads(tigrest("api-key", "list", "--json", cwd=tmp_path).stdout)
    assert entry["expires"] > entry["created"]
    wrong = tigrest("api-key", "add", "other", "--expires", "soon", cwd=tmp_path)
    assert (wrong.returncode, "is no lifetime" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--path", "/rest/[", "is not a regular expression"),
        ("--path", "rest/stream", '--path "rest/stream" matches no path: paths begin with a slash'),
        ("--domain", "https://example.org/", '--domain "https://example.org/" is no host name'),
    ],
)
def test_a_limit_that_no_request_meets_is_refused(tmp_path: Path, option: str, value: str, words: str) -> None:
    done = tigrest("api-key", "add", "ci", option, value, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
