"""The README's promise, kept by a real process, real sockets and the lines it prints, pasted into a shell."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import Process, first_serving, fresh_serving, serving, tigrest
from tests.curl import BASE, SHELLS

HELLO = """
from tigrest import Handler

class Hello(Handler):
    regex = r"/hello/([^/]+)"

    def exec_get(self, name):
        return {{"greeting": {{"to": name, "version": {version}}}}}
"""


def eventually(ask: Callable[[], Any], expected: Any, seconds: float = 10.0) -> None:
    """Wait until asking gives what is expected; what it gave last is shown when it never does."""
    end = time.monotonic() + seconds
    while (got := ask()) != expected:
        assert time.monotonic() < end, f"still {got!r}, not {expected!r}"
        time.sleep(0.05)


def pasted(process: Process) -> tuple[list[str], dict[str, str], str]:
    """Return the lines to paste, the passwords and the API key that a start prints."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Or open"):
        lines.append(process.stdout.readline().strip())
    passwords = {line.split()[0]: line.split()[2] for line in lines if " password " in line}
    key = next(line.split()[-1] for line in lines if line.startswith("API key"))
    return [line for line in lines if line.startswith("curl")], passwords, key


def test_every_line_it_prints_works_when_pasted_and_again_after_a_restart(tmp_path: Path) -> None:
    assert shutil.which("curl"), "the lines are for curl: apt-get install curl"
    seen = []
    for shell in SHELLS:
        with fresh_serving("--access-log", cwd=tmp_path) as (process, _):
            commands, passwords, key = pasted(process)
            seen.append((passwords, key))
            answers = [
                subprocess.run(_shell(shell, line), cwd=tmp_path, capture_output=True, check=True, timeout=30).stdout for line in commands
            ]
            process.terminate()
            assert process.wait(10) == 0
        assert (tmp_path / "avatar.png").read_bytes().startswith(b"\x89PNG")
        (tmp_path / "avatar.png").unlink()
        assert json.loads(answers[1])["status"]["success"] is True
        assert json.loads(answers[2])["command"]["fields"] == [{"var": "Users: 1", "label": "text-multi", "value": ["alice@localhost"]}]
        assert b'type="result"' in answers[3]
        log = (tmp_path / "log").read_text()
        assert "/rest/stream" in log
        for secret in (*passwords.values(), key):
            assert secret not in log
    assert seen[0] == seen[1]
    assert (tmp_path / "var" / "demo-credentials.json").stat().st_mode & 0o777 == 0o600


def _shell(name: str, line: str) -> list[str]:
    return [name, "-c", line.replace("curl ", "curl -sS --fail ", 1)]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_line_that_new_prints_works_when_pasted(tmp_path: Path, shell: str) -> None:
    (tmp_path / "config.toml").write_text('[http]\nhost = "::1"')
    assert "try: curl 'http://[::1]:8080/rest/a/world'\n" in tigrest("new", "a", "--config", "config.toml", cwd=tmp_path).stdout
    printed = tigrest("new", "orders/my-list", cwd=tmp_path).stdout
    [line] = re.findall(r"^try: (curl .*)$", printed, re.MULTILINE)
    with serving(cwd=tmp_path) as (_, base):
        answer = subprocess.run(_shell(shell, line.replace(BASE, base)), cwd=tmp_path, capture_output=True, check=True, timeout=30)
    assert answer.stdout == b"<greeting><to>world</to><from>localhost</from></greeting>"


