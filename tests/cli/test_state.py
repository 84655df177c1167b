"""The state of a served gateway: locked, full, and for whose eyes."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import Process, demo, fresh_serving, serving, tigrest, without_delays
from tests.scripting.listening import webhook
from tests.servers.gateway import eventually
from tigrest.gateway.demo import Demo


@contextmanager
def gateway(folder: Path, url: str) -> Iterator[tuple[Process, httpx2.Client]]:
    with serving(cwd=folder, TIGREST__WEBHOOKS=f'[{{name = "hook", url = "{url}"}}]') as (process, base):
        kept = demo(folder)
        headers = {"Api-Key": kept["api_key"], "Accept": "application/json"}
        with httpx2.Client(base_url=base, auth=("admin", kept["passwords"]["admin"]), headers=headers, timeout=60) as client:
            yield process, client


def send(client: httpx2.Client, to: str, body: str) -> httpx2.Response:
    return client.post("/rest", json={"kind": "message", "to": to, "body": body})


def bodies(received: list[dict[str, Any]]) -> list[str]:
    return [stanza["body"] for stanza in received]


def writes(client: httpx2.Client) -> list[httpx2.Response]:
    """Try all kinds of writing, at once."""
    status = {"command": {"show": "xa", "status": "away"}}
    attempts = [
        lambda: send(client, "bob@localhost", "for later"),
        lambda: client.put("/rest/user/new", json={"user": {"password": "a password"}}),
        lambda: client.post("/rest/user/bob", json={"user": {"password": "another"}}),
        lambda: client.delete("/rest/user/bob"),
        lambda: client.post("/rest/user/bob@localhost/status", json=status),
    ]
    with ThreadPoolExecutor(len(attempts)) as pool:
        return [future.result() for future in [pool.submit(attempt) for attempt in attempts]]


def expect_unavailable(answers: list[httpx2.Response]) -> None:
    for answer in answers:
        assert answer.status_code == 503, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        assert int(answer.headers["retry-after"]) >= 1
        assert "the database cannot be used now" in answer.json()["detail"]


def expect_locked(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1
    assert "database is locked" in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr


def expect_quiet(folder: Path) -> None:
    log = without_delays((folder / "log").read_text())
    assert "Traceback" not in log
    assert log.count(" ERROR ") <= 3, log  # one of the database, one of the webhooks, one of the use of API keys


def test_a_locked_database_is_503_one_line_for_commands_and_loses_no_accepted_message(tmp_path: Path) -> None:
    """Commands that write say so in one line meanwhile."""
    with webhook() as (url, received), gateway(tmp_path, url) as (process, client), ThreadPoolExecutor(1) as pool:
        assert send(client, "bot@http.localhost", "before").status_code == 202
        eventually(lambda: bodies(received) == ["before"])
        other = sqlite3.connect(tmp_path / "var" / "tigrest.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        for number in range(20):
            assert send(client, "bot@http.localhost", str(number)).status_code == 202
        adding = pool.submit(tigrest, "api-key", "add", "one", cwd=tmp_path)
        expect_unavailable(writes(client))
        assert client.get("/rest/users").status_code == 200  # reading goes on
        expect_locked(adding.result())
        other.execute("ROLLBACK")
        other.close()
        eventually(lambda: bodies(received) == ["before", *map(str, range(20))])
        assert writes(client)[0].status_code == 202
        expect_quiet(tmp_path)
        process.terminate()
        assert process.wait(20) == 0


def test_a_full_disk_is_503_and_loses_no_accepted_message(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk that is full."""
    with webhook() as (url, received), gateway(tmp_path, url) as (process, client):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))  # enough for the log
        for number in range(20):
            assert send(client, "bot@http.localhost", str(number)).status_code == 202
        expect_unavailable(writes(client))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        eventually(lambda: bodies(received) == list(map(str, range(20))))
        assert writes(client)[0].status_code == 202
        expect_quiet(tmp_path)


def test_state_is_for_its_owner_whatever_the_umask_and_a_demo_that_others_can_reach_warns(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with fresh_serving("--host", "0.0.0.0", cwd=tmp_path) as (process, _):
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()}
            files = (
                "tigrest.sqlite3",
                "tigrest.sqlite3-wal",
                "tigrest.sqlite3-shm",
                "tigrest.sqlite3.lock",
                "demo-credentials.json",
                "ctl.sock",
                "ctl.sock.lock",
            )
            assert modes == dict.fromkeys(files, 0o600) | {"uploads": 0o700}
            assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
            process.terminate()
            assert process.wait(20) == 0
    finally:
        os.umask(before)
    log = (tmp_path / "log").read_text()
    assert "WARNING tigrest.cli.serving [-] the demo of the embedded domain is served on 0.0.0.0" in log
    assert "use --host 127.0.0.1" in log
    for path in (tmp_path / "var").iterdir():
        if path.is_file() or path.is_socket():
            path.chmod(0o644)  # as an older version, or somebody, left it
    with fresh_serving(cwd=tmp_path):
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()} == {0o600, 0o700}
    log = (tmp_path / "log").read_text()
    assert "demo-credentials.json was open to all users" in log
    assert "is served on" not in log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example.org"])
def test_a_demo_warns_of_addresses_that_others_reach(host: str) -> None:
    assert f"served on {host}," in Demo("localhost", {}, "").warning(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST."])
def test_a_demo_does_not_warn_of_addresses_that_only_this_machine_reaches(host: str) -> None:
    assert Demo("localhost", {}, "").warning(host) == ""


def test_a_first_start_that_a_full_disk_ended_is_finished_by_the_next(tmp_path: Path) -> None:
    with serving(cwd=tmp_path):
        pass
    state = tmp_path / "var"
    kept = demo(tmp_path)
    with sqlite3.connect(state / "tigrest.sqlite3") as database:
        database.execute("DELETE FROM embedded_accounts WHERE jid = 'bob@localhost'")
    database.close()
    (state / "demo-credentials.json").write_text(json.dumps(kept | {"is_finished": False}))
    with serving(cwd=tmp_path) as (_, base):
        login = ("bob", kept["passwords"]["bob"])
        assert httpx2.post(f"{base}/rest/echo", auth=login, json={"body": "x"}).status_code == 200
        assert httpx2.get(f"{base}/rest/avatar/bob@localhost").status_code == 200
    assert demo(tmp_path)["is_finished"] is True


def test_a_live_check_beside_a_gateway_needs_none_of_its_state(tmp_path: Path) -> None:
    with serving(cwd=tmp_path):
        done = tigrest("check", "--live", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "PUT /rest/user            works" in done.stdout
