"""``tigrest serve`` as a process: ready, reachable, ended by signals."""

from __future__ import annotations

import base64
import signal
import socket
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.cli.process import first_serving, fresh_serving, serving, tigrest, without_delays

SCRIPT = """
import asyncio, time
from tigrest import Handler

class Wait(Handler):
    regex = "/wait/([^/]+)"
    timeout = 100.0
    async def exec_get(self, seconds: float):
        await asyncio.sleep(seconds)
        return "waited"

class Block(Handler):
    regex = "/block"
    timeout = 100.0
    def exec_get(self):
        time.sleep(100)
"""


def script(folder: Path, text: str = SCRIPT) -> None:
    path = folder / "scripts" / "rest" / "wait.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def send(base: str, path: str) -> socket.socket:
    """Send a request without waiting for the answer."""
    host, port = base.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n".encode())
    time.sleep(0.1)
    return connection


@pytest.mark.parametrize(("start", "number"), [(first_serving, signal.SIGTERM), (fresh_serving, signal.SIGINT)])
def test_it_serves_in_an_empty_directory_until_a_signal_and_ends_well(start: Any, number: signal.Signals, tmp_path: Path) -> None:
    with start(cwd=tmp_path) as (process, base):
        assert base.startswith("http://127.0.0.1:")
        with urlopen(f"{base}/rest/") as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.wait(10) == 0
    assert (tmp_path / "scripts" / "rest").is_dir()
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "WARNING" not in without_delays(log)


def test_a_running_request_is_answered_before_the_end(tmp_path: Path) -> None:
    script(tmp_path)
    with serving(cwd=tmp_path) as (process, base), send(base, "/rest/wait/0.5") as connection:
        process.terminate()
        with connection.makefile("rb") as answer:
            assert answer.read().endswith(b"waited")
        assert process.wait(10) == 0


@pytest.mark.parametrize("path", ["/rest/wait/100", "/rest/block"])
def test_a_second_interrupt_forces_the_end(path: str, tmp_path: Path) -> None:
    script(tmp_path)
    with serving(cwd=tmp_path) as (process, base), send(base, path):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 1


def test_a_port_in_use_is_one_clean_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = tigrest("serve", "--port", str(port), cwd=tmp_path)
    line = f"tigrest: http.port {port} on 127.0.0.1 is already in use; stop the other program or choose another with --port\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_a_database_that_cannot_be_used_is_one_clean_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("not a folder")
    done = tigrest("serve", "--port", "0", "--log-level", "error", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tigrest: database var/tigrest.sqlite3 cannot be used: ")
    assert done.stderr.count("\n") == 1


def test_requests_are_logged_only_when_asked_and_without_the_key(tmp_path: Path) -> None:
    for option, logged in (("--access-log", True), ("--no-access-log", False), ("--log-level=info", False)):
        with serving(option, cwd=tmp_path) as (process, base):
            with urlopen(Request(f"{base}/rest/tested/test?api-key=hush", headers={"Accept": "application/json"})):
                pass
            process.terminate()
            process.wait(10)
        log = (tmp_path / "log").read_text()
        assert ("tigrest.access" in log and "/rest/tested/test" in log) is logged
        assert "hush" not in log


def test_reload_can_be_switched_off(tmp_path: Path) -> None:
    script(tmp_path)
    with serving("--no-reload", cwd=tmp_path) as (process, base):
        (tmp_path / "scripts" / "rest" / "wait.py").write_text(SCRIPT.replace("waited", "changed"))
        time.sleep(0.2)
        with urlopen(f"{base}/rest/wait/0") as answer:
            assert answer.read() == b"waited"
        process.terminate()
        assert process.wait(10) == 0


def test_pages_of_other_origins_are_answered_where_that_is_configured(tmp_path: Path) -> None:
    origin = "https://app.example.com"
    with serving(cwd=tmp_path, TIGREST__HTTP__CORS_ORIGINS=f'["{origin}"]') as (_, base):
        for path in ("/rest/tested/test", "/health/live"):
            with urlopen(Request(f"{base}{path}", headers={"Origin": origin})) as answer:
                assert answer.headers["access-control-allow-origin"] == origin
            with urlopen(f"{base}{path}") as answer:
                assert "access-control-allow-origin" not in answer.headers


def test_open_streams_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving("--access-log", cwd=tmp_path) as (process, base):
        assert process.stdout is not None
        while " password " not in (line := process.stdout.readline()):
            pass
        name, _, password = line.split()[:3]
        login = base64.b64encode(f"{name}:{password}".encode()).decode()
        streams = [urlopen(Request(f"{base}/rest/events", headers={"Authorization": f"Basic {login}"})) for _ in range(3)]
        for stream in streams:
            assert stream.readline() == b": tigrest\n"
        began = time.monotonic()
        process.terminate()
        for stream in streams:
            stream.read()
        assert process.wait(10) == 0
        assert time.monotonic() - began < 8  # a server that waits for its streams takes 10
    log = (tmp_path / "log").read_text()
    assert log.count("GET /rest/events 200") == 3
    assert "Traceback" not in log
    assert "ERROR" not in log
