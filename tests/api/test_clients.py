"""Clients that were written for ejabberd, unchanged, against the program as it is served."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ejabberdapi import Ejabberd, EjabberdNotFoundError, EjabberdServerError, EjabberdUnauthorizedError

from tests.cli.process import demo, prepare, serving, tigrest

LINES = Path(__file__).with_name("ejabberd_lines.sh")

CONFIG = """
[api]
mounts = { "/api/v0" = 0, "/v1/api" = 1, "/ejabberd/api" = { version = 0, compat = "ejabberd" } }

[http]
request_timeout = 3.0
"""

STUBBORN = """
import asyncio
from tigrest import CommandContext, command

@command(role=None)
async def never_ends(ctx: CommandContext) -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

@command(role=None)
def lies(ctx: CommandContext) -> int:
    return "sesame"
"""


@dataclass(frozen=True)
class Served:
    """A running program.

    Args:
        base: its base URL.
        folder: in which it runs.
        password: of admin@localhost.
    """

    base: str
    folder: Path
    password: str

    @property
    def log(self) -> str:
        """Return what it has logged."""
        return (self.folder / "log").read_text()

    def client(self, password: str = "") -> Any:
        """Return a client of ejabberd that logs in as its admin."""
        secrets = self.folder / "secrets"
        lines = {
            "api_base_url": f"{self.base}/ejabberd",
            "local_vhost": "localhost",
            "admin_account": "admin@localhost",
            "admin_pass": password or self.password,
        }
        secrets.write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
        return Ejabberd(str(secrets))

    def run(self, shell: str, text: str) -> str:
        """Run lines of curl, with the login of the admin in curl's own configuration, and return what they print."""
        (self.folder / ".curlrc").write_text(f'silent\nuser = "admin@localhost:{self.password}"\n')
        variables = {"CURL_HOME": str(self.folder), "HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        done = subprocess.run([shell, "-c", text], env=variables, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    prepare(folder)
    for name, text in {"etc/config.toml": CONFIG, "scripts/commands/stubborn.py": STUBBORN}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    with serving(cwd=folder) as (_, base):
        yield Served(base, folder, demo(folder)["passwords"]["admin"])


def test_ejabberdapi_works_unchanged(served: Served) -> None:
    client = served.client()
    assert client.status() == "The gateway http.localhost 0.1.0 serves localhost."
    assert (client.check_account("admin", "localhost"), client.check_account("carol", "localhost")) == (True, False)
    assert client.register("carol", "localhost", "correct horse") == (True, "User carol@localhost successfully registered")
    assert client.register("carol", "localhost", "correct horse") == (False, "el compte carol@localhost ja existeix!")
    assert client.check_account("carol", "localhost") is True
    assert client.unregister("admin", "localhost") == (False, True)  # it protects the admin itself
    assert client.unregister("carol", "localhost") == (True, False)
    assert client.check_account("carol", "localhost") is False


def test_ejabberdapi_reads_sessions(served: Served) -> None:
    status = """curl -X POST -H 'Content-Type: application/json' -d '{"command": {"available": true, "show": "away"}}'"""
    assert '"success":true' in served.run("bash", f"{status} '{served.base}/rest/user/admin@localhost/status/desk'")
    sessions = served.client().user_sessions_info("admin", "localhost")
    assert (sessions.resource, sessions.ip, sessions.priority, sessions.statustext) == ("desk", "", None, None)


def test_ejabberdapi_gets_the_errors_that_it_knows(served: Served) -> None:
    with pytest.raises(EjabberdUnauthorizedError):
        served.client("wrong").check_account("admin", "localhost")
    with pytest.raises(EjabberdNotFoundError):
        served.client().unregister("nobody", "localhost")
    with pytest.raises(EjabberdServerError, match="501"):  # it asks for the number of Erlang's processes
        served.client().stats()


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_lines_of_curl_work_as_printed(served: Served, shell: str) -> None:
    text = LINES.read_text().replace("http://localhost:5280", served.base)
    old, new, *printed = served.run(shell, text).splitlines()
    assert (old, new) == ('{"levelatom":"info"}', '"info"')
    versions, rest = printed[:10], printed[10:]
    assert versions == [
        '"info" api/get_loglevel',
        '{"levelatom":"info"} api/get_loglevel/v0',
        '{"levelatom":"info"} api/get_loglevel/v1',
        '{"levelatom":"info"} v1/api/get_loglevel',
        '"info" v2/api/get_loglevel',
        '{"levelatom":"info"} v1/api/get_loglevel/v0',
        '"info" v1/api/get_loglevel/v2',
        '{"levelatom":"info"} api/v0/get_loglevel',
        '{"levelatom":"info"} api/v0/get_loglevel/v1',
        '"info" api/v0/get_loglevel/v2',
    ]
    registered, exists, by_post, by_get, again, unregistered, gone = map(json.loads, rest)
    assert (registered, exists, unregistered, gone) == (
        "User eve@localhost successfully registered",
        0,
        "User eve@localhost successfully unregistered",
        1,
    )
    assert by_post == by_get
    assert {"admin", "eve"} <= set(by_post)
    assert (again["status"], again["code"]) == ("error", 10090)


def test_mongooseims_line_of_curl_works_as_printed(served: Served) -> None:
    assert shutil.which("jq"), "jq is not installed"
    line = 'curl -v "http://localhost:8088/api/commands" | jq'.replace("http://localhost:8088", served.base)
    listed = {each["name"]: each for each in json.loads(served.run("bash", line))}
    expected = {"path": "/commands", "method": "GET", "desc": "List commands", "category": "commands", "args": {}, "action": "read"}
    assert {name: listed["list_methods"][name] for name in expected} == expected


def test_a_command_that_does_not_end_is_answered_without_it(served: Served) -> None:
    answer = json.loads(served.run("bash", f"curl -X POST {served.base}/api/never_ends"))
    assert (answer["status"], answer["detail"]) == (504, "never_ends gave no result within 3 s")
    assert served.run("bash", f"curl -X POST {served.base}/api/which -o /dev/null -w '%{{http_code}}'") == "404"
    assert "swallows CancelledError; the caller is answered without it" in served.log


def test_a_result_that_does_not_fit_is_logged_and_not_shown(served: Served) -> None:
    answer = served.run("bash", f"curl -X POST {served.base}/api/lies")
    assert json.loads(answer)["status"] == 500
    assert "lies (stubborn.py) does not return what it declares" in served.log
    assert "sesame" not in answer + served.log


def test_calls_are_in_the_log_without_secrets(served: Served) -> None:
    served.client().register("dave", "localhost", "sesame, open")
    served.client().unregister("dave", "localhost")
    [line] = re.findall(r".* register\(.*dave.*", served.log)
    assert re.search(
        r"tigrest\.audit .*admin@localhost 127\.0\.0\.1 http register\(user='dave', host='localhost', password=\*\*\*\) ok", line
    )
    assert "sesame" not in served.log


@pytest.mark.parametrize("path", ["/metrics", "/health", "/rest", "/rest/mine", "/console", "/oauth/x"])
def test_a_mount_where_the_gateway_serves_itself_is_an_error(path: str, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.toml").write_text(f'[api]\nmounts = {{ "{path}" = 0 }}\n')
    done = tigrest("serve", "--port", "0", cwd=tmp_path)
    problem = f"tigrest: api.mounts: {path} is served by the gateway itself; choose another path\n"
    assert (done.returncode, done.stderr) == (2, problem)
