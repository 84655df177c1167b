"""The sites for nginx that ``etc/`` and the pages show, in front of ``tigrest serve``."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.cli.process import Process, serving
from tests.servers.gateway import eventually
from tests.servers.nginx import HOST, Proxy, connections, nginx
from tests.servers.process import free_ports
from tests.test_docs import blocks

ROOT = Path(__file__).parent.parent.parent

LOGIN = ("-u", "alice:alicepw")
BODY = ("-H", "Content-Type: application/json", "-d", '{"kind": "message", "to": "bob@localhost", "body": "hello"}')
STATUS = ("-o", "/dev/null", "-w", "%{http_code}")

ACCOUNTS = '[{jid = "alice@localhost", password = "alicepw"}, {jid = "bob@localhost", password = "bobpw"}]'


def site(kind: str) -> str:
    """Return a site: of ``etc/``, of the page about operating, or that of ``etc/`` with what the page about events adds."""
    shipped = (ROOT / "etc" / "nginx.conf").read_text("utf-8")
    [shown], [events] = blocks("operating.md", "nginx"), blocks("events.md", "nginx")
    added = shipped.replace("    location = /rest {", f"    {events.text}\n    location = /rest {{")
    return {"etc": shipped, "page": shown.text, "events": added}[kind]


@dataclass
class Served:
    """A gateway behind nginx."""

    proxy: Proxy
    port: int
    folder: Path
    process: Process

    def log(self) -> str:
        """Return what the gateway has logged."""
        return (self.folder / "log").read_text()


@contextmanager
def gateway(folder: Path, port: int) -> Iterator[Process]:
    """Run the gateway with the setting that the site asks for."""
    options = ("--access-log", "--port", str(port))
    variables = {"TIGREST__HTTP__TRUSTED_PROXIES": '["127.0.0.1"]', "TIGREST__EMBEDDED__ACCOUNTS": ACCOUNTS}
    with serving(*options, cwd=folder, **variables) as (process, _):
        yield process


@contextmanager
def served(kind: str, folder: Path) -> Iterator[Served]:
    """Run nginx with a site in front of a gateway."""
    [port] = free_ports(1)
    (folder / "nginx").mkdir()
    with gateway(folder, port) as process, nginx(site(kind), port, folder / "nginx") as proxy:
        yield Served(proxy, port, folder, process)


@pytest.fixture(scope="module", params=["etc", "page", "events"])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(request.param, tmp_path_factory.mktemp("behind")) as running:
        yield running


def test_a_post_arrives_at_every_spelling_of_the_path(behind: Served) -> None:
    for path in ("/rest", "/rest?type=json", "/rest/", "/rest/message/chat/bob@localhost"):
        body = BODY if "message" not in path else ("-H", "Content-Type: text/plain", "-d", "hello")
        assert behind.proxy.curl(path, *LOGIN, *body, *STATUS) == "202", path
    assert behind.proxy.curl("/rest", *STATUS, "-H", "Accept: application/json") == behind.proxy.curl(
        "/rest/", *STATUS, "-H", "Accept: application/json"
    )


def test_connections_to_the_gateway_are_kept(behind: Served) -> None:
    before = connections(behind.port).count("closed")
    for _ in range(20):
        assert behind.proxy.curl("/rest/tested/test", *STATUS) == "200"
    states = connections(behind.port)
    assert 1 <= states.count("open") <= 4, states
    assert states.count("closed") <= before, states


def test_callers_have_their_own_address_whatever_they_claim(behind: Served) -> None:
    behind.proxy.curl("/rest/tested/test?mark=1", "--interface", "127.0.0.9", "-H", "X-Forwarded-For: 192.0.2.66")
    eventually(lambda: "127.0.0.9" in behind.log())
    assert "192.0.2.66" not in behind.log()


def test_the_gateway_knows_the_host_the_port_and_that_there_was_tls(behind: Served) -> None:
    index = behind.proxy.curl("/rest/", "-H", "Accept: text/html")
    assert f"https://{HOST}:{behind.proxy.https}/rest/" in index, re.findall("http[^<]*rest", index)[:3]
    origin = ("-H", f"Origin: https://{HOST}:{behind.proxy.https}")
    assert behind.proxy.curl("/rest", *LOGIN, *BODY, *STATUS, *origin) == "202"
    assert behind.proxy.curl("/rest", *LOGIN, *BODY, *STATUS, "-H", f"Origin: https://{HOST}") == "403"


def test_it_speaks_http_2(behind: Served) -> None:
    assert behind.proxy.curl("/rest", *LOGIN, *BODY, "-o", "/dev/null", "-w", "%{http_version} %{http_code}") == "2 202"


def test_bodies_may_be_as_large_as_the_gateway_takes_them(behind: Served) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(1024 * 1024 - 8)
    for extra, statuses in ((b"", ("200", "400", "422")), (b"x", ("413",))):
        file = behind.folder / "body"
        file.write_bytes(picture + extra)
        given = ("-X", "PUT", "-H", "Content-Type: image/png", "--data-binary", f"@{file}")
        assert behind.proxy.curl("/rest/avatar/alice@localhost", *LOGIN, *given, *STATUS) in statuses, len(extra)


def test_files_may_be_larger_than_other_bodies(behind: Served) -> None:
    file = behind.folder / "large.bin"
    file.write_bytes(bytes(3 * 1024 * 1024))
    assert '"url"' in behind.proxy.curl("/rest/upload?type=json", *LOGIN, "-F", f"file=@{file}")
    assert '"url"' in behind.proxy.curl("/rest/upload/large.bin?type=json", *LOGIN, "-T", str(file))


def test_events_come_at_once(behind: Served) -> None:
    port = behind.proxy.https
    command = ["curl", "-sN", "--cacert", behind.proxy.authority, "--resolve", f"{HOST}:{port}:127.0.0.1", *LOGIN]
    with subprocess.Popen([*command, f"https://{HOST}:{port}/rest/events"], stdout=subprocess.PIPE, text=True) as reading:
        try:
            assert reading.stdout is not None
            assert reading.stdout.readline() == ": tigrest\n"  # long before the first comment after 15 s
            body = ("-H", "Content-Type: application/json", "-d", '{"kind": "message", "to": "alice@http.localhost", "body": "now"}')
            began = time.monotonic()
            assert behind.proxy.curl("/rest", "-u", "bob:bobpw", *body, *STATUS) == "202"
            while "now" not in reading.stdout.readline():
                pass
            assert time.monotonic() - began < 10  # a buffering proxy gives it away with the comment, or never
        finally:
            reading.kill()


def test_only_handlers_are_public_and_no_query_is_logged(tmp_path: Path) -> None:
    with served("etc", tmp_path) as running:
        for path in ("/metrics", "/health/live", "/", "/restaurant"):
            assert running.proxy.curl(path, *STATUS) == "404", path
        assert httpx2.get(f"http://127.0.0.1:{running.proxy.http}/rest/", headers={"Host": HOST}, trust_env=False).status_code == 404
        running.proxy.curl("/rest/tested/test?api-key=hush")
    logs = "".join(path.read_text() for path in (tmp_path / "nginx").glob("*.log"))
    assert re.search(r'"GET /rest/tested/test HTTP/2\.0" 200', logs)
    assert "hush" not in logs + (tmp_path / "log").read_text()


def test_a_restart_of_the_gateway_costs_no_request_afterwards(tmp_path: Path) -> None:
    with served("etc", tmp_path) as running:
        assert running.proxy.curl("/rest", *LOGIN, *BODY, *STATUS) == "202"
        running.process.terminate()
        assert running.process.wait(20) == 0
        assert running.proxy.curl("/rest", *LOGIN, *BODY, *STATUS) == "502"
        with gateway(tmp_path, running.port):
            answers = [running.proxy.curl("/rest", *LOGIN, *BODY, *STATUS) for _ in range(5)]
    assert answers == ["202"] * 5