def test_a_script_is_live_when_saved_and_gone_when_deleted(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "rest" / "tested" / "greetings" / "hello.py"
    with serving(cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:

        def answer() -> Any:
            response = client.get("/rest/tested/greetings/hello/bob?type=json")
            return response.json()["greeting"]["version"] if response.status_code == 200 else response.status_code

        assert answer() == 404
        script.parent.mkdir(parents=True)
        script.write_text(HELLO.format(version=1))
        eventually(answer, 1)
        script.write_text(HELLO.format(version=2))
        eventually(answer, 2)
        script.write_text("broken(")
        eventually(lambda: client.get("/rest/").json()["problem_count"], 1)
        assert answer() == 2
        script.write_text(HELLO.format(version=3))
        eventually(answer, 3)
        assert client.get("/rest/").json()["problem_count"] == 0
        script.unlink()
        eventually(answer, 404)
    assert "hello.py:1: SyntaxError" in (tmp_path / "log").read_text()


IN_FLIGHT = """
import asyncio
from pathlib import Path
from tigrest import Handler

class Slow(Handler):
    regex = "/slow"

    async def exec_get(self):
        while not Path("go").exists():
            await asyncio.sleep(0.02)
        return "{version}"

    async def exec_post(self):
        return "{version}"
"""


def test_a_request_in_flight_finishes_on_the_version_it_began_with(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "rest" / "slow.py"
    script.parent.mkdir(parents=True)
    script.write_text(IN_FLIGHT.format(version="old"))
    with serving(cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client, ThreadPoolExecutor() as pool:
        before = pool.submit(httpx2.get, f"{base}/rest/slow", timeout=30)
        time.sleep(0.2)
        script.write_text(IN_FLIGHT.format(version="new"))
        eventually(lambda: client.post("/rest/slow").text, "new")
        assert not before.done()
        (tmp_path / "go").touch()
        assert before.result().text == "old"
        assert client.get("/rest/slow").text == "new"


LOADED = """
import sys
from tigrest import Handler

class Loaded(Handler):
    regex = "/loaded"

    async def exec_get(self):
        return str("slixmpp.jid" in sys.modules)
"""


def test_what_prepares_addresses_is_imported_before_the_first_request(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "rest" / "loaded.py"
    script.parent.mkdir(parents=True)
    script.write_text(LOADED)
    with first_serving(cwd=tmp_path) as (_, base):
        assert httpx2.get(f"{base}/rest/loaded").text == "True"
        assert httpx2.get(f"{base}/rest/avatar/ü@localhost").status_code == 404


def test_keys_made_and_revoked_beside_the_running_gateway_count(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (process, base), httpx2.Client(base_url=base) as client:
        _, passwords, _ = pasted(process)
        admin = ("admin@localhost", passwords["admin@localhost"])

        def status(key: str) -> int:
            iq = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
            return client.post("/rest/stream", content=iq, auth=admin, headers={"Api-Key": key}).status_code

        made = tigrest("api-key", "add", "ci", cwd=tmp_path)
        assert made.returncode == 0
        key = made.stdout.strip().split()[-1]
        eventually(lambda: status(key), 200)
        assert tigrest("api-key", "revoke", "ci", cwd=tmp_path).returncode == 0
        eventually(lambda: status(key), 403)
        assert key not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rest/avatar/a%2540b%40localhost", 404),
        ("/rest/avatar/alice%40localhost", 200),
        ("/rest/avatar/%FF", 400),
        ("/rest/avatar/a%0Ab", 400),
    ],
)
def test_paths_are_decoded_once(tmp_path: Path, path: str, status: int) -> None:
    with serving(cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:
        assert client.get(path).status_code == status


def test_an_oversized_head_is_refused_and_others_are_served(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (_, base), httpx2.Client(base_url=base) as client:
        assert client.get("/rest/tested/test", headers={"X-Big": "x" * 1_000_000}).status_code == 431
        assert client.get("/rest/tested/test").status_code == 200


def test_a_body_that_stalls_is_given_up(tmp_path: Path) -> None:
    with serving(cwd=tmp_path, TIGREST__HTTP__REQUEST_TIMEOUT="0.3") as (_, base):
        host, port = base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = "POST /rest/user/alice@localhost/status HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: application/json"
            key = json.loads((tmp_path / "var" / "demo-credentials.json").read_text())["api_key"]
            connection.sendall(f"{head}\r\nApi-Key: {key}\r\n\r\n{{".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
