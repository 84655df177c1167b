"""The ``curl`` lines of the index page work as pasted, whatever the shell, the address and the handler."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import serving as serving_process
from tests.curl import SHELLS, STREAM_SECONDS, Pasted, Shell, listening
from tests.scripts.test_end_to_end import pasted
from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, PASSWORD, TestGateway, serving

NOT_HERE = {
    "GET /rest/adhoc/{jid}/{resource}": 404,  # there is no such client
    "POST /rest/adhoc/{jid}/{resource}": 404,
    "GET /rest/bosh/prebind": 501,
    "GET /rest/archive/{jid}": 501,  # the embedded domain has no archive; tests/servers/test_dialect.py reads those of rooms
    "DELETE /rest/room/{room}": 204,
    "GET /rest/adhoc/bosh@{domain}": 404,  # the embedded domain has no BOSH; tests/servers/test_bosh.py tries these on servers
    "POST /rest/adhoc/bosh@{domain}": 501,
    "POST /rest/hooks/{name}[/message]": 401,  # there is no such hook; tests/hooks makes some
    "PUT /rest/hooks/{name}[/message]": 401,
    "POST /rest/hooks": 401,
}
"""What the embedded domain does not have, and says so."""


@contextmanager
def reachable(*scripts: Path, host: str = "127.0.0.1") -> Iterator[tuple[TestGateway, str]]:
    """Run a gateway that listens, with an avatar to look at."""
    with serving(*scripts) as gateway, listening(gateway, host) as base:
        assert gateway.put("/rest/avatar/alice@localhost", login="alice", content=picture("alice")).status_code == 200
        yield gateway, base


def entries(gateway: TestGateway, base: str, **options: Any) -> list[dict[str, Any]]:
    """Return the entries of the index as whoever reaches the gateway at an address sees them; accounts are made before they are changed."""
    document = gateway.get("/rest/", headers={"Host": base.removeprefix("http://"), "Accept": "application/json"}, **options).json()
    routes: list[dict[str, Any]] = sorted(document["routes"], key=lambda entry: entry["method"] != "PUT")
    return routes


def paste(shell: str, folder: Path, line: str) -> Pasted:
    """Paste a line; one that reads a stream ends after a while."""
    return Shell(shell, folder, STREAM_SECONDS if " -N " in line else 20.0).paste(line)


def own(line: str) -> str:
    """Put password and key into a line, as the page tells its readers."""
    return line.replace("PASSWORD", PASSWORD).replace("KEY", API_KEY)


def test_the_lines_of_a_served_gateway_work_with_the_credentials_that_it_prints(tmp_path: Path) -> None:
    with serving_process(cwd=tmp_path) as (process, base), httpx2.Client(base_url=base) as client:
        _, passwords, key = pasted(process)
        for entry in sorted(client.get("/rest/").json()["routes"], key=lambda entry: str(entry["method"] != "PUT")):
            line = re.sub(r"-u '?([^:]+):PASSWORD'?", lambda match: f"-u {match[1]}:{passwords[match[1]]}", entry["curl"])
            answer = paste("bash", tmp_path, line.replace("KEY", key))
            expected = NOT_HERE.get(f"{entry['method']} {entry['uri']}")
            assert answer.status in ((200, 202) if expected is None else (expected,)), f"{line}\n{answer}"


@pytest.mark.parametrize("shell", SHELLS)
def test_every_line_of_the_index_works_as_pasted(shell: str, tmp_path: Path) -> None:
    with reachable() as (gateway, base):
        for entry in entries(gateway, base):
            name = f"{entry['method']} {entry['uri']}"
            answer = paste(shell, tmp_path, own(entry["curl"]))
            expected = (NOT_HERE[name],) if name in NOT_HERE else (200, 202)
            assert answer.status in expected, f"{entry['curl']}\n{answer}"
            assert not answer.error or "-N" in entry["curl"], answer


def test_the_page_shows_the_same_lines_as_the_json() -> None:
    with serving() as gateway:
        page = gateway.get("/rest/", headers={"Accept": "text/html"}).text
        shown = [html.unescape(text) for text in re.findall(r"<pre>(curl .*?)</pre>", page, re.DOTALL)]
        assert sorted(shown) == sorted(entry["curl"] for entry in entries(gateway, "http://testserver"))
        assert "type=html" not in page
        assert gateway.get("/rest/?type=html").text == page
        assert "routes" in gateway.get("/rest/?type=json", headers={"Accept": "text/html"}).json()


def test_samples_are_of_the_domain_that_is_served() -> None:
    with serving() as gateway:
        page = gateway.get("/rest/", headers={"Accept": "text/html"}).text
        assert '{"body": "Hello", "to": "alice@localhost"}' in html.unescape(page)
        assert "example.com" not in "".join(re.findall(r"<pre>.*?</pre>", page, re.DOTALL))


def test_who_has_logged_in_sees_his_own_address() -> None:
    def logins(login: str) -> set[str]:
        lines = [entry["curl"] for entry in entries(gateway, "http://testserver", login=login)]
        return {match[1] for line in lines if (match := re.search(r"-u '?([^:]+):PASSWORD", line))}

    with serving() as gateway:
        assert logins("") == {"alice@localhost", "admin@localhost"}
        assert logins("bob") == {"bob@localhost", "admin@localhost"}
        assert logins("admin") == {"admin@localhost"}
        assert gateway.get("/rest/", login="bob").headers["cache-control"] == "no-store"


NASTY = """
from enum import Enum
from pydantic import BaseModel, Field
from tigrest import JID, Handler

