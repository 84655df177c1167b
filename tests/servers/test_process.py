"""``tigrest serve`` as people run it, a process on uvloop, in front of each server."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import httpx2
import pytest

from tests.cli.process import serving
from tests.servers.client import online
from tests.servers.conftest import StartServer
from tests.servers.gateway import eventually
from tests.servers.process import SECRET

PING = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"


@pytest.mark.parametrize("kind", ["prosody", "ejabberd"])
def test_it_serves_survives_the_server_and_ends_well(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    (tmp_path / "secret").write_text(SECRET + "\n")
    settings = {
        "XMPP__BACKEND": "component",
        "XMPP__SECRET_FILE": str(tmp_path / "secret"),
        "XMPP__PORT": str(server.component),
        "XMPP__C2S_PORT": str(server.c2s),
        "XMPP__C2S_TLS": "allow",
        "XMPP__SEND_AS": "user",
        "AUTH__API_KEYS": '[{name = "test", key = "test-key", paths = []}]',
    }
    with (
        serving("--access-log", cwd=tmp_path, **{f"TIGREST__{key}": value for key, value in settings.items()}) as (process, base),
        httpx2.Client(base_url=base, auth=("admin", "adminpw"), headers={"Api-Key": "test-key"}, timeout=60) as client,
        online(server, "bob") as bob,
    ):
        assert client.get("/health/ready").status_code == 200
        assert "result" in client.post("/rest/stream", content=PING).text
        for number in range(200):
            message = f"<message to='bob@localhost' type='chat'><body>{number}</body></message>"
            assert client.post("/rest/stream", content=message).status_code == 200
        assert [bob.message(str(number))["body"] for number in range(200)][-1] == "199"
        assert client.get("/rest/adhoc/localhost").status_code == 200
        assert client.get("/rest/adhoc/localhost", auth=("admin", "wrong")).status_code == 401
        body = {"command": {"node": "pre-bind-bosh-session", "fields": [{"var": "from", "value": "admin@localhost"}]}}
        assert client.post("/rest/adhoc/bosh@localhost", json=body).status_code in (200, 503)  # [bosh] url is the default here
        server.kill()
        eventually(lambda: client.get("/health/ready").status_code == 503)
        down = client.post("/rest/stream", content=PING, headers={"Accept": "application/json"})
        assert (down.status_code, "retry-after" in down.headers) == (503, True)
        assert "no connection" in json.loads(down.text)["detail"]
        server.start()
        eventually(lambda: client.get("/health/ready").status_code == 200, 40.0)
        assert "result" in client.post("/rest/stream", content=PING).text
        process.terminate()
        assert process.wait(15) == 0
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    for secret in (SECRET, "adminpw", "test-key"):
        assert secret not in log


def test_a_server_that_comes_later_is_found(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("prosody")
    server.stop()
    with (
        serving(cwd=tmp_path, **{f"TIGREST__{key}": value for key, value in server.settings().items()}) as (_, base),
        httpx2.Client() as client,
    ):
        assert client.get(f"{base}/health/ready").status_code == 503
        assert client.get(f"{base}/rest/avatar/alice@localhost").status_code == 503
        assert client.get(f"{base}/rest/tested/test").status_code == 200
        server.start()
        eventually(lambda: client.get(f"{base}/health/ready").status_code == 200, 40.0)
        time.sleep(0.1)
        assert client.get(f"{base}/rest/avatar/alice@localhost").status_code == 404


def test_senders_are_told_what_could_not_be_stored_before_the_end(start_server: StartServer, tmp_path: Path) -> None:
    """The database is locked by another program when the gateway has to stop: nothing that it took is lost in silence."""
    server = start_server("prosody")
    variables = {f"TIGREST__{key}": value for key, value in server.settings().items()}
    hook = '[{name = "hook", url = "http://127.0.0.1:9/"}]'
    with serving(cwd=tmp_path, TIGREST__WEBHOOKS=hook, **variables) as (process, base), online(server, "bob") as bob:
        eventually(lambda: httpx2.get(f"{base}/health/ready").status_code == 200)
        other = sqlite3.connect(tmp_path / "var" / "tigrest.sqlite3", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        bob.send("<message to='bot@http.localhost' type='chat' id='m1'><body>keep this</body></message>")
        time.sleep(0.5)
        process.terminate()
        error = bob.expect(lambda stanza: stanza["id"] == "m1", 20.0)
        assert (error["type"], error["error"]["condition"]) == ("error", "resource-constraint")
        assert process.wait(20) == 0
        other.close()
    assert "Traceback" not in (tmp_path / "log").read_text()
