"""Files in the storage of each server, as the pages about them configure it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.process import Process, serving
from tests.servers.client import online
from tests.servers.conftest import StartServer
from tests.servers.gateway import eventually, gateway_for
from tests.servers.newer import NewerEjabberd
from tests.servers.process import XmppServer
from tests.servers.test_rooms_service import room_of
from tigrest.testing import TestGateway

NEWER_TOO = True
ALICE, ADMIN = "alice:alicepw", "admin:adminpw"

GRANTED = " ".join(f"http://jabber.org/protocol/disco#{what}" for what in ("info", "items")) + " urn:xmpp:http:upload:0"
"""What ``mod_privilege`` of newer ejabberds has to grant, so that the gateway's iqs reach the upload service."""


@pytest.fixture(scope="module")
def storing(server: XmppServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[XmppServer]:
    """Give a server whose upload service the gateway reaches."""
    with ExitStack() as stack:
        if isinstance(server, NewerEjabberd):
            server = NewerEjabberd(tmp_path_factory.mktemp("granting"), granted=GRANTED)
            stack.callback(server.stop)
            server.start()
        yield server


@pytest.fixture(scope="module")
def gateway(storing: XmppServer) -> Iterator[TestGateway]:
    with gateway_for(storing) as running:
        yield running


@pytest.mark.parametrize("login", [ALICE, ADMIN])
def test_a_file_arrives_in_the_storage(gateway: TestGateway, login: str) -> None:
    data = bytes(range(256)) * 20_000
    answer = gateway.post("/rest/upload?filename=../na\u00efve plan.pdf", login=login, content=data, type="application/pdf")
    assert answer.status_code == 200, answer.text
    found = httpx2.get(answer.json()["url"])
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, data, "application/pdf")


def test_what_is_too_large_for_the_server_is_refused_with_its_limit(gateway: TestGateway) -> None:
    refused = gateway.post("/rest/upload?filename=big", login=ALICE, content=b"x" * 6_000_001)
    assert (refused.status_code, "6000000 bytes (max-file-size of upload.localhost)" in refused.text) == (413, True), refused.text


def test_messages_with_files_reach_a_user_and_a_room(gateway: TestGateway, storing: XmppServer) -> None:
    files = {"file": ("b.png", b"\x89PNG" * 30_000, "image/png")}

    def has_file(stanza: Any) -> bool:
        return bool(stanza.name == "message" and stanza["body"].startswith("http://localhost:"))

    with online(storing, "admin") as admin, room_of(admin) as room:
        for path in ("/rest/message/chat/admin@localhost", f"/rest/room/{room}"):
            answer = gateway.post(path, login=ALICE, files=files)
            assert answer.status_code in (200, 202), answer.text
            message = admin.expect(has_file)
            url = message.xml.findtext("{jabber:x:oob}x/{jabber:x:oob}url")
            assert (message["body"], httpx2.get(url).content) == (url, files["file"][1])


def memory(process: Process) -> int:
    """Return the bytes of memory that a process has."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_large_files_pass_through_the_gateway_without_filling_its_memory(start_server: StartServer, tmp_path: Path) -> None:
    """12 MB, as the body and in a form; 100 MB in ``make soak``."""
    size = int(os.environ.get("TIGREST_SOAK_FILE", "12000000"))
    server = start_server("prosody", file_size=str(size))
    variables = {f"TIGREST__{key}": value for key, value in server.settings().items()}

    def file() -> Iterator[bytes]:
        for number in range(size // 100_000):
            yield bytes([number % 256]) * 100_000

    with serving(cwd=tmp_path, **variables) as (process, base), httpx2.Client(auth=("alice", "alicepw"), timeout=300) as client:
        eventually(lambda: client.get(f"{base}/health/ready").status_code == 200)
        small = client.post(f"{base}/rest/upload?filename=small", content=b"x" * 100_000)
        assert small.status_code == 200, small.text
        before = memory(process)
        whole = client.post(f"{base}/rest/upload?filename=big", content=file(), headers={"Content-Length": str(size)})
        (tmp_path / "big").write_bytes(b"".join(file()))
        with (tmp_path / "big").open("rb") as big:
            form = client.post(f"{base}/rest/upload", files={"file": ("big", big)})
        after = memory(process)
        for answer in (whole, form):
            assert answer.status_code == 200, answer.text
            assert len(httpx2.get(answer.json()["url"]).content) == size
    assert after - before < 8_000_000