class Fruit(Enum):
    APPLE = "apple"

class Each(Handler):
    regex = r"/([^/]+)/(\\\\d{4})-(\\\\d\\\\d)/(?P<kind>a[bc]|d)(?:/(.*))?"
    def exec_get(self, name, year: int, month, rest, kind): return {"args": [name, year, month, kind, rest]}

class Typed(Handler):
    regex = "/typed/(.+)/(.+)/(.+)/(.+)"
    def exec_get(self, to: JID, fruit: Fruit, yes: bool, number: float): return {"args": [to, fruit, yes, number]}

class Quoted(Handler):
    regex = r"/quoted/([^/]+)"
    description = {
        "example": "/quoted/it%27s%20[a]{1,3}&more?type=json&x=$HOME&y=`id`",
        "POST": {"request": {"say": "it's \\"$HOME\\" `id` & {a,b} [1-3] !! \\\\\\\\ # %41 <x>"}},
        "PUT": {"request": "@/etc/passwd"},
        "DELETE": {"request": "<a b='c'>\\n  <d/>\\n</a>"},
    }
    def exec_get(self, name): return {"name": name}
    def exec_post(self, name, content): return content
    async def exec_put(self, content, name): return {"text": (await content.body()).decode()}
    def exec_delete(self, content, name): return content

class Order(BaseModel):
    customer: JID
    cake: str = Field(pattern="^(apple|plum)$", examples=["plum"])

class Search(BaseModel):
    cake: list[str]

class Modelled(Handler):
    regex = "/modelled"
    async def exec_post(self, content: Order): return content
    async def exec_get(self, query: Search): return query

class Intricate(Handler):
    regex = r"/(a|b)\\\\1"
    def exec_get(self, letter): return letter
""".replace("\\\\", "\\")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_lines_of_ones_own_handlers_work_as_pasted(shell: str, host: str, tmp_path: Path) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("there is no IPv6 here")
    folder = tmp_path / "scripts" / "with space" / "ü'"
    folder.mkdir(parents=True)
    (folder / "nasty.py").write_text(NASTY)
    with reachable(tmp_path / "scripts", host=host) as (gateway, base):
        assert gateway.gateway.table.problems == ()
        mine = [entry for entry in entries(gateway, base) if "nasty.py" in entry["script"]]
        lines = {(entry["method"], entry["uri"].rpartition("/ü'/")[2].partition("/")[0]): entry["curl"] for entry in mine}
        shown = {key: Shell(shell, tmp_path).paste(line) for key, line in lines.items() if line is not None}
    assert all((answer.status, answer.error) == (200, "") for answer in shown.values()), (lines, shown)
    assert [key for key, line in lines.items() if line is None] == [("GET", "{letter}1")]
    text = {key: answer.text for key, answer in shown.items()}
    assert "<item>1111</item>" in text["GET", "{name}"]
    assert "<item>alice@localhost</item><item>apple</item><item>true</item><item>1.0</item>" in text["GET", "typed"]
    assert text["GET", "quoted"] == '{"name":"it\'s [a]{1,3}&more"}'
    assert text["POST", "quoted"] == '{"say":"it\'s \\"$HOME\\" `id` & {a,b} [1-3] !! \\\\ # %41 <x>"}'
    assert text["POST", "modelled"] == '{"customer":"alice@localhost","cake":"plum"}'
    assert text["GET", "modelled"] == "<cake><item>text</item></cake>"
    assert "@/etc/passwd" in text["PUT", "quoted"]
    assert text["DELETE", "quoted"] == "<a><d></d></a>"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
        return True
    except OSError:
        return False
